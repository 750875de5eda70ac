"""Requests whose bytes are the test's own, past everything a well-meaning client does to them."""

from typing import Any

from rest_framework.test import APIClient


def quiet(client: APIClient) -> APIClient:
    """Make a client take a failure of ours as the answer 500, as a real caller does, and not as an exception."""
    client.raise_request_exception = False
    return client


def send(
    client: APIClient, method: str, path: str, body: Any = b"{}", content_type: str = "application/json", **environ: Any
) -> Any:
    """Send these very bytes under this very type."""
    return client.generic(method, path, body, content_type=content_type, **environ)
