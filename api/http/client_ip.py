"""The address a request came from, as far as it can be believed."""

import ipaddress

from django.conf import settings
from django.http import HttpRequest
from rest_framework.request import Request


def client_ip(request: Request | HttpRequest) -> str | None:
    """Return the caller's address.

    Behind TRUSTED_PROXY_COUNT proxies of ours, each of which appends the address it was called from, that is the entry
    so many places from the end of X-Forwarded-For; what stands before it the caller may have written. None when there
    is no address at all.
    """
    trusted = settings.TRUSTED_PROXY_COUNT
    candidate: str = request.META.get("REMOTE_ADDR", "")
    if trusted:
        hops = [hop.strip() for hop in request.headers.get("X-Forwarded-For", "").split(",")]
        if len(hops) >= trusted:
            candidate = hops[-trusted]
    try:
        address = ipaddress.ip_address(candidate.partition("%")[0])  # without the name of our own network card
    except ValueError:
        return None
    # An IPv4 address as a socket for both shows it; with that prefix the whole of IPv4 would be one household of IPv6.
    return str(getattr(address, "ipv4_mapped", None) or address)
