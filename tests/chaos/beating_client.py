"""A client as a process of its own: takes a seat and keeps it until it is killed. `URL LICENSE_KEY SECONDS`."""

import sys
import time

import httpx


def main(url: str, license_key: str, seconds: float) -> None:
    """Beat for ever."""
    with httpx.Client(base_url=f"{url}/api/v1/licenses", trust_env=False, timeout=30) as api:
        acquired = api.post("/acquire", json={"license_key": license_key, "hardware_id": "machine-doomed"})
        seat = acquired.raise_for_status().json()
        while True:
            body = {"session_id": seat["session_id"], "signed_token": seat["signed_token"]}
            seat |= api.post("/heartbeat", json=body).raise_for_status().json()
            time.sleep(seconds)


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], float(sys.argv[3]))
