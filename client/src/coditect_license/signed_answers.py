"""Tells a verdict of the licence server from whatever else speaks HTTP: RFC 9421 with Ed25519, content by RFC 9530.

What must be covered is written down here with the values of *our* request, and never read from the answer.
"""

from __future__ import annotations

import base64
import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass

from cryptography.exceptions import InvalidSignature

from coditect_license.keys import AnswerKeys

# One signature among those of the header, which proxies may have added theirs to. Algorithm and tag are ours to name.
_PARAMETERS = re.compile(
    r'(?:^|,)[ \t]*coditect=(\(([^()]*)\);created=(\d{1,15});keyid="([\w-]+)";alg="ed25519";tag="coditect-answer")'
    r"[ \t]*(?=,|$)"
)
_SIGNATURE = re.compile(r"(?:^|,)[ \t]*coditect=:([A-Za-z0-9+/]{86}==):[ \t]*(?=,|$)")


class NotAVerdict(Exception):
    """Nobody signed this for us: an outage, whatever its status."""


@dataclass(frozen=True)
class Asked:
    """What the signature must say that was asked."""

    method: str
    path: str
    nonce: str
    digest: str


def content_digest(content: bytes) -> str:
    """Return the Content-Digest of these bytes (RFC 9530)."""
    return f"sha-256=:{base64.b64encode(hashlib.sha256(content).digest()).decode()}:"


def verify(*, asked: Asked, status: int, headers: Mapping[str, str], content: bytes, keys: AnswerKeys) -> int:
    """Return when the answer was signed, in Unix seconds of the server; raises NotAVerdict for any other answer."""
    covered = {'"@status"': str(status), '"content-digest"': content_digest(content)}
    if content:
        covered['"content-type"'] = headers.get("content-type", "")
    covered['"@method";req'] = asked.method
    covered['"@path";req'] = asked.path
    covered['"x-nonce";req'] = asked.nonce
    covered['"content-digest";req'] = asked.digest
    parameters = _PARAMETERS.findall(headers.get("signature-input", ""))
    signatures = _SIGNATURE.findall(headers.get("signature", ""))
    if len(parameters) != 1 or len(signatures) != 1:
        raise NotAVerdict("it has no signature of the licence server")
    ((signed, components, created, kid),) = parameters
    if components != " ".join(covered):
        raise NotAVerdict("its signature does not cover what was asked")
    key = keys.find(kid)
    if key is None:
        raise NotAVerdict("its signing key is not one that is trusted")
    lines = [f"{component}: {value}" for component, value in covered.items()]
    base = "\n".join([*lines, f'"@signature-params": {signed}'])
    try:
        key.verify(base64.b64decode(signatures[0]), base.encode())
    except InvalidSignature:
        raise NotAVerdict("its signature does not fit") from None
    return int(created)
