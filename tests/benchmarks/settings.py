"""Settings of a benchmarked web process: the local stack's, with the yardsticks beside the product's addresses.

The limits count as in production, and nobody reaches them: one address plays thousands of customers here.
"""

from config.settings.local import *  # noqa: F403

ROOT_URLCONF = "tests.benchmarks.urls"
RATELIMIT_ENABLE = True
RATE_LIMIT_FACTOR = 1_000_000
