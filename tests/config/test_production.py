"""Production refuses to start with anything unsafe, and says all of it at once."""

import json
import os
import subprocess
import sys

import pytest

from tests.plugins import servers

SAFE = {
    "DJANGO_SETTINGS_MODULE": "config.settings.production",
    "SECRET_KEY": "p" * 50,
    "PUBLIC_URL": "https://cloud.coditect.example",
    "ALLOWED_HOSTS": "cloud.coditect.example",
    "DATABASE_URL": "postgresql://coditect_app@db.example/coditect",
    "DATABASE_SYSTEM_URL": "postgresql://coditect_system@db.example/coditect",
    "REDIS_URL": "redis://redis.example/0",
    "KEYS_DIR": "/keys",
    "KEY_ENCRYPTION_PROVIDER": "files",
    "LOOKUP_HASH_KEY": "0a" * 32,
    "STRIPE_SECRET_KEY": "sk_live_x",
    "STRIPE_WEBHOOK_SECRETS": "whsec_x",
    "EMAIL_PROVIDER": "smtp",
    "SMTP_URL": "smtp://mail.example:587",
}
UNSAFE = {
    "SECRET_KEY": ("p" * 49, "SECRET_KEY is shorter than 50"),
    "PUBLIC_URL": ("http://cloud.coditect.example", "PUBLIC_URL is not https"),
    "ALLOWED_HOSTS": ("cloud.coditect.example,*", "ALLOWED_HOSTS answers to every host"),
    "LOOKUP_HASH_KEY": ("zz" * 32, "LOOKUP_HASH_KEY is not 32 bytes of hex"),
    "KEY_ENCRYPTION_PROVIDER": ("", "KEY_ENCRYPTION_PROVIDER is not said"),
    "GOOGLE_KMS_API_BASE": ("http://127.0.0.1:1", "GOOGLE_KMS_API_BASE points away"),
    "METRICS_TOKEN": ("m" * 31, "METRICS_TOKEN is shorter than 32"),
    "STRIPE_WEBHOOK_SECRETS": (" , ", "STRIPE_WEBHOOK_SECRETS is empty"),
    "STRIPE_API_BASE": ("http://127.0.0.1:12111", "STRIPE_API_BASE points away"),
    "FIREBASE_AUTH_EMULATOR_HOST": ("127.0.0.1:9099", "FIREBASE_AUTH_EMULATOR_HOST is set"),
    "FIREBASE_API_BASE": ("http://127.0.0.1:12112", "FIREBASE_API_BASE points away"),
    "FIREBASE_SYNC_USERS": ("true", "FIREBASE_SYNC_USERS is on, without"),
    "EMAIL_PROVIDER": ("mailbox", "EMAIL_PROVIDER=mailbox"),
    "SMTP_URL": ("", "SMTP_URL is empty"),
    "SENDGRID_API_BASE": ("http://127.0.0.1:12113", "SENDGRID_API_BASE points away"),
    "EXPOSE_VERIFICATION_TOKEN": ("true", "EXPOSE_VERIFICATION_TOKEN is on"),
    "SEAT_LEASE_SECONDS": ("3600", "SEAT_LEASE_SECONDS is not the 360"),
}
# Every environment is tried in one process: starting Python for each would take longer than all of them.
TRIAL = """
import importlib, json, os, sys
from django.core.exceptions import ImproperlyConfigured
told = []
for environment in json.load(sys.stdin):
    os.environ.clear(); os.environ.update(environment)
    for name in [name for name in sys.modules if name.startswith("config")]:
        del sys.modules[name]
    try:
        settings = importlib.import_module("config.settings.production")
    except ImproperlyConfigured as error:
        told.append(str(error))
    else:
        told.append({name: getattr(settings, name) for name in (
            "DEBUG", "LOCAL_MAILBOX", "SESSION_COOKIE_SECURE", "CSRF_COOKIE_SECURE", "SECURE_HSTS_SECONDS")})
print(json.dumps(told))
"""


@pytest.fixture(scope="module")
def verdicts() -> dict[str, object]:
    """Return what production says to safe settings, to each unsafe one alone, and to all of them."""
    all_at_once = {name: value for name, (value, _) in UNSAFE.items() if name not in ("SMTP_URL",)}
    sendgrid = SAFE | {"EMAIL_PROVIDER": "sendgrid", "SMTP_URL": ""}
    trials = {"sendgrid": sendgrid, "keyed": sendgrid | {"SENDGRID_API_KEY": "SG.x"}}
    trials |= {"safe": SAFE, "all": SAFE | all_at_once, **{name: SAFE | {name: UNSAFE[name][0]} for name in UNSAFE}}
    done = subprocess.run(
        [sys.executable, "-c", TRIAL],
        input=json.dumps(list(trials.values())),
        env={"PATH": os.environ["PATH"]},
        cwd=servers.ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    return dict(zip(trials, json.loads(done.stdout), strict=True))


class TestProduction:
    def test_starts_hardened_with_safe_settings(self, verdicts: dict[str, object]) -> None:
        assert verdicts["safe"] == {"DEBUG": False, "LOCAL_MAILBOX": False, "SESSION_COOKIE_SECURE": True,
                                    "CSRF_COOKIE_SECURE": True, "SECURE_HSTS_SECONDS": 31_536_000}  # fmt: skip

    @pytest.mark.parametrize("name", UNSAFE)
    def test_refuses(self, verdicts: dict[str, object], name: str) -> None:
        told = str(verdicts[name])
        assert told.startswith("Refusing to start")
        assert UNSAFE[name][1] in told
        assert len(told.splitlines()) == 2, "nothing else is wrong with it"

    def test_sends_through_sendgrid_with_a_key_only(self, verdicts: dict[str, object]) -> None:
        assert "SENDGRID_API_KEY is empty" in str(verdicts["sendgrid"])
        assert verdicts["keyed"] == verdicts["safe"]

    def test_names_everything_unsafe_at_once(self, verdicts: dict[str, object]) -> None:
        for name in set(UNSAFE) - {"SMTP_URL"}:
            assert UNSAFE[name][1] in str(verdicts["all"]), name

    def test_shows_no_secret_when_it_refuses(self, verdicts: dict[str, object]) -> None:
        assert "zz" not in str(verdicts["LOOKUP_HASH_KEY"])
        assert "pppp" not in str(verdicts["SECRET_KEY"])
