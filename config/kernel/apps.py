"""The kernel as a Django app: it has no models, only checks, commands and the grants of the job queue."""

from django.apps import AppConfig


class KernelConfig(AppConfig):
    """Registers the check that refuses a database role stronger than the process may have."""

    name = "config.kernel"
    label = "kernel"

    def ready(self) -> None:
        """Import the system checks so that Django knows them."""
        from config.kernel import checks  # noqa: F401, PLC0415  (registers itself on import)
