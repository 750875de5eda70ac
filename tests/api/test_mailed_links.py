"""The pages that mailed links lead to."""

import pytest
from django.test import Client


@pytest.mark.parametrize("path", ["/reset-password", "/invitation"])
class TestMailedLink:
    def test_leads_to_a_form_that_keeps_the_token_to_itself(self, path: str) -> None:
        answer = Client().get(path)
        assert answer.status_code == 200
        assert b"<form" in answer.content
        assert answer["Referrer-Policy"] == "no-referrer"
        assert "no-store" in answer["Cache-Control"]
