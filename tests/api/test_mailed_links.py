"""The pages that mailed links lead to."""

import pytest
from django.test import Client
from rest_framework.test import APIClient

from tests import journey

BROWSER = "text/html,application/xhtml+xml,*/*;q=0.8"


@pytest.mark.parametrize("path", ["/reset-password", "/invitation", "/change-email"])
class TestMailedLink:
    def test_leads_to_a_form_that_keeps_the_token_to_itself(self, path: str) -> None:
        answer = Client().get(path)
        assert answer.status_code == 200
        assert b"<form" in answer.content
        assert answer["Referrer-Policy"] == "no-referrer"
        assert "no-store" in answer["Cache-Control"]


class TestVerificationLink:
    @pytest.mark.usefixtures("db")
    def test_shows_a_browser_a_page(self) -> None:
        token = journey.register(APIClient())["verification_token"]
        answer = Client().get(f"/api/v1/auth/verify-email/{token}", headers={"Accept": BROWSER})
        assert (answer.status_code, b"verified" in answer.content) == (200, True)
        assert answer["Content-Type"].startswith("text/html")

    @pytest.mark.usefixtures("db")
    def test_shows_a_browser_what_is_wrong(self) -> None:
        answer = Client().get("/api/v1/auth/verify-email/nonsense", headers={"Accept": BROWSER})
        assert answer.status_code == 400
        assert b"This link is not valid." in answer.content
