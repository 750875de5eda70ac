"""The wall around quotas, those of organizations that exist, and how often a member's organization may ask."""

from django.db import migrations

from config.kernel.walls import definer_function, grant, replaced, tenant_wall

EXISTING = """
    INSERT INTO organizations_quota (id, organization_id, name, allowed, used)
    SELECT gen_random_uuid(), o.id, free.name, free.allowed,
        CASE free.name WHEN 'members'
        THEN (SELECT count(*) FROM organizations_membership m WHERE m.organization_id = o.id) ELSE 0 END
    FROM organizations_organization o CROSS JOIN
        (VALUES ('members', 5), ('licenses', 0), ('memory_sessions', 500), ('requests_per_minute', 300))
        AS free (name, allowed)
"""
MEMBERSHIPS = definer_function(
    signature="memberships_of(asked_user uuid)",
    returns="TABLE (organization_id uuid, name varchar, slug varchar, role varchar)",
    body="""
        SELECT m.organization_id, o.name, o.slug, m.role
        FROM organizations_membership m JOIN organizations_organization o ON o.id = m.organization_id
        WHERE m.user_id = asked_user AND o.status <> 'closed' ORDER BY m.id
    """,
)
MEMBERSHIPS_WITH_QUOTA = definer_function(
    signature="memberships_of(asked_user uuid)",
    returns="TABLE (organization_id uuid, name varchar, slug varchar, role varchar, requests_per_minute integer)",
    body="""
        SELECT m.organization_id, o.name, o.slug, m.role, q.allowed
        FROM organizations_membership m JOIN organizations_organization o ON o.id = m.organization_id
        LEFT JOIN organizations_quota q ON q.organization_id = o.id AND q.name = 'requests_per_minute'
        WHERE m.user_id = asked_user AND o.status <> 'closed' ORDER BY m.id
    """,
)


class Migration(migrations.Migration):
    dependencies = [("organizations", "0005_quotas")]

    operations = [
        tenant_wall("organizations_quota"),
        grant("organizations_quota", "SELECT, INSERT, UPDATE"),
        migrations.RunSQL(EXISTING, migrations.RunSQL.noop),
        *replaced(MEMBERSHIPS, by=MEMBERSHIPS_WITH_QUOTA),
    ]
