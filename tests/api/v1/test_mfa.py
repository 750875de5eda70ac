"""/auth/mfa and /auth/login/mfa: two-factor sign-in, from setting it up to losing the phone."""

import re

import pytest
from rest_framework.test import APIClient

from emails.models import MailboxMessage
from tests import authenticator_app, journey
from tests.api.beneath import as_owner
from tests.api.refusals import refused
from tests.authenticator_app import App, Secured, enable, finish, pass_half_a_minute, password_step, signed_in
from tests.invitations import link_token
from tests.jobs import run_jobs
from tests.journey import Customer

pytestmark = pytest.mark.usefixtures("db")
NEW = "Another-Horse-2"


@pytest.fixture
def ada(db: None) -> Customer:
    """Return a signed-in customer."""
    return journey.sign_up()


@pytest.fixture
def secured(ada: Customer) -> Secured:
    """Return a customer with two-factor sign-in."""
    return enable(ada)


def told(recipient: str) -> list[str]:
    """Send the waiting mails and return the kinds of those to an address, the first first."""
    run_jobs()
    return [mail.kind for mail in MailboxMessage.objects.filter(recipient=recipient).order_by("id")]


def actions() -> list[str]:
    """Return what the audit log says, in order."""
    return [row[0] for row in as_owner("select action from users_auditentry order by id")]


class TestSettingUp:
    def test_shows_a_secret_that_an_app_reads_and_changes_nothing_yet(self, ada: Customer) -> None:
        begun = ada.api.post("/api/v1/auth/mfa/totp")
        assert re.fullmatch("[A-Z2-7]{32}", begun.json()["secret"])
        assert f"secret={begun.json()['secret']}" in begun.json()["otpauth_uri"]
        assert begun["Cache-Control"] == "no-store"
        assert ada.api.get("/api/v1/auth/mfa").json()["enabled"] is False
        login = APIClient().post("/api/v1/auth/login", {"email": ada.email, "password": journey.PASSWORD})
        assert login.status_code == 200

    def test_is_done_by_the_apps_first_code(self, ada: Customer) -> None:
        app = App(ada.api.post("/api/v1/auth/mfa/totp").json()["secret"])
        answer = ada.api.post("/api/v1/auth/mfa/totp/confirm", {"code": app.code()})
        codes = answer.json()["recovery_codes"]
        assert len(set(codes)) == 10
        assert all(re.fullmatch("[0-9A-HJKMNP-TV-Z]{5}-[0-9A-HJKMNP-TV-Z]{5}", code) for code in codes)
        state = ada.api.get("/api/v1/auth/mfa").json()
        assert (state["enabled"], state["recovery_codes_left"]) == (True, 10)
        assert (state["session_amr"], state["session_fresh"]) == (["pwd", "otp"], True)
        assert told(ada.email)[-1] == "mfa_enabled"
        assert actions()[-1] == "MFA_ENABLED"

    def test_needs_the_code_of_this_secret(self, ada: Customer) -> None:
        first = App(ada.api.post("/api/v1/auth/mfa/totp").json()["secret"])
        second = App(ada.api.post("/api/v1/auth/mfa/totp").json()["secret"])
        refused(ada.api.post("/api/v1/auth/mfa/totp/confirm", {"code": first.code()}), 400, "mfa_code_invalid", "code")
        assert ada.api.post("/api/v1/auth/mfa/totp/confirm", {"code": second.code()}).status_code == 200

    def test_begins_before_it_is_confirmed(self, ada: Customer) -> None:
        refused(ada.api.post("/api/v1/auth/mfa/totp/confirm", {"code": "123456"}), 409, "mfa_not_enabled")

    def test_happens_once(self, secured: Secured) -> None:
        api = secured.customer.api
        refused(api.post("/api/v1/auth/mfa/totp"), 409, "mfa_already_enabled")
        again = api.post("/api/v1/auth/mfa/totp/confirm", {"code": secured.app.code()})
        refused(again, 409, "mfa_already_enabled")

    def test_ends_every_other_session(self, ada: Customer) -> None:
        body = {"email": ada.email, "password": journey.PASSWORD}
        other = signed_in(APIClient().post("/api/v1/auth/login", body).json()["access"])
        enable(ada)
        refused(other.get("/api/v1/auth/me"), 401, "authentication_failed")
        assert ada.api.get("/api/v1/auth/me").status_code == 200

    def test_stores_neither_secret_nor_codes_in_clear(self, secured: Secured) -> None:
        rows = str(as_owner("select encode(secret, 'escape') from users_authenticator"))
        rows += str(as_owner("select encode(code_hash, 'escape') from users_recoverycode"))
        rows += str(as_owner("select * from users_auditentry"))
        assert len(as_owner("select 1 from users_recoverycode")) == 10
        for secret in (secured.app.secret, *secured.recovery_codes, secured.recovery_codes[0].replace("-", "")):
            assert secret not in rows


class TestSignIn:
    def test_asks_for_the_second_factor_after_the_right_password_only(self, secured: Secured) -> None:
        body = {"email": secured.customer.email, "password": "Wrong-Horse-1"}
        refused(APIClient().post("/api/v1/auth/login", body), 401, "invalid_credentials")
        answer = APIClient().post("/api/v1/auth/login", body | {"password": journey.PASSWORD})
        told = refused(answer, 403, "mfa_required")
        assert (set(told), told["expires_in"]) == ({"type", "errors", "mfa_token", "expires_in"}, 300)

    def test_is_finished_by_a_code(self, secured: Secured) -> None:
        answer = finish(password_step(secured.customer.email), code=secured.app.code())
        assert set(answer.json()) == {"access", "refresh", "user"}
        state = signed_in(answer.json()["access"]).get("/api/v1/auth/mfa").json()
        assert (state["session_amr"], state["session_fresh"]) == (["pwd", "otp"], True)

    def test_takes_each_code_once(self, secured: Secured) -> None:
        code = secured.app.code()
        assert finish(password_step(secured.customer.email), code=code).status_code == 200
        refused(finish(password_step(secured.customer.email), code=code), 400, "mfa_code_invalid", "code")

    def test_takes_no_code_that_is_older_than_the_last(self, secured: Secured) -> None:
        assert finish(password_step(secured.customer.email), code=secured.app.code(steps=1)).status_code == 200
        answer = finish(password_step(secured.customer.email), code=secured.app.code())
        refused(answer, 400, "mfa_code_invalid", "code")

    def test_takes_no_code_of_another_time_or_app(self, ada: Customer, secured: Secured) -> None:
        other = enable(journey.sign_up())
        for code in (secured.app.code(steps=-4), secured.app.code(steps=4), other.app.code(), "", "000000x", "x" * 32):
            answer = finish(password_step(ada.email), code=code)
            assert answer.status_code == 400, (code, answer.content)
            authenticator_app.pass_a_day()

    def test_survives_a_typing_error_but_not_a_second_success(self, secured: Secured) -> None:
        token = password_step(secured.customer.email)
        refused(finish(token, code=secured.app.wrong_code()), 400, "mfa_code_invalid", "code")
        assert finish(token, code=secured.app.code()).status_code == 200
        pass_half_a_minute()
        refused(finish(token, code=secured.app.code()), 401, "mfa_token_invalid")

    def test_ends_after_five_wrong_codes(self, secured: Secured) -> None:
        token = password_step(secured.customer.email)
        for _ in range(5):
            refused(finish(token, recovery_code="00000-00000"), 400, "recovery_code_invalid", "recovery_code")
        refused(finish(token, code=secured.app.code()), 401, "mfa_token_invalid")

    def test_ends_after_five_minutes(self, secured: Secured) -> None:
        token = password_step(secured.customer.email)
        as_owner("update users_signinchallenge set expires_at = expires_at - interval '5 minutes'")
        refused(finish(token, code=secured.app.code()), 401, "mfa_token_invalid")

    def test_is_not_finished_by_anything_else(self, secured: Secured) -> None:
        refused(finish("nonsense", code=secured.app.code()), 401, "mfa_token_invalid")
        token = password_step(secured.customer.email)
        for proof in ({}, {"code": secured.app.code(), "recovery_code": secured.recovery_codes[0]}):
            refused(finish(token, **proof), 400, "one_proof_needed", "non_field_errors")

    def test_of_somebody_else_is_not_finished_by_ones_own_code(self, secured: Secured) -> None:
        eve = enable(journey.sign_up())
        token = password_step(secured.customer.email)
        refused(finish(token, code=eve.app.code()), 400, "mfa_code_invalid", "code")
        refused(finish(token, recovery_code=eve.recovery_codes[0]), 400, "recovery_code_invalid", "recovery_code")

    @pytest.mark.parametrize("change", ["status = 'suspended'", "token_version = token_version + 1"])
    def test_ends_with_what_ends_sessions(self, secured: Secured, change: str) -> None:
        token = password_step(secured.customer.email)
        as_owner(f"update users_user set {change} where not is_platform_admin")  # noqa: S608
        refused(finish(token, code=secured.app.code()), 401, "mfa_token_invalid")

    def test_stores_only_a_hash_of_its_token(self, secured: Secured) -> None:
        token = password_step(secured.customer.email)
        assert token not in str(as_owner("select *, encode(token_hash, 'escape') from users_signinchallenge"))


class TestGuessing:
    def test_waits_longer_and_longer_whatever_the_challenge(self, secured: Secured) -> None:
        email, wrong = secured.customer.email, secured.app.wrong_code()
        for _ in range(5):
            refused(finish(password_step(email), code=wrong), 400, "mfa_code_invalid", "code")
        waits = []
        for _ in range(9):
            answer = finish(password_step(email), code=secured.app.code())
            refused(answer, 429, "mfa_attempts_exceeded")
            waits.append(int(answer["Retry-After"]))
            authenticator_app.pass_a_day()
            refused(finish(password_step(email), code=wrong), 400, "mfa_code_invalid", "code")
        for wait, expected in zip(waits, [30, 60, 120, 240, 480, 960, 1920, 3600, 3600], strict=True):
            assert expected - 5 <= wait <= expected, waits

    def test_is_forgiven_by_a_good_code(self, secured: Secured) -> None:
        for _ in range(4):
            finish(password_step(secured.customer.email), code=secured.app.wrong_code())
        assert finish(password_step(secured.customer.email), code=secured.app.code()).status_code == 200
        for _ in range(5):
            answer = finish(password_step(secured.customer.email), code=secured.app.wrong_code())
            refused(answer, 400, "mfa_code_invalid", "code")

    def test_does_not_lock_the_owner_of_a_recovery_code_out(self, secured: Secured) -> None:
        for _ in range(5):
            finish(password_step(secured.customer.email), code=secured.app.wrong_code())
        answer = finish(password_step(secured.customer.email), recovery_code=secured.recovery_codes[0])
        assert answer.status_code == 200

    def test_that_is_turned_away_costs_no_attempt_of_the_challenge(self, secured: Secured) -> None:
        token = password_step(secured.customer.email)
        as_owner("update users_authenticator set next_attempt_at = now() + interval '1 hour'")
        for _ in range(6):
            refused(finish(token, code=secured.app.code()), 429, "mfa_attempts_exceeded")
        authenticator_app.pass_a_day()
        assert finish(token, code=secured.app.code()).status_code == 200


class TestRecoveryCode:
    def test_signs_in_once_however_it_is_typed_and_its_owner_is_told(self, secured: Secured) -> None:
        code = secured.recovery_codes[3]
        typed = code.lower().replace("-", " ").replace("0", "o").replace("1", "l")
        answer = finish(password_step(secured.customer.email), recovery_code=typed)
        state = signed_in(answer.json()["access"]).get("/api/v1/auth/mfa").json()
        assert (state["session_amr"], state["recovery_codes_left"]) == (["pwd", "recovery"], 9)
        again = finish(password_step(secured.customer.email), recovery_code=code)
        refused(again, 400, "recovery_code_invalid", "recovery_code")
        assert told(secured.customer.email)[-1] == "recovery_code_used"
        mail = MailboxMessage.objects.filter(kind="recovery_code_used").get()
        assert "You have 9 left" in mail.text
        assert "MFA_RECOVERY_CODE_USED" in actions()

    def test_of_an_older_set_is_void(self, secured: Secured) -> None:
        new = secured.customer.api.post("/api/v1/auth/mfa/recovery-codes")
        assert (new.status_code, new["Cache-Control"]) == (201, "no-store")
        old = finish(password_step(secured.customer.email), recovery_code=secured.recovery_codes[0])
        refused(old, 400, "recovery_code_invalid", "recovery_code")
        fresh = finish(password_step(secured.customer.email), recovery_code=new.json()["recovery_codes"][0])
        assert fresh.status_code == 200

    def test_is_for_those_with_an_app(self, ada: Customer) -> None:
        refused(ada.api.post("/api/v1/auth/mfa/recovery-codes"), 409, "mfa_not_enabled")


class TestPasswordReset:
    def test_does_not_get_past_the_second_factor(self, secured: Secured) -> None:
        email = secured.customer.email
        token = password_step(email)
        APIClient().post("/api/v1/auth/forgot-password", {"email": email})
        body = {"token": link_token(email, "password_reset"), "password": NEW}
        assert APIClient().post("/api/v1/auth/reset-password", body).status_code == 204
        refused(finish(token, code=secured.app.code()), 401, "mfa_token_invalid")
        authenticator_app.pass_a_day()
        assert finish(password_step(email, NEW), code=secured.app.code()).status_code == 200


class TestSwitchingOff:
    def test_lets_the_password_suffice_and_voids_the_codes(self, secured: Secured) -> None:
        email, api = secured.customer.email, secured.customer.api
        token = password_step(email)
        assert api.delete("/api/v1/auth/mfa/totp").status_code == 204
        refused(finish(token, recovery_code=secured.recovery_codes[0]), 401, "mfa_token_invalid")
        login = APIClient().post("/api/v1/auth/login", {"email": email, "password": journey.PASSWORD})
        assert login.status_code == 200
        state = api.get("/api/v1/auth/mfa").json()
        assert (state["enabled"], state["recovery_codes_left"], state["session_amr"]) == (False, 0, ["pwd"])
        assert told(email)[-1] == "mfa_disabled"
        assert "MFA_DISABLED" in actions()

    def test_ends_every_other_session(self, secured: Secured) -> None:
        answer = finish(password_step(secured.customer.email), code=secured.app.code()).json()
        secured.customer.api.delete("/api/v1/auth/mfa/totp")
        refused(signed_in(answer["access"]).get("/api/v1/auth/me"), 401, "authentication_failed")

    def test_is_for_those_who_have_it_on(self, ada: Customer) -> None:
        refused(ada.api.delete("/api/v1/auth/mfa/totp"), 409, "mfa_not_enabled")
        ada.api.post("/api/v1/auth/mfa/totp")
        refused(ada.api.delete("/api/v1/auth/mfa/totp"), 409, "mfa_not_enabled")

    def test_lets_another_app_be_set_up(self, secured: Secured) -> None:
        secured.customer.api.delete("/api/v1/auth/mfa/totp")
        again = enable(secured.customer)
        assert again.app.secret != secured.app.secret
        assert finish(password_step(again.customer.email), code=again.app.code()).status_code == 200
