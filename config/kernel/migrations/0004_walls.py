"""Who may do what with remembered requests."""

from django.db import migrations

from config.kernel.walls import grant


class Migration(migrations.Migration):
    dependencies = [("kernel", "0003_idempotent_request")]

    operations = [grant("kernel_idempotentrequest", "SELECT, INSERT, UPDATE, DELETE")]
