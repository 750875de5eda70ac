"""The only reader of the environment: every setting that differs between deployments, declared once."""

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from django.core.exceptions import ImproperlyConfigured

REQUIRED = object()
"""Marks a setting without which no process starts."""


@dataclass(frozen=True)
class Setting:
    """One environment variable: its default (or REQUIRED), the type it is read as, and what it is for."""

    name: str
    kind: type
    default: Any
    about: str


SETTINGS = [
    Setting("SECRET_KEY", str, REQUIRED, "Django's secret for cookies and CSRF. At least 50 characters in production."),
    Setting(
        "PUBLIC_URL", str, "http://127.0.0.1:8000", "Where people reach this service; links in mails start with it."
    ),
    Setting(
        "ALLOWED_HOSTS", list, ["127.0.0.1", "localhost", "[::1]"], "Host headers that are answered, comma separated."
    ),
    Setting(
        "DATABASE_URL", str, REQUIRED, "PostgreSQL as the role of this process: coditect_app (web) or coditect_worker."
    ),
    Setting("DATABASE_SYSTEM_URL", str, REQUIRED, "PostgreSQL as coditect_system, the one door across organizations."),
    Setting("DATABASE_POOL_SIZE", int, 16, "Most connections one process keeps to PostgreSQL as its own role."),
    Setting("REDIS_URL", str, REQUIRED, "Redis or Valkey, 6.2 or newer: the seat gate and rate limits."),
    Setting("KEYS_DIR", Path, REQUIRED, "Folder of key files, one folder a purpose (see docs/adr/0005-keys.md)."),
    Setting(
        "KEY_ENCRYPTION_PROVIDER",
        str,
        "",
        "Who keeps the key-encryption key: files (in KEYS_DIR; the default, but to be said in production), google_kms.",
    ),
    Setting(
        "GOOGLE_KMS_KEYS",
        list,
        [],
        "Names of KMS keys, projects/…/cryptoKeys/…: the first wraps, all of them open. For google_kms.",
    ),
    Setting("GOOGLE_KMS_API_BASE", str, "", "Another address of Cloud KMS: a stand-in. Empty for Google itself."),
    Setting("KEY_BACKUP_DAYS", int, 7, "How long a backup of the wrapped data keys is kept (manage.py back_up_keys)."),
    Setting(
        "LOOKUP_HASH_KEY",
        str,
        REQUIRED,
        "32 random bytes as hex: keys the hashes of licence keys, machines and tokens.",
    ),
    Setting("STRIPE_SECRET_KEY", str, REQUIRED, "Stripe's secret or restricted key."),
    Setting(
        "STRIPE_WEBHOOK_SECRETS", list, REQUIRED, "Signing secrets of our webhook endpoint; several while one rotates."
    ),
    Setting(
        "STRIPE_API_BASE", str, "", "Another address of Stripe's API: the local stand-in. Empty for Stripe itself."
    ),
    Setting(
        "CHECKOUT_REDIRECT_ORIGINS", list, [], "Origins, beside PUBLIC_URL's, that Checkout may send people back to."
    ),
    Setting(
        "FIREBASE_PROJECT_ID",
        str,
        "",
        "Firebase project whose ID tokens sign people in; empty: none (docs/firebase.md).",
    ),
    Setting(
        "FIREBASE_CREDENTIALS", str, "", "Path of its service account's key. Empty: the machine's own credentials."
    ),
    Setting(
        "FIREBASE_SIGN_IN_PROVIDERS",
        list,
        ["password", "google.com", "apple.com", "github.com", "microsoft.com"],
        "Ways to sign in at Firebase that are accepted, comma separated; anonymous never is.",
    ),
    Setting("FIREBASE_SYNC_USERS", bool, False, "Copy verified users (no password) to the Firebase project."),
    Setting("FIREBASE_API_BASE", str, "", "Another address of Google's APIs, for tests. Empty for Google itself."),
    Setting(
        "FIREBASE_AUTH_EMULATOR_HOST", str, "", "host:port of the Auth emulator, which believes any token. Local only."
    ),
    Setting(
        "EMAIL_PROVIDER",
        str,
        "mailbox",
        "sendgrid, smtp, or mailbox (kept here, shown at /local/mailbox; not in production).",
    ),
    Setting("EMAIL_FROM", str, "CODITECT <no-reply@coditect.example>", "Sender of every mail."),
    Setting("SMTP_URL", str, "", "smtp://user:password@host:587 (STARTTLS) or smtps://…:465, for EMAIL_PROVIDER=smtp."),
    Setting("SENDGRID_API_KEY", str, "", "SendGrid's key, allowed to send mail, for EMAIL_PROVIDER=sendgrid."),
    Setting(
        "SENDGRID_API_BASE",
        str,
        "https://api.sendgrid.com",
        "SendGrid's API; https://api.eu.sendgrid.com for the EU. Anything else is a stand-in, not in production.",
    ),
    Setting(
        "SENDGRID_TEMPLATES",
        dict,
        {},
        "Dynamic templates as JSON, kind: id, to use in place of ours (manage.py push_mail_templates prints it).",
    ),
    Setting(
        "SENDGRID_WEBHOOK_PUBLIC_KEYS",
        list,
        [],
        "Verification keys of SendGrid's event webhook, base64; several while one rotates. Without one none is taken.",
    ),
    Setting(
        "EXPOSE_VERIFICATION_TOKEN", bool, False, "Registration answers with the mail's token. Local and test only."
    ),
    Setting("SEAT_LEASE_SECONDS", int, 360, "Length of a seat lease. The contract says 360; tests shorten it."),
    Setting("SESSION_RETENTION_DAYS", int, 400, "How long past sessions are kept; statistics by day stay for ever."),
    Setting(
        "METRICS_TOKEN",
        str,
        "",
        "Bearer token that Prometheus brings to /metrics; empty: no such page, local runs excepted (docs/operations).",
    ),
    Setting(
        "WORKER_METRICS_ADDRESS",
        str,
        "",
        "host:port of a worker's own /metrics, say 0.0.0.0:9101; empty: none.",
    ),
    Setting("TRUSTED_PROXY_COUNT", int, 0, "How many proxies of ours stand before the web; 0: none."),
    Setting("RATELIMIT_ENABLE", bool, True, "Rate limits. Off in local and test runs only."),
    Setting("LOG_LEVEL", str, "INFO", "DEBUG, INFO, WARNING or ERROR."),
]


def read(settings: list[Setting] = SETTINGS, environ: Mapping[str, str] | None = None) -> dict[str, Any]:
    """Return every declared setting, read from `environ` (the process's own by default).

    Raises ImproperlyConfigured naming all missing and all malformed settings at once, so that a new
    deployment is put right in one go and not name by name.
    """
    source = os.environ if environ is None else environ
    values: dict[str, Any] = {}
    faults: list[str] = []
    for setting in settings:
        raw = source.get(setting.name)
        if raw is None or (raw == "" and setting.default is not REQUIRED):
            if setting.default is REQUIRED:
                faults.append(f"{setting.name} is missing: {setting.about}")
            values[setting.name] = setting.default
            continue
        try:
            values[setting.name] = _convert(raw, setting.kind)
        except ValueError as error:
            faults.append(f"{setting.name} is not usable: {error}")
    if faults:
        raise ImproperlyConfigured("The environment is incomplete (see .env.example):\n  " + "\n  ".join(faults))
    return values


def _convert(raw: str, kind: type) -> Any:
    if kind is bool:
        if raw.lower() not in {"true", "false", "1", "0"}:
            raise ValueError("write true or false")
        return raw.lower() in {"true", "1"}
    if kind is list:
        return [item.strip() for item in raw.split(",") if item.strip()]
    if raw == "":
        raise ValueError("it is empty")
    if kind is dict:
        return _object_of_texts(raw)
    return kind(raw)


def _object_of_texts(raw: str) -> dict[str, str]:
    value = json.loads(raw)
    if not isinstance(value, dict) or not all(isinstance(each, str) for each in value.values()):
        raise ValueError("write a JSON object of texts")
    return value


def example() -> str:
    """Return the text of `.env.example`: each setting with its purpose and default."""
    lines = ["# Every setting this service reads. Written by: ./dev manage env_example > .env.example", ""]
    for setting in SETTINGS:
        default = "" if setting.default is REQUIRED else setting.default
        if isinstance(default, list):
            default = ",".join(default)
        if isinstance(default, dict):
            default = json.dumps(default)
        required = " Required." if setting.default is REQUIRED else ""
        shown = str(default).lower() if isinstance(default, bool) else default
        lines += [f"# {setting.about}{required}", f"{setting.name}={shown}", ""]
    return "\n".join(lines).rstrip() + "\n"
