"""The environment of the Django processes: where embedded servers and real ones are told apart, and nowhere else.

Each of DATABASE_URL, REDIS_URL and STRIPE_SECRET_KEY that the caller has set means "use that one": the component is
not started and the value is passed through. Everything else of the caller's environment is passed through as well, so
that any setting of the application can be tried.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from deploy.local.home import Home
from deploy.local.ports import LOOPBACK
from deploy.local.postgres import LOGIN_ROLES, Postgres
from deploy.local.redis_server import RedisServer

DATABASE = "coditect"
# Marks every process of a stack, so that the next run knows what a killed one left behind.
MARK = "CODITECT_STACK_COMPONENT_OF"
# The first two would make our Python load someone else's packages; the third makes every start seconds slower.
NOT_INHERITED = ("PYTHONHOME", "PYTHONPATH", "PYTHONDONTWRITEBYTECODE")


class ConfigurationError(RuntimeError):
    """The caller's environment asks for something the local stack must not or cannot do."""


@dataclass(frozen=True, slots=True)
class Servers:
    """What this run starts itself; None where the caller named a server of their own."""

    postgres: Postgres | None
    redis: RedisServer | None
    stripe_port: int | None


def warnings_for(caller: Mapping[str, str]) -> list[str]:
    """What the person should know about the servers they named themselves."""
    told = []
    if caller.get("DATABASE_URL"):
        for role in ("MIGRATOR", "WORKER", "SYSTEM"):
            if not caller.get(f"DATABASE_{role}_URL"):
                told.append(
                    f"DATABASE_{role}_URL is not set, so DATABASE_URL serves as the {role.lower()} role too; make the "
                    "roles with deploy/postgres/roles.sql"
                )
    if caller.get("STRIPE_SECRET_KEY") and not caller.get("STRIPE_WEBHOOK_SECRETS"):
        told.append("STRIPE_WEBHOOK_SECRETS is not set: no webhook of your Stripe account can be verified")
    return told


def refuse_live_keys(caller: Mapping[str, str]) -> None:
    """Raise ConfigurationError for a live Stripe key: a local run writes plans and customers to that account."""
    if caller.get("STRIPE_SECRET_KEY", "").startswith(("sk_live_", "rk_live_")):
        raise ConfigurationError("STRIPE_SECRET_KEY is a live key; a local run takes test keys only")


def environments(caller: Mapping[str, str], home: Home, servers: Servers, url: str) -> dict[str, dict[str, str]]:
    """The variables this stack adds to the caller's, by database role: "app", "worker", "migrator", "system"."""
    shared = _application(caller, home, url) | _redis(caller, servers) | _stripe(caller, home, servers)
    urls = _database_urls(caller, servers)
    return {role: shared | {"DATABASE_URL": urls[role], "DATABASE_SYSTEM_URL": urls["system"]} for role in LOGIN_ROLES}


def for_process(caller: Mapping[str, str], variables: Mapping[str, str], home: Home) -> dict[str, str]:
    """The whole environment of one supervised process."""
    inherited = {name: value for name, value in caller.items() if name not in NOT_INHERITED}
    # A proxy of the person's shell is for the world outside, not for the stand-ins on this machine.
    direct = ",".join(filter(None, [caller.get("NO_PROXY") or caller.get("no_proxy"), LOOPBACK, "localhost"]))
    own = {MARK: str(home.path), "PYTHONUNBUFFERED": "1", "NO_PROXY": direct, "no_proxy": direct}
    return inherited | dict(variables) | own


def _application(caller: Mapping[str, str], home: Home, url: str) -> dict[str, str]:
    secrets = home.secrets()
    return {
        # Forced: a DJANGO_SETTINGS_MODULE in someone's shell is usually that of another project.
        "DJANGO_SETTINGS_MODULE": "config.settings.local",
        "SECRET_KEY": caller.get("SECRET_KEY") or secrets["SECRET_KEY"],
        "LOOKUP_HASH_KEY": caller.get("LOOKUP_HASH_KEY") or secrets["LOOKUP_HASH_KEY"],
        "KEYS_DIR": caller.get("KEYS_DIR") or str(home.path / "keys"),
        "PUBLIC_URL": caller.get("PUBLIC_URL") or url,
    }


def _redis(caller: Mapping[str, str], servers: Servers) -> dict[str, str]:
    return {"REDIS_URL": servers.redis.url if servers.redis else caller["REDIS_URL"]}


def _stripe(caller: Mapping[str, str], home: Home, servers: Servers) -> dict[str, str]:
    if servers.stripe_port is None:
        names = ("STRIPE_SECRET_KEY", "STRIPE_WEBHOOK_SECRETS", "STRIPE_API_BASE")
        return {name: caller[name] for name in names if caller.get(name)}
    secrets = home.secrets()
    return {
        "STRIPE_SECRET_KEY": secrets["STRIPE_SECRET_KEY"],
        "STRIPE_WEBHOOK_SECRETS": secrets["STRIPE_WEBHOOK_SECRET"],
        "STRIPE_API_BASE": f"http://{LOOPBACK}:{servers.stripe_port}",
    }


def _database_urls(caller: Mapping[str, str], servers: Servers) -> dict[str, str]:
    if servers.postgres:
        return {role: servers.postgres.url(role, DATABASE) for role in LOGIN_ROLES}
    fallback = caller["DATABASE_URL"]
    return {role: caller.get(f"DATABASE_{role.upper()}_URL") or fallback for role in LOGIN_ROLES if role != "app"} | {
        "app": fallback
    }
