"""What `manage.py check` says of the settings for mail."""

import base64
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from emails.checks import check_webhook_keys
from tests.emails.sendgrid import SIGNER


def encoded(curve: ec.EllipticCurve) -> str:
    """Return a fresh public key of a curve as SendGrid would show it."""
    key = ec.generate_private_key(curve).public_key()
    return base64.b64encode(key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)).decode()


class TestCheckWebhookKeys:
    def test_is_content_with_p256_keys_and_with_none(self, settings: Any) -> None:
        for keys in ([], [SIGNER.public_key], [SIGNER.public_key, encoded(ec.SECP256R1())]):
            settings.SENDGRID_WEBHOOK_PUBLIC_KEYS = keys
            assert check_webhook_keys() == []

    @pytest.mark.parametrize("key", ["x", "YQ==", "ä", encoded(ec.SECP384R1()), SIGNER.public_key[:-8]])
    def test_reports_what_is_no_key(self, settings: Any, key: str) -> None:
        settings.SENDGRID_WEBHOOK_PUBLIC_KEYS = [SIGNER.public_key, key]
        assert [error.id for error in check_webhook_keys()] == ["emails.E001"]
