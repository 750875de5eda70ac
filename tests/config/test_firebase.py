"""Where the Auth emulator would be believed, and what is configured but not there, no process starts."""

import os
import subprocess
import sys

import pytest
from django.core.exceptions import ImproperlyConfigured
from django.test import override_settings

from tests.plugins import servers
from users.firebase import guard


class TestEmulator:
    @pytest.mark.parametrize("module", ["base", "production"])
    @pytest.mark.parametrize("start", ["import config.wsgi", "import django; django.setup()"])
    def test_stops_every_process_outside_local_and_test_settings(self, module: str, start: str) -> None:
        told = started(start, DJANGO_SETTINGS_MODULE=f"config.settings.{module}")
        assert told.returncode != 0
        assert "FIREBASE_AUTH_EMULATOR_HOST is set" in told.stderr

    @pytest.mark.parametrize("module", ["local", "test"])
    def test_may_be_used_with_local_and_test_settings(self, module: str) -> None:
        told = started("import django; django.setup()", DJANGO_SETTINGS_MODULE=f"config.settings.{module}")
        assert told.returncode == 0, told.stderr


class TestPackage:
    def test_that_is_missing_stops_a_process_that_is_configured_for_it(self) -> None:
        hidden = "import sys; sys.modules['firebase_admin'] = None; import django; django.setup()"
        told = started(hidden, DJANGO_SETTINGS_MODULE="config.settings.local", FIREBASE_PROJECT_ID="p")
        assert "firebase-admin is not installed" in told.stderr

    def test_is_loaded_by_nobody_who_does_not_use_it(self) -> None:
        start = "import config.wsgi, sys; assert not {'firebase_admin', 'grpc', 'google.auth'} & set(sys.modules)"
        told = started(start, DJANGO_SETTINGS_MODULE="config.settings.local", FIREBASE_PROJECT_ID="p")
        assert told.returncode == 0, told.stderr


@override_settings(FIREBASE_AUTH_EMULATOR_HOST="127.0.0.1:9099", FIREBASE_EMULATOR_ALLOWED=False)
def test_the_refusal_names_the_variable() -> None:
    with pytest.raises(ImproperlyConfigured, match="FIREBASE_AUTH_EMULATOR_HOST"):
        guard.refuse_unsafe()


def started(code: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """Start a process with the emulator's variable set, and return how it went."""
    return subprocess.run(
        [sys.executable, "-c", code],
        env={**os.environ, "FIREBASE_AUTH_EMULATOR_HOST": "127.0.0.1:9099", **environment},
        cwd=servers.ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
