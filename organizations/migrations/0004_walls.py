"""The walls around invitations and teams, and whose invitation a token is of."""

from django.db import migrations

from config.kernel.walls import definer_function, grant, tenant_wall


class Migration(migrations.Migration):
    dependencies = [("organizations", "0003_teams_and_invitations")]

    operations = [
        tenant_wall("organizations_team"),
        grant("organizations_team", "SELECT, INSERT, UPDATE, DELETE"),
        tenant_wall("organizations_teammembership"),
        grant("organizations_teammembership", "SELECT, INSERT, DELETE"),
        tenant_wall("organizations_invitation"),
        grant("organizations_invitation", "SELECT, INSERT, UPDATE"),
        # Closing an organization destroys its keys; nothing else that serves can.
        definer_function(
            signature="destroy_data_keys(asked_organization uuid)",
            returns="void",
            language="plpgsql",
            body="""
                BEGIN
                    DELETE FROM organizations_datakey k USING organizations_organization o
                    WHERE k.organization_id = asked_organization AND o.id = asked_organization AND o.status = 'closed';
                END
            """,
        ),
        # The token's hash is a secret of 256 bits: who can ask for it holds the invitation.
        definer_function(
            signature="invitation_organization(asked_hash bytea)",
            returns="uuid",
            body="""
                SELECT i.organization_id FROM organizations_invitation i
                JOIN organizations_organization o ON o.id = i.organization_id
                WHERE i.token_hash = asked_hash AND o.status <> 'closed'
            """,
        ),
    ]
