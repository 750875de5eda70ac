"""A small HTTP client that shows what it sends and what comes back: the eyes of `./dev demo`."""

import http.client
import json
import time
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode, urlsplit

from deploy.local.progress import note, paint

TIMEOUT_SECONDS = 30.0
# Nobody needs these on a screen, and a recording of the demo is shown to others.
HIDDEN = ("password", "access", "refresh", "signed_token", "verification_token", "signature", "payload")
LONGEST_VALUE = 60
NESTED_MEMBERS = 3


class DemoFailedError(RuntimeError):
    """A step was answered otherwise than the product promises; the message says what came."""


@dataclass(frozen=True, slots=True)
class Answer:
    """One HTTP answer; `body` is the decoded JSON, or the text where it is none."""

    status: int
    headers: dict[str, str]
    body: Any

    def code(self) -> str:
        """The stable error code, empty when the answer is no error."""
        errors = self.body.get("errors") if isinstance(self.body, dict) else None
        return str(errors[0]["code"]) if errors else ""


class Api:
    """Talks to one server on loopback. Redirects are shown and returned, never followed."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.token = ""

    def get(self, path: str, *, expect: int = 200, quiet: bool = False) -> Answer:
        """GET a path or a whole URL as JSON. Raises DemoFailedError when the status is another than expected."""
        return self._call("GET", path, None, {}, expect, quiet)

    def post(self, path: str, body: dict[str, object], *, expect: int = 200) -> Answer:
        """POST a JSON body. Raises DemoFailedError when the status is another than expected."""
        headers = {"Content-Type": "application/json"}
        return self._call("POST", path, json.dumps(body), headers, expect, quiet=False, shown=body)

    def submit(self, path: str, fields: dict[str, str], *, expect: int) -> Answer:
        """POST a form, as a browser does. Raises DemoFailedError when the status is another than expected."""
        headers = {"Content-Type": "application/x-www-form-urlencoded"}
        return self._call("POST", path, urlencode(fields), headers, expect, quiet=False, shown=dict(fields))

    def _call(
        self,
        method: str,
        path: str,
        body: str | None,
        headers: dict[str, str],
        expect: int,
        quiet: bool,
        shown: dict[str, object] | None = None,
    ) -> Answer:
        address = urlsplit(path if path.startswith("http") else self.url + path)
        target = address.path + (f"?{address.query}" if address.query else "")
        began = time.perf_counter()
        answer = self._exchange(address.netloc, method, target, body, headers)
        seconds = time.perf_counter() - began
        if not quiet:
            note(f"     → {method} {target}{'  ' + shorten(shown) if shown else ''}")
            colour = "32" if answer.status == expect else "31"
            note(f"     ← {paint(str(answer.status), colour)} {shorten(answer.body)}  {seconds * 1000:.0f} ms")
        if answer.status != expect:
            raise DemoFailedError(f"{method} {target} was answered {answer.status} instead of {expect}: {answer.body}")
        return answer

    def _exchange(self, netloc: str, method: str, target: str, body: str | None, headers: dict[str, str]) -> Answer:
        # The token is ours alone: the stand-in's page on another port must not get it.
        own = netloc == urlsplit(self.url).netloc
        bearer = {"Authorization": f"Bearer {self.token}"} if self.token and own else {}
        connection = http.client.HTTPConnection(netloc, timeout=TIMEOUT_SECONDS)
        try:
            connection.request(method, target, body, {"Accept": "application/json"} | headers | bearer)
            response = connection.getresponse()
            text = response.read().decode("utf-8", "replace")
        except OSError as error:
            raise DemoFailedError(f"{method} {target}: no answer ({error})") from error
        finally:
            connection.close()
        try:
            decoded: Any = json.loads(text)
        except ValueError:
            decoded = text
        return Answer(response.status, {name.lower(): value for name, value in response.getheaders()}, decoded)


def shorten(value: Any, *, nested: bool = False) -> str:
    """The essential of a body on one line: secrets as dots; long texts, lists and objects within objects cut."""
    if isinstance(value, dict):
        kept = list(value.items())[: NESTED_MEMBERS if nested else None]
        parts = [f"{key}: {'•••' if key in HIDDEN else shorten(item, nested=True)}" for key, item in kept]
        return "{" + ", ".join(parts + ["…"] * (len(kept) < len(value))) + "}"
    if isinstance(value, list):
        more = f", … {len(value)} in all" if len(value) > 1 else ""
        return f"[{shorten(value[0], nested=True)}{more}]" if value else "[]"
    text = " ".join(str(value).split())
    return text if len(text) <= LONGEST_VALUE else text[:LONGEST_VALUE] + "…"
