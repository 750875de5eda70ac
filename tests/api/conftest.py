"""Fixtures of the API's tests."""

import pytest
from rest_framework.test import APIClient

from tests.api.raw import quiet


@pytest.fixture
def api() -> APIClient:
    """Return a client without credentials that gets a 500 as an answer, as a real caller does."""
    return quiet(APIClient())
