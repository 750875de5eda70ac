"""Schemathesis walks every operation of the OpenAPI document, signed in and not: no 5xx, and nothing undocumented."""

from collections.abc import Iterator
from functools import cache
from typing import Any

import pytest
import schemathesis
from django.core.wsgi import get_wsgi_application
from django.test import override_settings
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from tests.api.issued import licensed
from tests.api.operations import operations
from tests.journey import Licensed

pytestmark = pytest.mark.usefixtures("db", "reachable")

EXAMPLES = 8
CHECKS = [not_a_server_error, status_code_conformance, content_type_conformance, response_schema_conformance]
OPERATIONS = [(each.method, each.path) for each in operations()]
quick = settings(
    max_examples=EXAMPLES, deadline=None, database=None, derandomize=True, suppress_health_check=list(HealthCheck)
)


@pytest.fixture
def reachable() -> Iterator[None]:
    """Answer by the name that Schemathesis calls."""
    with override_settings(ALLOWED_HOSTS=["*"]):
        yield


@pytest.fixture
def ada(db: None) -> Licensed:
    """Return a customer with a licence."""
    return licensed()


@cache
def document() -> Any:
    """Return the API as it describes itself."""
    return schemathesis.openapi.from_wsgi("/api/schema", get_wsgi_application(), headers={"Accept": "application/json"})


def walk(method: str, path: str, *, own: dict[str, str], headers: dict[str, str]) -> None:
    """Send what the document says may be sent, and what it says may not, with `own` ids in the path."""
    operation = document()[path][method]
    valid = operation.as_strategy(generation_mode=schemathesis.GenerationMode.POSITIVE)
    hostile = operation.as_strategy(generation_mode=schemathesis.GenerationMode.NEGATIVE)

    @quick
    @given(st.one_of(valid, hostile))
    def ask(case: schemathesis.Case[Any]) -> None:
        case.path_parameters.update({name: own[name] for name in own if name in case.path_parameters})
        case.call_and_validate(checks=CHECKS, headers=headers)

    ask()


@pytest.mark.parametrize(("method", "path"), OPERATIONS)
class TestAnswers:
    def test_to_a_stranger_are_documented(self, method: str, path: str) -> None:
        walk(method, path, own={}, headers={})

    def test_to_an_owner_are_documented(self, method: str, path: str, ada: Licensed) -> None:
        token = ada.customer.api.get("/api/v1/auth/me").wsgi_request.META["HTTP_AUTHORIZATION"]
        own = {"organization": ada.customer.organization_id, "license_key": ada.license_key, "id": ada.license_id,
               "license_id": ada.license_id}  # fmt: skip
        walk(method, path, own=own, headers={"Authorization": token})
