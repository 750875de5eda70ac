"""The one shape of every refusal, and the request id that leads from an answer to its log lines."""

from uuid import UUID

import pytest
from django.http import HttpRequest, HttpResponse
from django.test import override_settings
from django.urls import path
from rest_framework.permissions import AllowAny
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.test import APIClient
from rest_framework.views import APIView

from tests.api.raw import quiet, send
from tests.api.refusals import refused, well_shaped

SECRET = "CODITECT-VC78-YEMM-44HV-BY8F-ZHDA"


class BrokenView(APIView):
    """A route of the framework with a mistake in it."""

    authentication_classes = ()
    permission_classes = (AllowAny,)

    def get(self, request: Request) -> Response:
        """Fail, with a secret in the message."""
        raise RuntimeError(f"psycopg.Error near {SECRET}")


def broken_page(request: HttpRequest) -> HttpResponse:
    """A page with a mistake in it."""
    raise RuntimeError(f"psycopg.Error near {SECRET}")


urlpatterns = [path("api/v1/broken", BrokenView.as_view()), path("broken", broken_page)]
handler500 = "api.http.errors.server_error"


class TestErrorShape:
    @pytest.mark.parametrize("address", ["/nowhere", "/api", "/api/v1", "/api/v1/nowhere/at/all",
                                         "/api/v1//plans", "/static/../manage.py", "/.env"])  # fmt: skip
    def test_is_that_of_an_unknown_address(self, api: APIClient, address: str) -> None:
        refused(api.get(address), 404, "not_found")

    @pytest.mark.parametrize("address", ["/api/v1/broken", "/broken"])
    def test_is_that_of_a_failure_of_ours_which_tells_nothing_of_it(
        self, api: APIClient, address: str, caplog: pytest.LogCaptureFixture
    ) -> None:
        with override_settings(ROOT_URLCONF="tests.api.test_errors"):
            answer = api.get(address)
        refused(answer, 500, "error")
        assert SECRET not in answer.content.decode()
        assert "RuntimeError" in caplog.text

    def test_is_that_of_a_foreign_host(self, api: APIClient) -> None:
        refused(api.get("/api/v1/plans", headers={"Host": "evil.example"}), 400, "invalid_request")

    @pytest.mark.parametrize("address", ["/api/v1/plans/a%00", "/api/v1/plans?x=a%00", "/local/mailbox?to=%00", "/%00"])
    def test_is_that_of_a_nul_in_the_address(self, api: APIClient, address: str) -> None:
        refused(api.get(address), 400, "invalid_request")

    @pytest.mark.parametrize("length", ["-1", "abc", "1e3", " 5", "\xb2", "0x10", "9" * 5000, "1.0"])
    def test_is_that_of_a_length_that_is_no_number(self, api: APIClient, length: str) -> None:
        answer = send(api, "POST", "/api/v1/auth/login", CONTENT_LENGTH=length)
        refused(answer, 400, "invalid_request")

    def test_is_that_of_an_announced_length_no_body_has(self, api: APIClient) -> None:
        answer = send(api, "POST", "/api/v1/auth/login", CONTENT_LENGTH="9" * 18)
        refused(answer, 413, "payload_too_large")

    @pytest.mark.usefixtures("db")
    def test_is_that_of_a_type_we_do_not_speak(self, api: APIClient) -> None:
        for accepted in ["application/xml", "text/html", "*/", ";;;", "application/json;version=2;q"]:
            answer = api.get("/api/v1/plans", headers={"Accept": accepted})
            assert answer.status_code in (200, 406)
            if answer.status_code == 406:
                refused(answer, 406, "not_acceptable")

    @pytest.mark.parametrize("address", ["/", "/health/ready", "/.well-known/jwks.json", "/local/mailbox"])
    def test_is_that_of_a_write_to_a_page(self, address: str) -> None:
        client = quiet(APIClient(enforce_csrf_checks=True))
        refused(client.post(address, {}), 403, "csrf_failed")


class TestRequestId:
    @pytest.mark.parametrize("given", ["abcdefgh", "A-b.c_D9" * 8, "01900000-0000-7000-8000-000000000000"])
    def test_is_the_callers_when_well_formed(self, api: APIClient, given: str) -> None:
        assert api.get("/health/live", headers={"X-Request-ID": given}).headers["X-Request-ID"] == given

    @pytest.mark.parametrize("given", ["", "short", "a" * 65, "with space", "é" * 10, "a\tbcdefgh",
                                       "abcdefgh\n", "<script>1</script>", "../../../etc", '{"a": "b"}'])  # fmt: skip
    def test_is_a_new_one_when_not(self, api: APIClient, given: str) -> None:
        told = api.get("/health/live", headers={"X-Request-ID": given}).headers["X-Request-ID"]
        assert told != given
        assert UUID(told).version == 7

    def test_stands_on_refusals_of_every_kind(self, api: APIClient) -> None:
        for address in ("/nowhere", "/api/v1/auth/me", "/api/v1/plans/a%00"):
            answer = api.get(address, headers={"X-Request-ID": "my-request-1"})
            well_shaped(answer)
            assert answer.headers["X-Request-ID"] == "my-request-1"

    def test_does_not_stay_behind_for_the_next_request(self, api: APIClient) -> None:
        first = api.get("/health/live").headers["X-Request-ID"]
        assert api.get("/health/live").headers["X-Request-ID"] != first
