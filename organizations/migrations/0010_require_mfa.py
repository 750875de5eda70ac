"""Whether an organization asks its members for two-factor sign-in, told where their memberships are looked up."""

from django.db import migrations, models

from config.kernel.walls import definer_function, replaced

MEMBERSHIPS = definer_function(
    signature="memberships_of(asked_user uuid)",
    returns="TABLE (organization_id uuid, name varchar, slug varchar, role varchar, requests_per_minute integer)",
    body="""
        SELECT m.organization_id, o.name, o.slug, m.role, q.allowed
        FROM organizations_membership m JOIN organizations_organization o ON o.id = m.organization_id
        LEFT JOIN organizations_quota q ON q.organization_id = o.id AND q.name = 'requests_per_minute'
        WHERE m.user_id = asked_user AND o.status <> 'closed' ORDER BY m.id
    """,
)
MEMBERSHIPS_WITH_MFA = definer_function(
    signature="memberships_of(asked_user uuid)",
    returns="""TABLE (organization_id uuid, name varchar, slug varchar, role varchar, requests_per_minute integer,
        require_mfa varchar)""",
    body="""
        SELECT m.organization_id, o.name, o.slug, m.role, q.allowed, o.require_mfa
        FROM organizations_membership m JOIN organizations_organization o ON o.id = m.organization_id
        LEFT JOIN organizations_quota q ON q.organization_id = o.id AND q.name = 'requests_per_minute'
        WHERE m.user_id = asked_user AND o.status <> 'closed' ORDER BY m.id
    """,
)


class Migration(migrations.Migration):
    dependencies = [("organizations", "0009_data_key_walls")]

    operations = [
        migrations.AddField(
            model_name="organization",
            name="require_mfa",
            field=models.CharField(
                choices=[
                    ("nobody", "Nobody"),
                    ("owners_and_admins", "Owners And Admins"),
                    ("everybody", "Everybody"),
                ],
                default="nobody",
                db_default="nobody",
                max_length=24,
            ),
        ),
        *replaced(MEMBERSHIPS, by=MEMBERSHIPS_WITH_MFA),
    ]
