"""The walls around what is known of signed files."""

from django.db import migrations

from config.kernel.walls import grant, tenant_reference, tenant_wall


class Migration(migrations.Migration):
    atomic = False  # so that each statement's lock ends with it
    dependencies = [("licenses", "0007_signed_files")]

    operations = [
        tenant_wall("licenses_signedfile", system="SELECT"),
        grant("licenses_signedfile", "SELECT, INSERT, UPDATE"),
        tenant_reference("licenses_signedfile", "license_id", to="licenses_license"),
    ]
