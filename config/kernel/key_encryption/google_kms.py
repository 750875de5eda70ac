"""Key-encryption keys in Google Cloud KMS: they never leave it, so each wrap and each first opening is one call.

The only importer of Google's client (extra `gcp`). Its REST transport is used: one call a key needs no stream, and
plain HTTP is what tests can stand at the other end of.
"""

import hashlib
import logging
from collections.abc import Callable
from typing import TypeVar

import google_crc32c
import requests
from django.conf import settings
from google.api_core import exceptions as google_errors
from google.api_core.client_options import ClientOptions
from google.api_core.retry import Retry, if_exception_type
from google.auth.exceptions import GoogleAuthError
from google.cloud import kms_v1

from config.kernel import cipher
from config.kernel.database import Outage
from config.kernel.key_encryption.interface import KeyEncryptionUnavailable, Opened

logger = logging.getLogger(__name__)

ID_BYTES = 8
CALL_SECONDS = 2.0
GIVE_UP_SECONDS = 3.0
"""For one call and its repetitions together: somebody waits for the answer."""
_AGAIN = Retry(
    predicate=if_exception_type(google_errors.ServiceUnavailable, google_errors.TooManyRequests),
    initial=0.1,
    maximum=0.5,
    timeout=GIVE_UP_SECONDS,
)

Answer = TypeVar("Answer")


class GoogleKeeper:
    """Wraps under the first key of GOOGLE_KMS_KEYS and opens with whichever wrapped; Google rotates the versions.

    A wrapped key begins with a hash of the name of its KMS key.
    """

    def __init__(self) -> None:
        self._wraps_with = settings.GOOGLE_KMS_KEYS[0]
        self._by_id = {_id(name): name for name in settings.GOOGLE_KMS_KEYS}
        options = ClientOptions(api_endpoint=settings.GOOGLE_KMS_API_BASE or None)
        self._client = kms_v1.KeyManagementServiceClient(transport="rest", client_options=options)
        self._outage = Outage()

    def wrap(self, data_key: bytes, context: tuple[str, ...]) -> bytes:
        """Return the data key under the primary version of the first key. Raises KeyEncryptionUnavailable."""
        associated_data = cipher.bound(context)
        request = kms_v1.EncryptRequest(
            name=self._wraps_with,
            plaintext=data_key,
            plaintext_crc32c=google_crc32c.value(data_key),
            additional_authenticated_data=associated_data,
            additional_authenticated_data_crc32c=google_crc32c.value(associated_data),
        )
        answer = self._ask(lambda: self._client.encrypt(request, retry=_AGAIN, timeout=CALL_SECONDS))
        arrived = answer.verified_plaintext_crc32c and answer.verified_additional_authenticated_data_crc32c
        if not arrived or answer.ciphertext_crc32c != google_crc32c.value(answer.ciphertext):
            raise _damaged()
        return _id(self._wraps_with) + answer.ciphertext

    def open(self, wrapped: bytes, context: tuple[str, ...]) -> Opened:
        """Return the data key. Raises CannotDecrypt, KeyEncryptionUnavailable."""
        name = self._by_id.get(wrapped[:ID_BYTES])
        if name is None:
            raise cipher.CannotDecrypt("its key-encryption key is not in GOOGLE_KMS_KEYS")
        ciphertext, associated_data = wrapped[ID_BYTES:], cipher.bound(context)
        request = kms_v1.DecryptRequest(
            name=name,
            ciphertext=ciphertext,
            ciphertext_crc32c=google_crc32c.value(ciphertext),
            additional_authenticated_data=associated_data,
            additional_authenticated_data_crc32c=google_crc32c.value(associated_data),
        )
        answer = self._ask(lambda: self._client.decrypt(request, retry=_AGAIN, timeout=CALL_SECONDS))
        if answer.plaintext_crc32c != google_crc32c.value(answer.plaintext):
            raise _damaged()
        return Opened(answer.plaintext, newest=answer.used_primary and name == self._wraps_with)

    def _ask(self, call: Callable[[], Answer]) -> Answer:
        """Make one call; while KMS is down, one caller a second finds out and the others are told at once."""
        if self._outage.lasts():
            raise KeyEncryptionUnavailable
        try:
            answer = call()
        except (google_errors.GoogleAPIError, GoogleAuthError, requests.RequestException) as error:
            if _is_refused(error):
                raise cipher.CannotDecrypt("Cloud KMS refused it") from error
            self._outage.noticed()
            logger.error("Cloud KMS: %s: %s", type(error).__name__, error)  # noqa: TRY400  (the cause is chained)
            raise KeyEncryptionUnavailable from error
        self._outage.over()
        return answer


def _is_refused(error: Exception) -> bool:
    """Return whether the ciphertext is damaged or belongs elsewhere; 400 is also the status of a key switched off."""
    if not isinstance(error, google_errors.BadRequest) or error.response is None:
        return False
    answer = error.response.json()
    return bool(answer["error"]["status"] == "INVALID_ARGUMENT")


def _id(name: str) -> bytes:
    return hashlib.sha256(name.encode()).digest()[:ID_BYTES]


def _damaged() -> KeyEncryptionUnavailable:
    logger.error("Cloud KMS: a checksum does not fit; something on the way changes what is sent")
    return KeyEncryptionUnavailable()
