"""Which database role a management command runs as: the weakest that has the rights it needs.

`./dev manage` goes by this table; docs/operations/commands.md tells the same to whoever runs a deployment.
"""

from collections.abc import Mapping, Sequence

OF_OURS: Mapping[str, str] = {
    "allow_overage": "app",
    "back_up_keys": "app",
    "bootstrap": "migrator",
    "create_keys": "app",
    "create_platform_admin": "migrator",
    "drill_key_rotation": "app",
    "env_example": "app",
    "push_mail_templates": "app",
    "reconcile_billing": "worker",
    "replay_webhooks": "app",
    "restore_keys": "app",
    "rotate_keys": "app",
    "sync_plans": "migrator",
    "sync_portal": "migrator",
    "verify_audit": "app",
    "worker": "worker",
}
# These read or change the structure of the database, or rows on both sides of the walls; all others are content as app.
OF_DJANGOS: Mapping[str, str] = dict.fromkeys(
    ("changepassword", "createsuperuser", "dumpdata", "flush", "loaddata", "makemigrations", "migrate", "procrastinate",
     "remove_stale_contenttypes", "showmigrations", "sqlmigrate", "squashmigrations"),
    "migrator",
)  # fmt: skip


def role_for(arguments: Sequence[str]) -> str:
    """The role of the command that these arguments of manage.py begin with."""
    command = arguments[0] if arguments else ""
    return OF_OURS.get(command) or OF_DJANGOS.get(command, "app")
