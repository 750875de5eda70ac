"""Who may do what with the outbox and the local mailbox."""

from django.db import migrations

from config.kernel.walls import grant, tenant_wall


class Migration(migrations.Migration):
    dependencies = [("emails", "0001_initial")]

    operations = [
        tenant_wall("emails_emaillog"),
        grant("emails_emaillog", "SELECT, INSERT, UPDATE"),
        grant("emails_mailboxmessage", "SELECT, INSERT"),
    ]
