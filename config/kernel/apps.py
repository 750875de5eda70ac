"""The kernel as a Django app: it has no models, only checks, commands and the grants of the job queue."""

from django.apps import AppConfig
from django.utils.module_loading import autodiscover_modules


class KernelConfig(AppConfig):
    """Registers the check that refuses a database role stronger than the process may have, and what apps count."""

    name = "config.kernel"
    label = "kernel"

    def ready(self) -> None:
        """Import the system checks, and the page `metrics` of each app that has one, so that they are known."""
        from config.kernel import checks, process_metrics  # noqa: F401, PLC0415  (they register themselves on import)

        autodiscover_modules("metrics")
