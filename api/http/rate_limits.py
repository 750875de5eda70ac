"""Rate limits: beside the action they limit (`@limited(Limit("20/h", by_ip, …))`), else the general one."""

import functools
import ipaddress
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any, TypeVar

from django.conf import settings
from django.http import HttpRequest
from rest_framework.request import Request

from api.http.authentication import viewer_id
from api.http.client_ip import client_ip
from config.kernel import rate_limits
from config.kernel.errors import DomainError, Kind
from config.kernel.rate_limits import Hit, Rate
from organizations.models import QuotaName
from organizations.selectors import Belonging

Action = TypeVar("Action", bound=Callable[..., Any])
KeyOf = Callable[[Request], str | None]

_ORGANIZATION = "organization"


class RateLimited(DomainError):
    """The caller asks too often."""

    kind = Kind.RATE_LIMITED
    code = "rate_limited"
    detail = "Too many requests. Wait before you try again."


@dataclass(frozen=True)
class Limit:
    """So often per key; a key of None is not counted. `guards_credentials`: counted in the process without Redis.

    Limits with the same `counted_as` count together, whichever way is taken to the same thing; others by action.
    """

    rate: str
    key: KeyOf
    per: str
    guards_credentials: bool = False
    counted_as: str = ""

    @functools.cached_property
    def parsed_rate(self) -> Rate:
        """The rate, read once."""
        return Rate(self.rate)


def limited(*limits: Limit) -> Callable[[Action], Action]:
    """Limit an action; the first limit that is exceeded answers 429 with Retry-After."""

    def decorate(action: Action) -> Action:
        @functools.wraps(action)
        def checked(view: Any, request: Request, *args: Any, **kwargs: Any) -> Any:
            check(action.__qualname__, limits, request)
            return action(view, request, *args, **kwargs)

        checked.rate_limits = limits  # type: ignore[attr-defined]  # read by the schema
        return checked  # type: ignore[return-value]  # called as the action is

    return decorate


def by_ip(request: Request | HttpRequest) -> str:
    """Count by address; a household of IPv6 (/64) counts as one."""
    address = client_ip(request) or "unknown"
    if ":" in address:
        return str(ipaddress.ip_network(f"{address}/64", strict=False).network_address)
    return address


def by_body(*fields: str) -> KeyOf:
    """Count by body fields, as they would be stored; not counted when one is missing or neither text nor a number."""

    def key(request: Request) -> str | None:
        data = request.data
        values = [data.get(field) if isinstance(data, dict) else None for field in fields]
        # A number is taken for its text where text is asked for, and must not be a way around the count.
        if not all(isinstance(value, str | int | float) and not isinstance(value, bool) for value in values):
            return None
        return "|".join(str(value).strip().lower() for value in values)

    return key


def by_user(request: Request) -> str | None:
    """Count by signed-in user, else by address."""
    user_id = viewer_id(request)
    return str(user_id) if user_id else by_ip(request)


def by_user_and_body(*fields: str) -> KeyOf:
    """Count by signed-in user together with body fields; not counted when one is missing or no text."""
    fields_of = by_body(*fields)

    def key(request: Request) -> str | None:
        values = fields_of(request)
        return None if values is None else f"{by_user(request)}|{values}"

    return key


def sign_in_limits(account: KeyOf) -> tuple[Limit, ...]:
    """Return the limits of signing in by password to the account that a request names; they count together."""
    return (
        Limit("10/m", by_ip, "IP", guards_credentials=True, counted_as="sign-in"),
        Limit("5/m", account, "account", guards_credentials=True, counted_as="sign-in"),
        # The delay grows: whoever keeps on guessing waits for the hour.
        Limit("30/h", account, "account", guards_credentials=True, counted_as="sign-in"),
    )


PROOFS = (
    Limit("10/m", by_user, "user", guards_credentials=True, counted_as="proofs"),
    Limit("60/h", by_user, "user", guards_credentials=True, counted_as="proofs"),
)
"""For what a session can try a password or a code by: whoever has stolen one shall not guess at each in turn."""

GENERAL = Limit("600/m", by_user, "user, else IP")
"""For every action without limits of its own."""


def check_general(request: Request) -> None:
    """Count the request towards its caller's general limit; raises RateLimited."""
    check("any", (GENERAL,), request)


def check(name: str, limits: Iterable[Limit], request: Request) -> None:
    """Count the request towards each limit, under the action's name; raises RateLimited by the first exceeded."""
    if not settings.RATELIMIT_ENABLE:
        return
    hits = [
        Hit(f"{limit.counted_as or name}:{limit.per}", value, limit.parsed_rate, limit.guards_credentials)
        for limit in limits
        if (value := limit.key(request)) is not None
    ]
    wait = rate_limits.count(hits) if hits else None
    if wait is not None:
        raise RateLimited(retry_after=wait)


def count_for_organization(request: Request, belonging: Belonging) -> None:
    """Count the request towards its organization's quota of requests per minute; raises RateLimited, naming it."""
    allowed = belonging.requests_per_minute
    if not settings.RATELIMIT_ENABLE or allowed is None:
        return
    wait = rate_limits.count([_of_organization(belonging, allowed)])
    if wait is not None:
        raise RateLimited(retry_after=wait, quota=QuotaName.REQUESTS_PER_MINUTE, limit=allowed)


def requests_this_minute(request: Request, belonging: Belonging) -> int | None:
    """Return how many requests its members have made in the minute that is running; None when nobody counts."""
    allowed = belonging.requests_per_minute
    if not settings.RATELIMIT_ENABLE or allowed is None:
        return None
    return rate_limits.counted(_of_organization(belonging, allowed))


def _of_organization(belonging: Belonging, allowed: int) -> Hit:
    return Hit(_ORGANIZATION, str(belonging.organization_id), Rate(f"{allowed}/m"))
