"""The network between the SDK and the real server: a test breaks it, mends it, and moves the client's clock."""

from collections.abc import Callable
from typing import Any

import httpx

from coditect_license import LicenseClient, Seat, SeatEvent, clock
from coditect_license.seat_life import Event
from tests.concurrency.together import wait_until

MACHINE = "machine-0001"
PROXY_PAGE = "<html>403 Forbidden</html>"


class Network(httpx.BaseTransport):
    """Lets requests through to the server, or answers like what is in between. Remembers the paths that were asked."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.asked: list[str] = []
        self.broken: Callable[[httpx.Request], httpx.Response] | None = None
        self.moved = 0.0
        self._through = httpx.HTTPTransport()
        self._clients: list[LicenseClient] = []

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        """Answer."""
        self.asked.append(request.url.path)
        return self.broken(request) if self.broken else self.through(request)

    def through(self, request: httpx.Request) -> httpx.Response:
        """Let a request through to the server."""
        return self._through.handle_request(request)

    def close(self) -> None:
        """Let go of the seats, and of the connections."""
        self.broken = None
        for client in self._clients:
            client.close()
        self._through.close()

    def client(self, license_key: str, *, machine: str = MACHINE, **options: Any) -> LicenseClient:
        """Return a client whose requests go through here."""
        client = LicenseClient(
            self.url,
            license_key=license_key,
            hardware_id=machine,
            open_http=lambda: httpx.Client(transport=_Shared(self)),
            now=lambda: clock.seconds() + self.moved,
            **options,
        )
        self._clients.append(client)
        return client

    def move(self, seat: Seat, seconds: float) -> None:
        """Move the client's clock, as if so much of the lease had gone by."""
        self.moved += seconds
        seat.wake()


class _Shared(httpx.BaseTransport):
    """The network as one client has it: closing the client leaves it as it is."""

    def __init__(self, network: Network) -> None:
        self._network = network

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        return self._network.handle_request(request)


class Heard:
    """What a host hears of its seat."""

    def __init__(self, seat: Seat) -> None:
        self.events: list[SeatEvent] = []
        for kind in Event:
            seat.on(kind, self.events.append)

    @property
    def kinds(self) -> list[str]:
        """Return what was heard, in order."""
        return [event.kind.value for event in self.events]

    def wait_for(self, kind: str, *, seconds: float = 20.0) -> SeatEvent:
        """Return the event, when it was heard."""
        wait_until(lambda: kind in self.kinds, seconds=seconds)
        return next(event for event in self.events if event.kind.value == kind)


def forbidden(request: httpx.Request) -> httpx.Response:
    """Answer as a proxy that lets nobody through."""
    return httpx.Response(403, html=PROXY_PAGE)


def down(request: httpx.Request) -> httpx.Response:
    """Answer as a network that is down."""
    raise httpx.ConnectError("no route to host", request=request)
