"""What the web cannot do to accounts even with SQL of its own: make platform admins, lift a suspension, move a session."""

from django.db import migrations

from config.kernel.walls import freeze, refuse_new


class Migration(migrations.Migration):
    dependencies = [("users", "0002_walls")]

    operations = [
        refuse_new("users_user", "is_platform_admin"),
        # Staff suspend accounts, through the system door.
        freeze("users_user", "id", "is_platform_admin", "status", "created_at"),
        freeze("users_session", "id", "user_id", "ip_address", "user_agent", "created_at"),
        freeze("users_onetimetoken", "id", "user_id", "purpose", "token_hash", "created_at"),
    ]
