"""Who may do what with seals and checkpoints, and that nobody may change what is in the audit log."""

from django.db import migrations
from django.db.migrations import RunSQL

from config.kernel.walls import APP, SYSTEM, WORKER, append_only, grant, tenant_wall

# All but transaction_id: whoever could choose it could keep an entry from being sealed.
WRITTEN = "id, organization_id, action, actor_id, object_type, object_id, data, request_id, occurred_at"


class Migration(migrations.Migration):
    dependencies = [("users", "0006_audit_by_transaction")]

    operations = [
        RunSQL(
            [
                f"REVOKE INSERT ON users_auditentry FROM {APP}, {SYSTEM}",
                f"GRANT INSERT ({WRITTEN}) ON users_auditentry TO {APP}, {SYSTEM}",
            ],
            [
                f"REVOKE INSERT ({WRITTEN}) ON users_auditentry FROM {APP}, {SYSTEM}",
                f"GRANT INSERT ON users_auditentry TO {APP}, {SYSTEM}",
            ],
        ),
        # The worker seals, platform entries too; who serves requests can read seals and forge none.
        tenant_wall("users_auditseal", platform_rows=True, system="SELECT"),
        grant("users_auditseal", "SELECT"),
        grant("users_auditseal", "INSERT", to=WORKER),
        tenant_wall("users_auditcheckpoint", platform_rows=True, system="SELECT"),
        grant("users_auditcheckpoint", "SELECT, INSERT", to=WORKER),
        append_only("users_auditentry"),
        append_only("users_auditseal"),
        append_only("users_auditcheckpoint"),
    ]
