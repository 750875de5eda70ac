"""The one function that renews leases: for many sessions at once, across organizations, by verified ids only."""

from django.db import migrations

from config.kernel.walls import definer_function


class Migration(migrations.Migration):
    dependencies = [("licenses", "0002_walls")]

    operations = [
        # The caller has verified the tokens that name session, licence and organization together; a row where the
        # three do not belong together is not found. The licences are locked before the clock is read (in id order, so
        # that two batches cannot block each other): while an acquire holds one, its leases are not renewed beneath it.
        # A lease only grows: of two crossing beats the one with the earlier clock may write last, and the other's
        # holder has been told more.
        definer_function(
            signature="seat_beat(sessions uuid[], licenses uuid[], organizations uuid[], sequences bigint[], "
            "lease_seconds integer)",
            returns="""TABLE (session_id uuid, renewed boolean, beat_at timestamptz, lease_no bigint, sequence bigint,
                hardware_hash bytea, expires_at timestamptz, ended boolean, license_status varchar,
                license_expires_at timestamptz, grace_period_ends_at timestamptz)""",
            language="plpgsql",
            body="""
                #variable_conflict use_column
                DECLARE moment timestamptz;
                BEGIN
                    PERFORM FROM licenses_license l WHERE l.id = ANY (licenses) ORDER BY l.id FOR SHARE;
                    moment := clock_timestamp();
                    RETURN QUERY
                    WITH asked AS (
                        SELECT * FROM unnest(sessions, licenses, organizations, sequences)
                            AS a (session_id, license_id, organization_id, sequence)
                    ), renewing AS (
                        UPDATE licenses_licensesession s
                        SET expires_at = greatest(s.expires_at, moment + lease_seconds * interval '1 second'),
                            last_heartbeat_at = moment,
                            sequence = s.sequence + CASE WHEN a.sequence = s.sequence THEN 1 ELSE 0 END
                        FROM asked a, licenses_license l
                        WHERE s.id = a.session_id AND s.license_id = a.license_id
                          AND s.organization_id = a.organization_id AND l.id = s.license_id
                          AND s.ended_at IS NULL AND s.expires_at > moment
                          AND (a.sequence IS NULL OR s.sequence - a.sequence IN (0, 1))
                          AND (l.status = 'active' AND (l.expires_at IS NULL OR l.expires_at > moment)
                               OR l.status = 'suspended' AND l.grace_period_ends_at > moment)
                        RETURNING s.id, s.lease_no, s.sequence, s.expires_at
                    )
                    SELECT s.id, r.id IS NOT NULL, moment, s.lease_no, coalesce(r.sequence, s.sequence),
                        s.hardware_hash, coalesce(r.expires_at, s.expires_at), s.ended_at IS NOT NULL, l.status,
                        l.expires_at, l.grace_period_ends_at
                    FROM asked a
                    JOIN licenses_licensesession s ON s.id = a.session_id AND s.license_id = a.license_id
                        AND s.organization_id = a.organization_id
                    JOIN licenses_license l ON l.id = s.license_id
                    LEFT JOIN renewing r ON r.id = s.id;
                END
            """,
        ),
    ]
