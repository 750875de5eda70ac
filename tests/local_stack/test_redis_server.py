"""The embedded Redis: what it keeps over a kill, how it hangs when paused, that its password stays private."""

import time
from pathlib import Path

import pytest
import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from deploy.local.redis_server import RedisServer


class TestRedisServer:
    def test_killed_and_started_again_it_has_the_same_address_and_its_data(self, folder: Path) -> None:
        with RedisServer(folder / "data") as server:
            client = redis.Redis.from_url(server.url)
            client.set("seat", "taken")
            time.sleep(1.2)  # everysec: after a second at the latest it is on disk

            server.kill()
            server.start()

            assert client.get("seat") == b"taken"

    def test_kept_only_in_memory_it_comes_back_empty(self, folder: Path) -> None:
        with RedisServer(folder / "data", durable=False) as server:
            client = redis.Redis.from_url(server.url)
            client.set("seat", "taken")
            server.kill()
            server.start()
            assert client.get("seat") is None

    def test_paused_it_hangs_and_resumed_it_answers(self, folder: Path) -> None:
        with RedisServer(folder / "data", durable=False) as server:
            client = redis.Redis.from_url(server.url, socket_timeout=0.2)
            server.pause()
            with pytest.raises(redis.TimeoutError):
                client.ping()
            server.resume()
            assert client.ping()

    def test_stops_although_it_is_paused(self, folder: Path) -> None:
        server = RedisServer(folder / "data", durable=False)
        server.start()
        server.pause()
        server.stop()
        assert not server.process.running()

    def test_a_later_start_knows_the_password(self, folder: Path) -> None:
        with RedisServer(folder / "data", durable=False) as first:
            url = first.url
        with RedisServer(folder / "data", port=first.port, durable=False) as second:
            assert second.url == url

    def test_nobody_gets_in_without_the_password(self, folder: Path) -> None:
        with RedisServer(folder / "data", durable=False) as server, pytest.raises(redis.AuthenticationError):
            redis.Redis(port=server.port, retry=Retry(NoBackoff(), 0)).ping()

    @pytest.mark.skipif(not Path("/proc/self").exists(), reason="reads command lines from /proc")
    def test_its_command_line_does_not_tell_the_password(self, folder: Path) -> None:
        with RedisServer(folder / "data", durable=False, password="visible-to-all") as server:
            assert b"visible-to-all" not in Path(f"/proc/{server.process.pid}/cmdline").read_bytes()
            assert (folder / "data.secrets.json").stat().st_mode & 0o777 == 0o600
