"""Settings of a deployment: the base ones, hardened, refusing to start when something is unsafe."""

import re

from django.core.exceptions import ImproperlyConfigured

from config.settings.base import *

SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")
SECURE_SSL_REDIRECT = False  # the load balancer redirects; health checks reach the pods by plain HTTP
SECURE_HSTS_SECONDS = 31_536_000
SECURE_HSTS_INCLUDE_SUBDOMAINS = True
SECURE_HSTS_PRELOAD = True
SESSION_COOKIE_SECURE = True
CSRF_COOKIE_SECURE = True

_UNSAFE = {
    "SECRET_KEY is shorter than 50 characters": len(SECRET_KEY) < 50,
    "EXPOSE_VERIFICATION_TOKEN is on": EXPOSE_VERIFICATION_TOKEN,
    "RATELIMIT_ENABLE is off": not RATELIMIT_ENABLE,
    "EMAIL_PROVIDER=mailbox keeps mails instead of sending them": EMAIL_PROVIDER == "mailbox",
    "SMTP_URL is empty, with EMAIL_PROVIDER=smtp": EMAIL_PROVIDER == "smtp" and not SMTP_URL,
    "SENDGRID_API_KEY is empty, with EMAIL_PROVIDER=sendgrid": EMAIL_PROVIDER == "sendgrid" and not SENDGRID_API_KEY,
    "SENDGRID_API_BASE points away from SendGrid": (
        SENDGRID_API_BASE not in {"https://api.sendgrid.com", "https://api.eu.sendgrid.com"}
    ),
    "STRIPE_API_BASE points away from Stripe": bool(STRIPE_API_BASE),
    "FIREBASE_AUTH_EMULATOR_HOST is set: the emulator believes any token": bool(FIREBASE_AUTH_EMULATOR_HOST),
    "FIREBASE_API_BASE points away from Google": bool(FIREBASE_API_BASE),
    "FIREBASE_SYNC_USERS is on, without FIREBASE_PROJECT_ID": FIREBASE_SYNC_USERS and not FIREBASE_PROJECT_ID,
    "STRIPE_WEBHOOK_SECRETS is empty": not STRIPE_WEBHOOK_SECRETS,
    "PUBLIC_URL is not https": not PUBLIC_URL.startswith("https://"),
    "SEAT_LEASE_SECONDS is not the 360 of the contract": SEAT_LEASE_SECONDS != 360,
    "LOOKUP_HASH_KEY is not 32 bytes of hex": not re.fullmatch("[0-9a-fA-F]{64}", LOOKUP_HASH_KEY),
    # A file is a good keeper when a secret manager mounts it; that somebody meant it must be said.
    "KEY_ENCRYPTION_PROVIDER is not said: google_kms, or files when KEYS_DIR is mounted from a secret manager": (
        not ENV["KEY_ENCRYPTION_PROVIDER"]
    ),
    "GOOGLE_KMS_API_BASE points away from Google": bool(GOOGLE_KMS_API_BASE),
    "METRICS_TOKEN is shorter than 32 characters": 0 < len(METRICS_TOKEN) < 32,
    "ALLOWED_HOSTS answers to every host": "*" in ALLOWED_HOSTS,
}
if any(_UNSAFE.values()):
    raise ImproperlyConfigured(
        "Refusing to start with unsafe settings:\n  " + "\n  ".join(name for name, unsafe in _UNSAFE.items() if unsafe)
    )
