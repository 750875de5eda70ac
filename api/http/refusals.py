"""Refused requests leave a trace in the audit log, if their failure asks for it (`DomainError.audited_as`); only here.

By the time a failure becomes an answer, the request's transaction has been rolled back. The entry is written on another
connection all the same, so that it stays whatever wraps requests one day.
"""

import logging

from rest_framework.request import Request

from api.http.authentication import viewer_id
from api.http.client_ip import client_ip
from config.kernel.digests import keyed_hash
from config.kernel.errors import DomainError
from users.models.user import normalize_email
from users.services import audit

logger = logging.getLogger(__name__)


def leave_trace(refusal: DomainError, request: Request) -> None:
    """Record a refusal, if its class asks for it; a trace that cannot be left fails no request."""
    if refusal.audited_as is None:
        return
    try:
        audit.record_refusal(
            action=refusal.audited_as,
            organization_id=refusal.organization_id,
            actor_id=viewer_id(request),
            code=refusal.code,
            **_facts(request),
            **refusal.trace,
        )
    except Exception:
        logger.exception("%s left no trace in the audit log", refusal.audited_as)


def _facts(request: Request) -> dict[str, str]:
    """Return what was asked and from where: the route and not the path, which may hold secrets; addresses as hashes.

    The hashes are keyed. Whoever has the key can tell whether two entries, or an entry and an account, go together.
    """
    match = request.resolver_match
    facts = {"method": request.method or "", "route": match.route.rstrip("$") if match else ""}
    address, email = client_ip(request), _email(request)
    if address is not None:
        facts["ip_hash"] = keyed_hash("audit-ip", address).hex()
    if email is not None:
        facts["email_hash"] = keyed_hash("audit-email", normalize_email(email)).hex()
    return facts


def _email(request: Request) -> str | None:
    """Return the account that was to be signed in to, as far as it is named."""
    if viewer_id(request) is not None or not isinstance(request.data, dict):
        return None
    email = request.data.get("email")
    return email if isinstance(email, str) else None
