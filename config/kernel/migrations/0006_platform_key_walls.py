"""Who may do what with the platform's data key: whoever serves reads it, the system door rotates it."""

from django.db import migrations

from config.kernel.walls import SYSTEM, grant


class Migration(migrations.Migration):
    dependencies = [("kernel", "0005_platform_key")]

    operations = [
        grant("kernel_platformkey", "SELECT"),
        grant("kernel_platformkey", "SELECT, INSERT, UPDATE, DELETE", to=SYSTEM),
    ]
