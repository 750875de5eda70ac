"""Which Firebase ID tokens are believed: the real SDK against certificates and accounts served on loopback."""

import base64
import json
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import jwt
import pytest
from django.test import override_settings

from config.kernel.errors import DomainError
from tests.firebase_project import CERTIFICATES, PROJECT, FirebaseProject, certificate, firebase_project, key
from users.errors import (
    FirebaseAccountDisabled,
    FirebaseNotConfigured,
    FirebaseProviderNotAllowed,
    FirebaseSignInEnded,
    FirebaseTokenExpired,
    FirebaseTokenInvalid,
    FirebaseUnavailable,
)
from users.firebase.claims import Claims
from users.services import firebase

LOOKUP = f"/v1/projects/{PROJECT}/accounts:lookup"


@pytest.fixture
def project(tmp_path: Path) -> Iterator[FirebaseProject]:
    """Return a project of the test's own."""
    with firebase_project(tmp_path) as project:
        yield project


def verified(token: str) -> Claims:
    """Verify as a Bearer token is."""
    return firebase.verify(id_token=token, check_revoked=False)


def checked(token: str) -> Claims:
    """Verify as an exchanged token is: Firebase is asked as well."""
    return firebase.verify(id_token=token, check_revoked=True)


def segment(value: Any) -> str:
    """Return a part of a JWT."""
    raw = value if isinstance(value, bytes) else json.dumps(value).encode()
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


class TestGoodToken:
    def test_says_who_signed_in_how_and_when(self, project: FirebaseProject) -> None:
        claims = verified(project.id_token(email="  ADA@Example.com"))
        assert (claims.project_id, claims.uid, claims.provider) == (PROJECT, "uid-ada", "google.com")
        assert (claims.email, claims.email_verified, claims.full_name) == ("ada@example.com", True, "Ada Lovelace")
        assert abs(claims.signed_in_at.timestamp() - time.time()) < 60

    @pytest.mark.parametrize("uid", ["u", "u" * 128, "ünï-愛"])
    def test_may_have_any_uid_that_firebase_allows(self, project: FirebaseProject, uid: str) -> None:
        assert verified(project.id_token(sub=uid)).uid == uid

    @pytest.mark.parametrize(
        ("changed", "email", "is_verified"),
        [
            ({"email": None}, None, False),
            ({"email": 5}, None, False),
            ({"email": "no address"}, None, False),
            ({"email": f"{'a' * 300}@example.com"}, None, False),
            ({"email_verified": None}, "ada@example.com", False),
            ({"email_verified": False}, "ada@example.com", False),
            ({"email_verified": "true"}, "ada@example.com", False),
            ({"email_verified": 1}, "ada@example.com", False),
        ],
    )
    def test_proves_an_address_only_when_it_says_so(
        self, project: FirebaseProject, changed: dict[str, Any], email: str | None, is_verified: bool
    ) -> None:
        claims = verified(project.id_token(**changed))
        assert (claims.email, claims.email_verified) == (email, is_verified)

    @pytest.mark.parametrize(
        ("name", "shown"),
        [(None, "ada"), ("", "ada"), ("\x00", "ada"), (5, "ada"), ("A\x00da \ud800", "Ada"), ("a" * 300, "a" * 200)],
    )
    def test_may_have_any_name(self, project: FirebaseProject, name: Any, shown: str) -> None:
        assert verified(project.id_token(name=name)).full_name == shown


class TestClock:
    @pytest.mark.parametrize("late", [0, 5])
    def test_may_differ_by_ten_seconds(self, project: FirebaseProject, late: int) -> None:
        now = int(time.time())
        assert verified(project.id_token(exp=now - late)).uid
        assert verified(project.id_token(iat=now + late)).uid

    def test_further_on_ends_a_token(self, project: FirebaseProject) -> None:
        with pytest.raises(FirebaseTokenExpired):
            verified(project.id_token(exp=int(time.time()) - 12))

    def test_further_back_refuses_one_from_the_future(self, project: FirebaseProject) -> None:
        with pytest.raises(FirebaseTokenInvalid):
            verified(project.id_token(iat=int(time.time()) + 60))


class TestBadToken:
    @pytest.mark.parametrize(
        "changed",
        [
            {"aud": "another-project"},
            {"aud": [PROJECT]},
            {"aud": None},
            {"iss": "https://securetoken.google.com/another-project"},
            {"iss": f"https://session.firebase.google.com/{PROJECT}"},
            {"iss": f"https://evil.example/{PROJECT}"},
            {"iss": None},
            {"sub": None},
            {"sub": ""},
            {"sub": "u" * 129},
            {"sub": "u\x00"},
            {"exp": None},
            {"iat": None},
            {"auth_time": None},
            {"auth_time": "now"},
            {"auth_time": 10**40},
            {"firebase": None},
            {"firebase": {}},
            {"firebase": {"sign_in_provider": "google.com", "tenant": "customer-1"}},
        ],
        ids=str,
    )
    def test_with_these_claims_is_refused(self, project: FirebaseProject, changed: dict[str, Any]) -> None:
        with pytest.raises(FirebaseTokenInvalid):
            verified(project.id_token(**changed))

    @pytest.mark.parametrize(
        "header", [{"kid": "unknown"}, {"kid": ""}, {"kid": "../key-1"}, {"alg": "none"}, {"alg": "HS256"}], ids=str
    )
    def test_with_this_header_is_refused(self, project: FirebaseProject, header: dict[str, Any]) -> None:
        _, claims, signature = project.id_token().split(".")
        changed = segment({"alg": "RS256", "typ": "JWT", "kid": "key-1"} | header)
        with pytest.raises(FirebaseTokenInvalid):
            verified(f"{changed}.{claims}.{signature}")

    def test_of_another_key_under_our_key_id_is_refused(self, project: FirebaseProject) -> None:
        with pytest.raises(FirebaseTokenInvalid):
            verified(project.id_token(key_name="key-2"))

    def test_signed_with_the_public_certificate_as_a_secret_is_refused(self, project: FirebaseProject) -> None:
        import hashlib
        import hmac

        signed = f"{segment({'alg': 'HS256', 'kid': 'key-1'})}.{segment(project.claims())}"
        signature = hmac.new(certificate("key-1").encode(), signed.encode(), hashlib.sha256).digest()
        with pytest.raises(FirebaseTokenInvalid):
            verified(f"{signed}.{segment(signature)}")

    def test_without_a_signature_is_refused(self, project: FirebaseProject) -> None:
        header, claims, _ = project.id_token().split(".")
        for token in (f"{header}.{claims}.", f"{segment({'alg': 'none'})}.{claims}.", f"{header}.{claims}"):
            with pytest.raises(FirebaseTokenInvalid):
                verified(token)

    def test_with_a_changed_claim_is_refused(self, project: FirebaseProject) -> None:
        header, _, signature = project.id_token().split(".")
        with pytest.raises(FirebaseTokenInvalid):
            verified(f"{header}.{segment(project.claims() | {'sub': 'uid-eve'})}.{signature}")

    def test_that_is_another_kind_of_firebase_token_is_refused(self, project: FirebaseProject) -> None:
        audience = "https://identitytoolkit.googleapis.com/google.identity.identitytoolkit.v1.IdentityToolkit"
        with pytest.raises(FirebaseTokenInvalid):
            verified(project.id_token(aud=audience))

    @pytest.mark.parametrize(
        "token",
        ["", ".", "..", "a.b.c", "é.é.é", "\ud800", "\x00", "x" * 100_000,
         f"{segment(b'[' * 3000)}.e30.e30", f"{segment({'alg': 'RS256', 'kid': 'k'})}.{segment(b'[' * 3000)}.e30",
         f"{segment([1])}.{segment([1])}.e30", f"{segment({'kid': ['k'], 'alg': 'RS256'})}.e30.e30",
         f"{segment({'alg': 'HS256'})}.{segment({'v': 0, 'd': 5})}.e30", f"{segment(b'9' * 5000)}.e30.e30"],
        ids=lambda token: ascii(token[:20]),
    )  # fmt: skip
    def test_that_is_none_at_all_is_refused(self, project: FirebaseProject, token: str) -> None:
        for judge in (verified, checked):
            with pytest.raises(FirebaseTokenInvalid):
                judge(token)

    def test_never_makes_us_ask_google_for_certificates_again(self, project: FirebaseProject) -> None:
        verified(project.id_token())
        for number in range(5):
            with pytest.raises(FirebaseTokenInvalid):
                verified(project.id_token(header={"kid": f"unknown-{number}"}))
        assert project.asked_for(CERTIFICATES) == 1


class TestProvider:
    def test_outside_the_list_is_refused(self, project: FirebaseProject) -> None:
        token = project.id_token(firebase={"sign_in_provider": "facebook.com"})
        with pytest.raises(FirebaseProviderNotAllowed):
            verified(token)
        with override_settings(FIREBASE_SIGN_IN_PROVIDERS=["facebook.com"]):
            assert verified(token).provider == "facebook.com"

    def test_anonymous_is_refused_even_on_the_list(self, project: FirebaseProject) -> None:
        with (
            override_settings(FIREBASE_SIGN_IN_PROVIDERS=["anonymous"]),
            pytest.raises(FirebaseProviderNotAllowed),
        ):
            verified(project.id_token(firebase={"sign_in_provider": "anonymous"}))

    def test_is_not_asked_about_without_a_project(self) -> None:
        with pytest.raises(FirebaseNotConfigured):
            verified("a.b.c")


class TestCertificates:
    def test_are_fetched_once_and_outlive_an_outage(self, project: FirebaseProject) -> None:
        verified(project.id_token())
        project.broken[CERTIFICATES] = 503
        for _ in range(3):
            assert verified(project.id_token()).uid
        assert project.asked_for(CERTIFICATES) == 1

    @pytest.mark.parametrize("broken", [503, 500, 404, b"<html>Sign in to the Wi-Fi</html>"])
    def test_that_were_never_fetched_make_it_unavailable(self, project: FirebaseProject, broken: int | bytes) -> None:
        project.broken[CERTIFICATES] = broken
        with pytest.raises(FirebaseUnavailable) as told:
            verified(project.id_token())
        assert told.value.retry_after
        del project.broken[CERTIFICATES]
        assert verified(project.id_token()).uid

    def test_of_a_server_that_is_not_there_make_it_unavailable(self, project: FirebaseProject) -> None:
        token = project.id_token()
        with override_settings(FIREBASE_API_BASE="http://127.0.0.1:9"), pytest.raises(FirebaseUnavailable):
            verified(token)

    def test_that_run_out_are_fetched_again_with_the_next_key(self, project: FirebaseProject) -> None:
        project.max_age = 0
        verified(project.id_token())
        project.kids = ["key-2"]
        assert verified(project.id_token()).uid
        with pytest.raises(FirebaseTokenInvalid):
            verified(project.id_token(key_name="key-1", header={"kid": "key-1"}))


class TestRevocation:
    def test_is_asked_about_at_exchange_only(self, project: FirebaseProject) -> None:
        token = project.sign_in()
        verified(token)
        assert project.asked_for(LOOKUP) == 0
        assert checked(token).uid == "uid-ada"
        assert project.asked_for(LOOKUP) == 1

    def test_ends_older_sign_ins(self, project: FirebaseProject) -> None:
        token = project.sign_in()
        project.accounts["uid-ada"]["validSince"] = str(int(time.time()) + 5)
        with pytest.raises(FirebaseSignInEnded):
            checked(token)

    def test_of_a_disabled_account_is_told_apart(self, project: FirebaseProject) -> None:
        token = project.sign_in()
        project.accounts["uid-ada"]["disabled"] = True
        with pytest.raises(FirebaseAccountDisabled):
            checked(token)

    def test_of_an_account_that_is_gone_refuses_the_token(self, project: FirebaseProject) -> None:
        with pytest.raises(FirebaseTokenInvalid):
            checked(project.id_token())

    @pytest.mark.parametrize(
        ("path", "broken"),
        [(LOOKUP, 503), (LOOKUP, 500), (LOOKUP, 403), (LOOKUP, 429), (LOOKUP, b"no json"), (LOOKUP, b'{"users": 5}'),
         ("/token", 403), ("/token", b"no json")],
    )  # fmt: skip
    def test_that_cannot_be_asked_about_is_unavailable_at_once(
        self, project: FirebaseProject, path: str, broken: int | bytes
    ) -> None:
        token = project.sign_in()
        project.broken[path] = broken
        with pytest.raises(FirebaseUnavailable):
            checked(token)
        assert project.asked_for(LOOKUP) <= 1, "no retries while somebody waits"


class TestCredentials:
    @pytest.mark.parametrize("text", [None, "", "{}", '{"type": "service_account"}'])
    def test_that_are_of_no_use_make_it_unavailable(
        self, project: FirebaseProject, tmp_path: Path, text: str | None
    ) -> None:
        path = tmp_path / "key.json"
        if text is not None:
            path.write_text(text)
        with override_settings(FIREBASE_CREDENTIALS=str(path)), pytest.raises(FirebaseUnavailable):
            verified(project.id_token())


class TestIsIdToken:
    @pytest.fixture
    def own(self) -> str:
        """Return a token that is not Firebase's."""
        return jwt.encode({"iss": "coditect-cloud"}, key("key-1"), algorithm="RS256")

    def test_goes_by_the_issuer(self, project: FirebaseProject, own: str) -> None:
        assert firebase.is_id_token(project.id_token())
        assert firebase.is_id_token(project.id_token(iss="https://securetoken.google.com/another"))
        for other in (own, "", "a.b.c", "é", f"{segment({'alg': 'RS256'})}.{segment(b'[' * 3000)}.e30"):
            assert not firebase.is_id_token(other)

    def test_is_never_true_without_a_project(self, project: FirebaseProject) -> None:
        with override_settings(FIREBASE_PROJECT_ID=""):
            assert not firebase.is_id_token(project.id_token())


@pytest.mark.parametrize("judge", [verified, checked])
def test_every_refusal_is_one_of_ours(project: FirebaseProject, judge: Callable[[str], Claims]) -> None:
    for number in range(40):
        good = project.id_token()
        with pytest.raises(DomainError):
            judge(good[: number * len(good) // 40])
