"""The walls around licences, and what is asked before an organization is known: which licence has this key?"""

from django.db import migrations

from config.kernel.walls import definer_function, grant, tenant_wall


class Migration(migrations.Migration):
    dependencies = [("licenses", "0001_initial"), ("subscriptions", "0002_walls")]

    operations = [
        tenant_wall("licenses_license"),
        grant("licenses_license", "SELECT, INSERT, UPDATE"),
        tenant_wall("licenses_activation"),
        grant("licenses_activation", "SELECT, INSERT, UPDATE, DELETE"),
        tenant_wall("licenses_licensesession"),
        grant("licenses_licensesession", "SELECT, INSERT, UPDATE"),
        # The key's hash is a secret of 90 bits: who can ask for it holds the key.
        definer_function(
            signature="license_by_key(asked_hash bytea, asking_user uuid, asking_machine bytea)",
            returns="""TABLE (id uuid, organization_id uuid, tier varchar, features jsonb, max_seats integer,
                seats_used bigint, status varchar, suspension_reason varchar, expires_at timestamptz,
                grace_period_ends_at timestamptz, access_policy varchar, require_activation boolean,
                activated boolean, holds_seat boolean, role varchar, looked_up_at timestamptz)""",
            body="""
                SELECT l.id, l.organization_id, l.tier, l.features, l.max_seats,
                    (SELECT count(*) FROM licenses_licensesession s
                     WHERE s.organization_id = l.organization_id AND s.license_id = l.id
                       AND s.ended_at IS NULL AND s.expires_at > clock_timestamp()),
                    l.status, l.suspension_reason, l.expires_at, l.grace_period_ends_at, l.access_policy,
                    l.require_activation,
                    asking_machine IS NOT NULL AND EXISTS (
                        SELECT FROM licenses_activation a
                        WHERE a.organization_id = l.organization_id AND a.license_id = l.id
                          AND a.hardware_hash = asking_machine),
                    asking_machine IS NOT NULL AND EXISTS (
                        SELECT FROM licenses_licensesession s
                        WHERE s.organization_id = l.organization_id AND s.license_id = l.id
                          AND s.hardware_hash = asking_machine AND s.ended_at IS NULL
                          AND s.expires_at > clock_timestamp()),
                    (SELECT m.role FROM organizations_membership m
                     WHERE m.organization_id = l.organization_id AND m.user_id = asking_user),
                    clock_timestamp()
                FROM licenses_license l WHERE l.key_hash = asked_hash
            """,
        ),
    ]
