"""What a process writes about itself: one JSON object a line, with the request's id and without a secret."""

import json
import logging
from typing import Any

import pytest
from rest_framework.test import APIClient


class TestLogLines:
    SECRETS = (
        "CODITECT-VC78-YEMM-44HV-BY8F-ZHDA", "coditect vc78 yemm 44hv by8f zhda", "CODITECTVC78YEMM44HVBY8FZHDA",
        "CODITECT-2024-AB12-CD34", "CODITECT%20VC78%20YEMM%2044HV%20BY8F%20ZHDA",
        "eyJhbGciOiJFZERTQSJ9.eyJzdWIiOiIxIn0.c2lnbmF0dXJl", "/auth/verify-email/9mTvGq3zWnC0", "?token=9mTvGq3zWnC0",
        "session_id=cs_test_9mTvGq3zWnC0",
    )  # fmt: skip
    SHOWN_OF_THEM = ("VC78", "vc78", "2024-AB12", "eyJhbG", "9mTvGq3zWnC0")

    @pytest.mark.parametrize("secret", SECRETS)
    @pytest.mark.parametrize("place", ["message", "argument", "extra", "traceback"])
    def test_mask_every_secret_wherever_it_stands(self, json_lines: Any, secret: str, place: str) -> None:
        logger = logging.getLogger("tests.secrets")
        if place == "message":
            logger.warning(f"seen {secret} here")
        elif place == "argument":
            logger.warning("seen %s here", secret)
        elif place == "extra":
            logger.warning("seen", extra={"request": f"<Request: GET '{secret}'>", "deep": {"in": [secret]}})
        else:
            try:
                int(f"'{secret}'")
            except ValueError:
                logger.exception("failed")
        (line,) = json_lines()
        assert "****" in json.dumps(line)
        assert not [shown for shown in self.SHOWN_OF_THEM if shown in json.dumps(line)], line

    def test_leave_ordinary_words_alone(self, json_lines: Any) -> None:
        text = "CODITECT Cloud answers at coditect-cloud.example for coditect_app, license 01900000-0000-7000-8000"
        logging.getLogger("tests.secrets").warning(text, extra={"status": 200, "duration_ms": 1.5})
        (line,) = json_lines()
        assert (line["message"], line["status"], line["duration_ms"]) == (text, 200, 1.5)

    @pytest.mark.usefixtures("db")
    def test_of_requests_hold_no_key_token_or_password(self, api: APIClient, json_lines: Any) -> None:
        key, token, password = "CODITECT-VC78-YEMM-44HV-BY8F-ZHDA", "9mTvGq3zWnC0_secret", "Correct-Horse-1"
        api.get(f"/api/v1/licenses/{key}/status")
        api.get("/api/v1/licenses/coditect vc78 yemm-44hvby8fzhd9/status")
        api.get(f"/api/v1/auth/verify-email/{token}")
        api.get(f"/api/v1/auth/verify-email?token={token}")
        api.post("/api/v1/auth/login", {"email": "ada@example.com", "password": password})
        api.get("/api/v1/auth/me", headers={"Authorization": "Bearer eyJhbGciOiJFZERTQSJ9.e30.c2ln"})
        lines = json_lines()
        assert len([line for line in lines if line["logger"] == "request"]) == 6
        written = json.dumps(lines).lower()
        for secret in (key, "vc78", token, password, "eyjhbg"):
            assert secret.lower() not in written, secret

    def test_carry_the_request_id(self, api: APIClient, json_lines: Any) -> None:
        api.get("/health/live", headers={"X-Request-ID": "my-request-2"})
        (line,) = [line for line in json_lines() if line["logger"] == "request"]
        assert (line["request_id"], line["message"], line["status"]) == ("my-request-2", "GET /health/live 200", 200)
