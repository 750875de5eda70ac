"""A team and its members are of one organization, and who is in a team is a member of the organization."""

from django.db import migrations

from config.kernel.walls import tenant_key, tenant_reference


class Migration(migrations.Migration):
    atomic = False  # so that each statement's lock ends with it
    dependencies = [("organizations", "0006_quota_walls")]

    operations = [
        tenant_key("organizations_team"),
        tenant_reference("organizations_teammembership", "team_id", to="organizations_team"),
        # Leaving the organization is leaving its teams: a place in a team cannot outlive the membership.
        tenant_reference(
            "organizations_teammembership",
            "user_id",
            to="organizations_membership",
            key="user_id",
            on_delete="CASCADE",
        ),
    ]
