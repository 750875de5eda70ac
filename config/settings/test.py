"""Settings of the test suite: the local ones, with hashing cheap and without connection pools.

The pools are left out because tests switch between database roles and kill servers; the real web process,
with its pool, is exercised by the end-to-end tests.
"""

from config.settings.local import *

# Static files are found when asked for: looking all of them up is done anew by each test's client.
WHITENOISE_AUTOREFRESH = True
PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
# Tests ask often; those of the limits switch them on.
RATELIMIT_ENABLE = False
INSTALLED_APPS = [*INSTALLED_APPS, "django_migration_linter"]
for _alias in DATABASES:
    DATABASES[_alias]["OPTIONS"].pop("pool")
