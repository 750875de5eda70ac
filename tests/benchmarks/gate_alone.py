"""The yardstick (c): how many calls of the seat scripts Redis itself can answer, with nothing of ours around them.

redis-benchmark does not come with the embedded server, so redis-py sends the same scripts in pipelines of 100, which
keeps Redis busy and the client's own cost small beside it.
"""

import time
from pathlib import Path
from statistics import median

import redis

_LUA = Path(__file__).resolve().parents[2] / "licenses/seats/lua"
ROUNDS, CALLS, AT_ONCE = 5, 5_000, 100


def measure(url: str) -> dict[str, float]:
    """Return calls per second by script, the median of the rounds."""
    client = redis.Redis.from_url(url, protocol=2)
    keys = ["seats:{benchmark}:leases", "seats:{benchmark}:owners"]
    now_ms = int(time.time() * 1000)
    client.delete(*keys)
    for number in range(3):
        client.zadd(keys[0], {f"machine-{number}": now_ms + 3_600_000})
        client.hset(keys[1], f"machine-{number}", f"session-{number}:1")
    calls: dict[str, list[str | int]] = {
        "acquire_seat": ["a-newcomer", 3, "reservation:x", 360_000],
        "refresh_heartbeat": ["machine-1", "session-1:1", now_ms + 3_600_000, 360_000],
    }
    found = {}
    for name, arguments in calls.items():
        sha = client.script_load((_LUA / f"{name}.lua").read_text())
        rates = []
        for _ in range(ROUNDS):
            began = time.perf_counter()
            for _ in range(CALLS // AT_ONCE):
                with client.pipeline(transaction=False) as pipeline:
                    for _ in range(AT_ONCE):
                        pipeline.evalsha(sha, 2, *keys, *arguments)
                    pipeline.execute()
            rates.append(CALLS / (time.perf_counter() - began))
        found[name] = median(rates)
    client.delete(*keys)
    return found


def table(found: dict[str, float]) -> str:
    """Return a line a script."""
    lines = ["| (c) Redis script alone | calls/s, median of 5 |", "|---|---|"]
    return "\n".join([*lines, *(f"| {name}.lua | {rate:.0f} |" for name, rate in found.items())])
