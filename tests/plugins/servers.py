"""Starts the servers that tests run against (PostgreSQL, Redis, the Stripe stand-in), before Django's settings load.

They are real processes on free ports of this machine, made anew for each run and gone with it. With
CODITECT_TEST_NO_SERVERS=1 none is started, for tests that bring their own.
"""

import atexit
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
import urllib.request
from dataclasses import dataclass
from pathlib import Path

import pytest

from deploy.local.ports import free_port
from deploy.local.postgres import Postgres
from deploy.local.process import Process
from deploy.local.redis_server import RedisServer

ROOT = Path(__file__).resolve().parents[2]
STRIPE_KEY = "sk_test_coditect_tests"
WEBHOOK_SECRET = "whsec_coditect_tests"


@dataclass(frozen=True)
class Servers:
    """What is running, and how to reach it."""

    folder: Path
    postgres: Postgres
    redis: RedisServer
    stripe: Process
    stripe_url: str


_running: list[Servers] = []


def current() -> Servers:
    """Return the servers of this run; raises when it was started without."""
    if not _running:
        raise RuntimeError("this test needs the servers, and CODITECT_TEST_NO_SERVERS=1 is set")
    return _running[0]


@pytest.hookimpl(tryfirst=True)
def pytest_load_initial_conftests(early_config: pytest.Config) -> None:
    """Start everything once, and point the environment at it, before any settings module is imported."""
    os.environ["DJANGO_SETTINGS_MODULE"] = "config.settings.test"
    if os.environ.get("CODITECT_TEST_NO_SERVERS") or _running or early_config.known_args_namespace.help:
        return
    folder = Path(tempfile.mkdtemp(prefix="coditect-tests-"))
    folder.chmod(0o755)  # under root PostgreSQL runs as another user, who must reach its data
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    postgres = Postgres(folder / "postgres", durable=False)
    redis = RedisServer(folder / "redis", durable=False)
    stripe, stripe_url = _stripe(folder)
    for server in (stripe, redis, postgres):
        atexit.register(server.stop)
    stripe.spawn()
    redis.start()
    postgres.start()
    postgres.prepare("coditect")
    _running.append(Servers(folder, postgres, redis, stripe, stripe_url))
    os.environ.update(_environment(_running[0]))
    _bootstrap(_running[0])


def _stripe(folder: Path) -> tuple[Process, str]:
    port = free_port()
    argv = [sys.executable, "-m", "deploy.local.stripe", "--port", str(port), "--data", str(folder / "stripe")]
    # Nobody listens there: tests fetch the events and deliver them when they want to.
    argv += ["--webhook-url", "http://127.0.0.1:9/webhooks", "--webhook-secret", WEBHOOK_SECRET]
    log = folder / "stripe.log"
    return Process(argv, log=log, env=dict(os.environ), cwd=ROOT), f"http://127.0.0.1:{port}"


def _environment(servers: Servers) -> dict[str, str]:
    return {
        "SECRET_KEY": "only-for-tests-only-for-tests-only-for-tests-only-for-tests",
        "LOOKUP_HASH_KEY": "00" * 32,
        "KEYS_DIR": str(servers.folder / "keys"),
        "PUBLIC_URL": "http://testserver",
        "ALLOWED_HOSTS": "testserver,127.0.0.1",
        "DATABASE_URL": servers.postgres.url("app"),
        "DATABASE_SYSTEM_URL": servers.postgres.url("system"),
        "REDIS_URL": servers.redis.url,
        "STRIPE_SECRET_KEY": STRIPE_KEY,
        "STRIPE_WEBHOOK_SECRETS": WEBHOOK_SECRET,
        "STRIPE_API_BASE": servers.stripe_url,
        "LOG_LEVEL": "WARNING",
    }


def migrators_environment() -> dict[str, str]:
    """Return the environment of a deployment's commands."""
    return {**os.environ, "DATABASE_URL": current().postgres.url("migrator")}


def _bootstrap(servers: Servers) -> None:
    """Prepare the database the way a deployment does, as the migrator; tests then run as the app role."""
    _wait_for(f"{servers.stripe_url}/health")
    environ = migrators_environment()
    command = [sys.executable, "manage.py", "bootstrap", "--json"]
    done = subprocess.run(command, cwd=ROOT, env=environ, capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError(f"bootstrap failed:\n{done.stdout}{done.stderr}")
    (servers.folder / "bootstrap.json").write_text(json.dumps(json.loads(done.stdout.strip().splitlines()[-1])))


def _wait_for(url: str) -> None:
    for _ in range(400):
        try:
            urllib.request.urlopen(url, timeout=1).close()
        except OSError:
            time.sleep(0.05)
        else:
            return
    raise RuntimeError(f"{url} does not answer")
