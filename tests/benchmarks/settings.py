"""Settings of a benchmarked web process: the local stack's, with the yardsticks beside the product's addresses."""

from config.settings.local import *  # noqa: F403

ROOT_URLCONF = "tests.benchmarks.urls"
