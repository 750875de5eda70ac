"""Codes of authenticator apps: those of RFC 6238, one step early or late, and no others."""

from datetime import UTC, datetime

import pytest

from users import totp

SECRET = b"12345678901234567890"


def at(seconds: int) -> datetime:
    """Return a moment in seconds since 1970."""
    return datetime.fromtimestamp(seconds, UTC)


class TestCode:
    @pytest.mark.parametrize(
        ("seconds", "code"),
        [(59, "287082"), (1111111109, "081804"), (1111111111, "050471"), (1234567890, "005924"),
         (2000000000, "279037"), (20000000000, "353130")],
    )  # fmt: skip
    def test_is_the_one_of_the_rfc(self, seconds: int, code: str) -> None:
        """RFC 6238, appendix B; its codes have 8 digits, ours are their last 6."""
        assert totp.code_at(SECRET, seconds // 30) == code
        assert totp.matching_step(SECRET, code, at=at(seconds)) == seconds // 30

    def test_is_good_one_step_early_and_late_and_no_longer(self) -> None:
        code, step = totp.code_at(SECRET, 1000), 1000
        good = [totp.matching_step(SECRET, code, at=at((step + drift) * 30)) for drift in range(-3, 4)]
        assert good == [None, None, step, step, step, None, None]

    def test_may_be_typed_with_spaces(self) -> None:
        assert totp.matching_step(SECRET, " 287 082 ", at=at(59)) == 1

    @pytest.mark.parametrize("code", ["", "28708", "2870820", "287083", "२८७०८२", "287O82", "-87082"])
    def test_that_is_none_fits_no_step(self, code: str) -> None:
        assert totp.matching_step(SECRET, code, at=at(59)) is None


class TestSecret:
    def test_has_160_bits_and_is_another_one_each_time(self) -> None:
        secrets = {totp.new_secret() for _ in range(10)}
        assert (len(secrets), {len(secret) for secret in secrets}) == (10, {20})

    def test_is_shown_to_apps_as_they_expect(self) -> None:
        assert totp.as_text(SECRET) == "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ"
        uri = totp.provisioning_uri(SECRET, account="ada@example.com")
        assert uri.startswith("otpauth://totp/CODITECT:ada%40example.com?")
        for part in (
            "secret=GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ",
            "issuer=CODITECT",
            "algorithm=SHA1",
            "digits=6",
            "period=30",
        ):
            assert part in uri
