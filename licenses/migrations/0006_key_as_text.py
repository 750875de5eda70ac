"""The licence's key is an encrypted text field now; the column stays what and where it is."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("licenses", "0005_tenant_references")]

    operations = [
        migrations.SeparateDatabaseAndState(
            state_operations=[
                migrations.RenameField("license", "key_encrypted", "key"),
                migrations.AlterField("license", "key", models.BinaryField(db_column="key_encrypted")),
            ]
        ),
    ]
