"""The questions of one machine about one licence."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from typing import Any

from coditect_license.access import Access
from coditect_license.answers import SeatToken
from coditect_license.transport import Transport, Yes


class Requests:
    """Each asks once. Raises Refused for a signed no, Outage when there is no verdict."""

    def __init__(
        self,
        transport: Transport,
        access: Access,
        *,
        license_key: str,
        hardware_id: str,
        hardware_signals: Mapping[str, str] | None,
    ) -> None:
        self._transport = transport
        self._access = access
        self._license_key = license_key
        self._hardware_id = hardware_id
        self._signals = {"hardware_signals": dict(hardware_signals)} if hardware_signals else {}

    def acquire(self) -> Yes:
        """Ask for a seat; a machine that has one gets the same again."""
        return self._transport.ask("/licenses/acquire", self._machine(), bearer=self._access.bearer())

    def beat(self, token: SeatToken) -> Yes:
        """Renew the lease."""
        return self._transport.ask("/licenses/heartbeat", token.body())

    def release(self, token: SeatToken, *, timeout: float | None = None) -> Yes:
        """Give the seat back."""
        return self._transport.ask("/licenses/release", token.body(), timeout=timeout)

    def activate(self, *, hardware_name: str, platform: str, idempotency_key: uuid.UUID) -> Yes:
        """Bind the machine; the same key again is the same request."""
        body = {**self._machine(), "hardware_name": hardware_name, "platform": platform}
        bearer = self._access.bearer()
        return self._transport.ask("/licenses/activate", body, bearer=bearer, idempotency_key=str(idempotency_key))

    def validate(self) -> Yes:
        """Ask how the licence stands."""
        return self._transport.ask(
            "/licenses/validate", {"license_key": self._license_key, "hardware_id": self._hardware_id}
        )

    def _machine(self) -> dict[str, Any]:
        return {"license_key": self._license_key, "hardware_id": self._hardware_id, **self._signals}
