"""Who may do what with accounts, sessions and the audit log."""

from django.db import migrations

from config.kernel.walls import SYSTEM, grant, tenant_wall


class Migration(migrations.Migration):
    dependencies = [("users", "0001_initial")]

    operations = [
        grant("users_user", "SELECT, INSERT, UPDATE"),
        grant("users_user", "SELECT, UPDATE", to=SYSTEM),
        grant("users_session", "SELECT, INSERT, UPDATE"),
        grant("users_onetimetoken", "SELECT, INSERT, UPDATE"),
        # Append-only for everybody who serves: no role but the migrator may change or delete an entry.
        tenant_wall("users_auditentry", platform_rows=True, system="SELECT, INSERT"),
        grant("users_auditentry", "SELECT, INSERT"),
    ]
