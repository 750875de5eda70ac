"""The environment: read in one place, complained about all at once, and described in a file that is fresh."""

import re
from pathlib import Path

import pytest
from django.core.exceptions import ImproperlyConfigured

from config import env
from config.env import REQUIRED, SETTINGS

ROOT = Path(env.__file__).resolve().parent.parent
COMPLETE = {setting.name: "value" for setting in SETTINGS if setting.default is REQUIRED}


class TestRead:
    def test_names_every_missing_and_every_malformed_setting_at_once(self) -> None:
        with pytest.raises(ImproperlyConfigured) as told:
            env.read(environ={"DATABASE_POOL_SIZE": "many", "EXPOSE_VERIFICATION_TOKEN": "perhaps", "SECRET_KEY": ""})
        for name in {*COMPLETE, "DATABASE_POOL_SIZE", "EXPOSE_VERIFICATION_TOKEN"}:
            assert name in str(told.value)

    def test_shows_no_value_of_what_it_complains_about(self) -> None:
        secret = {"SECRET_KEY": "very-secret-value", "STRIPE_SECRET_KEY": "sk_live_secret"}
        with pytest.raises(ImproperlyConfigured) as told:
            env.read(environ=secret)
        assert not [value for value in secret.values() if value in str(told.value)]

    def test_takes_defaults_for_what_may_be_left_out_or_empty(self) -> None:
        left_out, empty = env.read(environ=COMPLETE), env.read(environ=COMPLETE | {"LOG_LEVEL": "", "SMTP_URL": ""})
        assert left_out == empty
        assert (left_out["SEAT_LEASE_SECONDS"], left_out["EXPOSE_VERIFICATION_TOKEN"]) == (360, False)

    @pytest.mark.parametrize(
        ("text", "value"), [("true", True), ("TRUE", True), ("1", True), ("false", False), ("0", False)]
    )
    def test_reads_truth(self, text: str, value: bool) -> None:
        assert env.read(environ=COMPLETE | {"EXPOSE_VERIFICATION_TOKEN": text})["EXPOSE_VERIFICATION_TOKEN"] is value

    @pytest.mark.parametrize("text", ["yes", "on", "2", " ", "none"])
    def test_guesses_nothing_about_truth(self, text: str) -> None:
        with pytest.raises(ImproperlyConfigured, match="EXPOSE_VERIFICATION_TOKEN"):
            env.read(environ=COMPLETE | {"EXPOSE_VERIFICATION_TOKEN": text})

    def test_reads_lists(self) -> None:
        values = env.read(environ=COMPLETE | {"STRIPE_WEBHOOK_SECRETS": " a, b ,,c "})
        assert values["STRIPE_WEBHOOK_SECRETS"] == ["a", "b", "c"]

    def test_reads_objects_of_texts_and_nothing_else(self) -> None:
        values = env.read(environ=COMPLETE | {"SENDGRID_TEMPLATES": '{"welcome": "d-1"}'})
        assert values["SENDGRID_TEMPLATES"] == {"welcome": "d-1"}
        for text in ("d-1", "[]", '{"welcome": 1}', "{"):
            with pytest.raises(ImproperlyConfigured, match="SENDGRID_TEMPLATES"):
                env.read(environ=COMPLETE | {"SENDGRID_TEMPLATES": text})


class TestExample:
    def test_is_fresh(self) -> None:
        assert (ROOT / ".env.example").read_text() == env.example()

    def test_holds_no_secret(self) -> None:
        for setting in SETTINGS:
            if setting.default is REQUIRED:
                assert f"\n{setting.name}=\n" in env.example()


class TestSource:
    def test_reads_the_environment_in_one_place_only(self) -> None:
        readers = [path for path, text in source() if re.search(r"os\.environ(?!\.setdefault\()|getenv", text)]
        assert readers == ["config/env.py"]

    def test_sets_nothing_on_a_connection_beyond_the_transaction(self) -> None:
        for path, text in source():
            assert not re.search(r"set_config\([^)]*,\s*false\s*\)", text, re.IGNORECASE), path
            assert not re.search(r"execute\(\s*f?[\"']\s*set\s+(?!local)", text, re.IGNORECASE), path


def source() -> list[tuple[str, str]]:
    """Return path and text of every module that serves."""
    apps = ("config", "users", "organizations", "subscriptions", "licenses", "emails", "api")
    files = [path for app in apps for path in sorted((ROOT / app).rglob("*.py")) if "migrations" not in path.parts]
    return [(str(path.relative_to(ROOT)), path.read_text()) for path in files]
