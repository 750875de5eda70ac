"""What every seat asks is planned once a connection and not at each call; a licence's seats are counted when asked for.

A function in plain SQL is planned anew each time, which cost several times what it then did. A beat was as well:
PostgreSQL takes a list of ids that it does not know for a longer one, and so would rather plan for the one it is given.
"""

from importlib import import_module

from django.db import migrations

from config.kernel.walls import definer_function

LICENSE_BY_KEY = import_module("licenses.migrations.0002_walls").Migration.operations[-1]
BEAT = "FUNCTION seat_beat(uuid[], uuid[], uuid[], bigint[], integer, boolean)"


class Migration(migrations.Migration):
    dependencies = [("licenses", "0017_borrowed_seats")]

    operations = [
        migrations.RunSQL(
            f"ALTER {BEAT} SET plan_cache_mode = force_generic_plan",
            f"ALTER {BEAT} RESET plan_cache_mode",
        ),
        # Beside the function without `counting`, which is asked by the code that still runs while this is deployed.
        # There is one row always: what is looked at of a licence is looked at of nothing where there is none, so that
        # the answer takes the same time.
        definer_function(
            signature="license_of_key(asked_hash bytea, asking_user uuid, asking_machine bytea, counting boolean)",
            returns="""TABLE (id uuid, organization_id uuid, tier varchar, features jsonb, max_seats integer,
                overage_seats integer, overage_percent integer, seats_used bigint, status varchar,
                suspension_reason varchar, expires_at timestamptz, grace_period_ends_at timestamptz,
                access_policy varchar, require_activation boolean, match_policy varchar, activated boolean,
                holds_seat boolean, role varchar, key_valid_until timestamptz)""",
            language="plpgsql",
            planned_once=True,
            body="""
                #variable_conflict use_column
                BEGIN
                RETURN QUERY
                SELECT l.id, l.organization_id, l.tier, l.features, l.max_seats, l.overage_seats, l.overage_percent,
                    CASE WHEN counting THEN (
                        SELECT count(*) FROM licenses_licensesession s
                        WHERE s.organization_id = o.id AND s.license_id = coalesce(l.id, o.id)
                          AND s.ended_at IS NULL AND s.expires_at > clock_timestamp()) END,
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
                ) o;
                END
            """,
        ),
        # Its callers are two releases ago.
        migrations.RunSQL(LICENSE_BY_KEY.reverse_sql, LICENSE_BY_KEY.sql),
    ]
