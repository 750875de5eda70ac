"""The walls around replaced keys, and the question which licence a key is of, now asked of those as well."""

from django.db import migrations

from config.kernel.walls import definer_function, grant, tenant_reference, tenant_wall


class Migration(migrations.Migration):
    atomic = False  # so that each statement's lock ends with it
    dependencies = [("licenses", "0009_verbs")]

    operations = [
        tenant_wall("licenses_retiredkey", system="SELECT"),
        grant("licenses_retiredkey", "SELECT, INSERT, UPDATE"),
        tenant_reference("licenses_retiredkey", "license_id", to="licenses_license"),
        # Beside `license_by_key`, which is asked by the code that still runs while this is deployed. A hash is of a
        # secret of 90 bits: who can ask for it holds the key. By the clock, and not by a job, a replaced key stops.
        # There is one row always: what is counted of a licence is counted of nothing where there is none, so that
        # the answer takes the same time.
        definer_function(
            signature="license_of_key(asked_hash bytea, asking_user uuid, asking_machine bytea)",
            returns="""TABLE (id uuid, organization_id uuid, tier varchar, features jsonb, max_seats integer,
                overage_seats integer, overage_percent integer, seats_used bigint, status varchar,
                suspension_reason varchar, expires_at timestamptz, grace_period_ends_at timestamptz,
                access_policy varchar, require_activation boolean, match_policy varchar, activated boolean,
                holds_seat boolean, role varchar, key_valid_until timestamptz)""",
            body="""
                SELECT l.id, l.organization_id, l.tier, l.features, l.max_seats, l.overage_seats, l.overage_percent,
                    (SELECT count(*) FROM licenses_licensesession s
                     WHERE s.organization_id = o.id AND s.license_id = coalesce(l.id, o.id)
                       AND s.ended_at IS NULL AND s.expires_at > clock_timestamp()),
                    l.status, l.suspension_reason, l.expires_at, l.grace_period_ends_at, l.access_policy,
                    l.require_activation, l.match_policy,
                    asking_machine IS NOT NULL AND EXISTS (
                        SELECT FROM licenses_activation a
                        WHERE a.organization_id = o.id AND a.license_id = coalesce(l.id, o.id)
                          AND a.hardware_hash = asking_machine),
                    asking_machine IS NOT NULL AND EXISTS (
                        SELECT FROM licenses_licensesession s
                        WHERE s.organization_id = o.id AND s.license_id = coalesce(l.id, o.id)
                          AND s.hardware_hash = asking_machine AND s.ended_at IS NULL
                          AND s.expires_at > clock_timestamp()),
                    (SELECT m.role FROM organizations_membership m
                     WHERE m.organization_id = o.id AND m.user_id = asking_user),
                    k.valid_until
                FROM (SELECT) one
                LEFT JOIN (
                    SELECT c.id, NULL::timestamptz AS valid_until FROM licenses_license c
                    WHERE c.key_hash = asked_hash
                    UNION ALL
                    SELECT r.license_id, r.valid_until FROM licenses_retiredkey r
                    WHERE r.key_hash = asked_hash AND r.valid_until > clock_timestamp()
                ) k ON true
                LEFT JOIN licenses_license l ON l.id = coalesce(k.id, '00000000-0000-0000-0000-000000000000')
                CROSS JOIN LATERAL (
                    SELECT coalesce(l.organization_id, '00000000-0000-0000-0000-000000000000') AS id
                ) o
            """,
        ),
    ]
