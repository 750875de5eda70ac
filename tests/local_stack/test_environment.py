"""Embedded servers are only a default: what the caller names is used instead, and a live Stripe key is refused."""

from pathlib import Path

import pytest

from deploy.local.environment import (
    ConfigurationError,
    Servers,
    environments,
    for_process,
    refuse_live_keys,
    warnings_for,
)
from deploy.local.home import Home

OWN = {
    "DATABASE_URL": "postgresql://app@db/x",
    "DATABASE_WORKER_URL": "postgresql://worker@db/x",
    "DATABASE_MIGRATOR_URL": "postgresql://migrator@db/x",
    "DATABASE_SYSTEM_URL": "postgresql://system@db/x",
    "REDIS_URL": "redis://cache/0",
    "STRIPE_SECRET_KEY": "sk_test_mine",
    "STRIPE_WEBHOOK_SECRETS": "whsec_mine",
}
NOTHING_EMBEDDED = Servers(postgres=None, redis=None, stripe_port=None)


class TestEnvironments:
    def test_passes_the_callers_servers_through_each_role_its_own_database_url(self, folder: Path) -> None:
        by_role = environments(OWN, Home(folder), NOTHING_EMBEDDED, "http://here")

        assert {role: variables["DATABASE_URL"] for role, variables in by_role.items()} == {
            "app": "postgresql://app@db/x",
            "worker": "postgresql://worker@db/x",
            "migrator": "postgresql://migrator@db/x",
            "system": "postgresql://system@db/x",
        }
        assert by_role["app"]["REDIS_URL"] == "redis://cache/0"
        assert by_role["app"]["STRIPE_SECRET_KEY"] == "sk_test_mine"
        assert "STRIPE_API_BASE" not in by_role["app"]

    def test_one_database_url_serves_every_role_with_a_warning(self, folder: Path) -> None:
        caller = {"DATABASE_URL": "postgresql://all@db/x", "REDIS_URL": "redis://cache/0"}
        by_role = environments(caller, Home(folder), Servers(None, None, 4242), "http://here")

        assert by_role["migrator"]["DATABASE_URL"] == "postgresql://all@db/x"
        assert len([told for told in warnings_for(caller) if "roles.sql" in told]) == 3
        assert by_role["app"]["STRIPE_API_BASE"] == "http://127.0.0.1:4242"
        assert by_role["app"]["STRIPE_SECRET_KEY"].startswith("sk_test_")

    def test_secrets_are_the_same_at_the_next_start_and_private(self, folder: Path) -> None:
        first, second = (environments(OWN, Home(folder), NOTHING_EMBEDDED, "http://here")["app"] for _ in range(2))
        assert first["SECRET_KEY"] == second["SECRET_KEY"]
        assert len(bytes.fromhex(first["LOOKUP_HASH_KEY"])) == 32
        assert (folder / "secrets.json").stat().st_mode & 0o777 == 0o600

    def test_settings_of_the_callers_shell_reach_the_processes_but_not_a_foreign_python(self, folder: Path) -> None:
        caller = {"SENDGRID_API_KEY": "SG.x", "PYTHONPATH": "/elsewhere", "DJANGO_SETTINGS_MODULE": "other.settings"}
        variables = environments(OWN, Home(folder), NOTHING_EMBEDDED, "http://here")["app"]
        environment = for_process(caller, variables, Home(folder))
        assert environment["SENDGRID_API_KEY"] == "SG.x"
        assert environment["DJANGO_SETTINGS_MODULE"] == "config.settings.local"
        assert "PYTHONPATH" not in environment


class TestLiveKeys:
    @pytest.mark.parametrize("key", ["sk_live_1", "rk_live_1"])
    def test_refuses_to_play_with_real_money(self, key: str) -> None:
        with pytest.raises(ConfigurationError, match="live key"):
            refuse_live_keys({"STRIPE_SECRET_KEY": key})


class TestProxies:
    def test_the_persons_proxy_is_not_asked_for_what_runs_on_this_machine(self, folder: Path) -> None:
        caller = {"HTTP_PROXY": "http://proxy:3128", "no_proxy": "intranet"}
        environment = for_process(caller, {}, Home(folder))
        assert environment["NO_PROXY"] == environment["no_proxy"] == "intranet,127.0.0.1,localhost"
