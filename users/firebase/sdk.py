"""The one importer of Firebase's Admin SDK, which is heavy and optional: imported when it is first needed.

Three things of the pinned SDK are bent here, each for a reason that was measured (docs/firebase.md):
its address of certificates and of the Identity Toolkit, for tests; and its retries, which slept 7 s in a request.
"""

import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime
from functools import lru_cache
from json import JSONDecodeError
from typing import Any
from urllib.parse import urlsplit

import firebase_admin
from django.conf import settings
from firebase_admin import auth, credentials, exceptions
from google.auth.exceptions import GoogleAuthError
from requests.adapters import HTTPAdapter

from config.kernel.errors import DomainError
from users.errors import (
    FirebaseAccountDisabled,
    FirebaseSignInEnded,
    FirebaseTokenExpired,
    FirebaseTokenInvalid,
    FirebaseUnavailable,
)

logger = logging.getLogger(__name__)

CLOCK_SKEW_SECONDS = 10
"""Google's clock and ours differ by a few seconds; the SDK's default of 0 refuses fresh tokens."""
TIMEOUT_SECONDS = 5
RETRY_AFTER_SECONDS = 5

# What the SDK raises when it stumbles over a token, or over an answer of Google's, instead of refusing it.
_STUMBLES = (ValueError, TypeError, AttributeError, KeyError, RecursionError)


def verify(*, id_token: str, check_revoked: bool) -> dict[str, Any]:
    """Return the claims of an ID token of our project, its signature, times, audience and issuer checked.

    `check_revoked` also asks Firebase whether the user is disabled or their sign-ins revoked: one call.
    Raises FirebaseTokenInvalid, FirebaseTokenExpired, FirebaseSignInEnded, FirebaseAccountDisabled, and
    FirebaseUnavailable where Google does not answer and the token cannot be judged without.
    """
    client = _client()
    with _translated(stumble=_invalid):
        claims: dict[str, Any] = client.verify_id_token(id_token, clock_skew_seconds=CLOCK_SKEW_SECONDS)
    if check_revoked:
        # Apart from the first, so that what it stumbles over now is known to be Google's answer and not the token.
        with _translated(stumble=_unavailable):
            client.verify_id_token(id_token, check_revoked=True, clock_skew_seconds=CLOCK_SKEW_SECONDS)
    return claims


@contextmanager
def _translated(*, stumble: Callable[[Exception], DomainError]) -> Iterator[None]:
    """Turn the SDK's failures into ours; `stumble` makes the one for when it trips over its input."""
    try:
        yield
    except auth.ExpiredIdTokenError as error:
        raise FirebaseTokenExpired from error
    except auth.RevokedIdTokenError as error:
        raise FirebaseSignInEnded from error
    except auth.UserDisabledError as error:
        raise FirebaseAccountDisabled from error
    except auth.InvalidIdTokenError as error:
        # The SDK takes an answer that is no JSON (a proxy's page instead of certificates) for a fault of the token.
        if isinstance(error.cause, JSONDecodeError):
            raise _unavailable(error) from error
        raise FirebaseTokenInvalid from error
    except auth.UserNotFoundError as error:
        raise FirebaseTokenInvalid from error
    except (exceptions.FirebaseError, GoogleAuthError) as error:
        raise _unavailable(error) from error
    except _STUMBLES as error:
        raise stumble(error) from error


def put_user(*, uid: str, email: str, full_name: str, disabled: bool) -> bool:
    """Create the user of this uid at Firebase, or bring them up to date; their address counts as verified.

    Returns False when another Firebase user has the address. Raises FirebaseUnavailable.
    """
    state = {"email": email, "display_name": full_name, "email_verified": True, "disabled": disabled}
    client = _client()
    try:
        try:
            client.update_user(uid, **state)
        except auth.UserNotFoundError:
            client.create_user(uid=uid, **state)
    except auth.EmailAlreadyExistsError:
        return False
    except (exceptions.FirebaseError, GoogleAuthError, *_STUMBLES) as error:
        raise _unavailable(error) from error
    return True


def _invalid(error: Exception) -> FirebaseTokenInvalid:
    return FirebaseTokenInvalid()


def _unavailable(error: Exception) -> FirebaseUnavailable:
    logger.warning("firebase cannot be asked: %s: %s", type(error).__name__, error)
    return FirebaseUnavailable(retry_after=RETRY_AFTER_SECONDS)


def _client() -> auth.Client:
    try:
        return _client_of(settings.FIREBASE_PROJECT_ID, settings.FIREBASE_CREDENTIALS, settings.FIREBASE_API_BASE)
    except (OSError, ValueError, GoogleAuthError) as error:
        raise _unavailable(error) from error  # a key file that is not there, a machine without credentials


@lru_cache(maxsize=8)
def _client_of(project_id: str, key_file: str, api_base: str) -> auth.Client:
    """Return the SDK's client; it keeps connections, the access token and, as long as Google says, the certificates."""
    credential = credentials.Certificate(key_file) if key_file else credentials.ApplicationDefault()
    # Not initialize_app: apps of that kind are global, and have names to collide over.
    app = firebase_admin.App("coditect", credential, {"projectId": project_id, "httpTimeout": TIMEOUT_SECONDS})
    client = auth.Client(app)
    accounts, verifier = client._user_manager, client._token_verifier.id_token_verifier
    for scheme in ("https://", "http://"):
        accounts.http_client.session.mount(scheme, HTTPAdapter(max_retries=0))
    if api_base:
        # Or a thread of google-auth's would ask Google itself in which regions the service account may act.
        anywhere = {"encodedLocations": "0x0", "expiry": datetime.max}  # noqa: DTZ901  (it compares naive times)
        credential.get_credential()._set_regional_access_boundary(anywhere)
        accounts.base_url = api_base + urlsplit(accounts.base_url).path
        verifier.cert_url = api_base + urlsplit(verifier.cert_url).path
    return client
