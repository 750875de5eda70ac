"""The walls around organizations, and the one question that is asked before one is known: whose member is this user?"""

from django.db import migrations

from config.kernel.walls import definer_function, grant, tenant_wall


class Migration(migrations.Migration):
    dependencies = [("organizations", "0001_initial"), ("users", "0002_walls")]

    operations = [
        tenant_wall("organizations_organization", column="id"),
        grant("organizations_organization", "SELECT, INSERT, UPDATE"),
        tenant_wall("organizations_membership"),
        grant("organizations_membership", "SELECT, INSERT, UPDATE, DELETE"),
        tenant_wall("organizations_datakey"),
        grant("organizations_datakey", "SELECT, INSERT"),
        definer_function(
            signature="memberships_of(asked_user uuid)",
            returns="TABLE (organization_id uuid, name varchar, slug varchar, role varchar)",
            body="""
                SELECT m.organization_id, o.name, o.slug, m.role
                FROM organizations_membership m JOIN organizations_organization o ON o.id = m.organization_id
                WHERE m.user_id = asked_user AND o.status <> 'closed' ORDER BY m.id
            """,
        ),
    ]
