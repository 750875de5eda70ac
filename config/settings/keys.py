"""Settings of keys: where they lie, who keeps the one that wraps the others, how long what they sign may live."""

from django.core.exceptions import ImproperlyConfigured

from config import env

_ENV = env.read()

KEYS_DIR = _ENV["KEYS_DIR"]
# A deployment whose key folder is not mounted must fail, not begin anew with keys of its own.
CREATE_MISSING_KEYS = False
LOOKUP_HASH_KEY = _ENV["LOOKUP_HASH_KEY"]

KEY_ENCRYPTION_PROVIDER = _ENV["KEY_ENCRYPTION_PROVIDER"] or "files"
GOOGLE_KMS_KEYS = _ENV["GOOGLE_KMS_KEYS"]
GOOGLE_KMS_API_BASE = _ENV["GOOGLE_KMS_API_BASE"]
KEY_BACKUP_DAYS = _ENV["KEY_BACKUP_DAYS"]
if KEY_ENCRYPTION_PROVIDER not in {"files", "google_kms"}:
    raise ImproperlyConfigured("KEY_ENCRYPTION_PROVIDER is neither files nor google_kms")
if KEY_ENCRYPTION_PROVIDER == "google_kms" and not GOOGLE_KMS_KEYS:
    raise ImproperlyConfigured("GOOGLE_KMS_KEYS is empty, with KEY_ENCRYPTION_PROVIDER=google_kms")

# Asked before a signing key is removed: until when may something live that it signed? A purpose that is not here may
# sign for ever, and its keys are never removed.
SIGNED_UNTIL = {
    "user-tokens": "users.tokens.signed_until",
    "seat-tokens": "licenses.seats.tokens.signed_until",
    "license-files": "licenses.selectors.signed_until",
    "answers": "api.http.answer_signatures.signed_until",
}
