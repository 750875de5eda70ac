"""How the sealer finds what it has not sealed yet, however long the history is."""

from django.contrib.postgres.operations import AddIndexConcurrently
from django.db import migrations, models


class Migration(migrations.Migration):
    atomic = False  # an index made concurrently stops no writer meanwhile
    dependencies = [("users", "0005_audit_seals")]

    operations = [
        AddIndexConcurrently(
            model_name="auditentry",
            index=models.Index(fields=["organization_id", "transaction_id", "id"], name="audit_by_transaction"),
        ),
    ]
