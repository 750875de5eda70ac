"""Who may do what with the users that Firebase knows."""

from django.db import migrations

from config.kernel.walls import grant


class Migration(migrations.Migration):
    dependencies = [("users", "0008_firebase_identity")]

    # Whose a Firebase user is stays as it was linked.
    operations = [grant("users_firebaseidentity", "SELECT, INSERT, UPDATE (not_before)")]
