"""The commands of `./dev` that concern the local stack: run, manage, env, psql, clean."""

import argparse
import os
import shlex
import sys
from collections.abc import Sequence

from deploy.local.command_roles import role_for
from deploy.local.environment import ConfigurationError, refuse_live_keys, warnings_for
from deploy.local.home import Home, HomeInUseError
from deploy.local.ports import DEFAULT_WEB_PORT
from deploy.local.postgres import LOGIN_ROLES, Postgres
from deploy.local.postgres_binaries import PostgresNotFoundError
from deploy.local.postgres_cluster import PostgresError
from deploy.local.progress import complain, note, paint
from deploy.local.redis_binaries import RedisNotFoundError
from deploy.local.running_stack import NotRunningError, manage, print_environment, psql
from deploy.local.stack import PortTakenError, Stack, Started
from deploy.local.supervisor import ComponentFailedError, StopFlag, StopRequestedError

# What can go wrong without being a bug of ours: told in one message, without a traceback.
EXPECTED = (
    ComponentFailedError,
    ConfigurationError,
    HomeInUseError,
    NotRunningError,
    PortTakenError,
    PostgresError,
    PostgresNotFoundError,
    RedisNotFoundError,
)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; the exit code is 0 when it did what was asked."""
    options = _parser().parse_args(arguments)
    home = Home.of_this_shell()
    try:
        match options.command:
            case "run":
                return run(home)
            case "manage":
                return manage(home, options.role or role_for(options.arguments), options.arguments)
            case "env":
                return print_environment(home, options.role)
            case "psql":
                return psql(home, options.role, options.arguments)
            case _:
                return clean(home, sure=options.yes)
    except EXPECTED as error:
        complain(str(error))
    except PermissionError as error:
        complain(f"{error}. If {home.path} belongs to another user, choose another folder: CODITECT_HOME=… ./dev run")
    return 1


def run(home: Home) -> int:
    """Start the stack, keep it running, stop it on Ctrl-C or SIGTERM (then the exit code is 0)."""
    port = _port()
    refuse_live_keys(os.environ)
    stop = StopFlag()
    stop.install()
    stack = Stack(home, port, os.environ, stop)
    home.hold(stack.url)
    note(paint(f"CODITECT Cloud, local stack in {home.path}", "1"))
    for warning in warnings_for(os.environ):
        note(f"warning: {warning}")
    try:
        started = stack.start()
        _welcome(home, stack.url, started)
        stack.watch()
    except StopRequestedError:
        pass
    finally:
        # Also after an error: what has been started by then must not stay.
        if stack.running:
            note("\nstopping …")
            stack.stop()
            note("stopped; the data is kept")
    return 0


def clean(home: Home, *, sure: bool) -> int:
    """Stop the stack of this home and delete its data, secrets and logs."""
    if not home.exists():
        note(f"there is no stack in {home.path}")
        return 0
    if not sure and not _agrees(f"Delete all data of the stack in {home.path}? [y/N] "):
        note("nothing deleted; --yes answers the question beforehand")
        return 1
    if not home.stop_holder():
        raise NotRunningError("the running stack did not stop; stop it first")
    if (home.path / "postgres").exists():
        Postgres(home.path / "postgres").destroy()
    home.delete()
    note(f"deleted {home.path}")
    return 0


def _welcome(home: Home, url: str, started: Started) -> None:
    password = started.admin.password or "(printed once, at the first start)"
    note(f"""
{paint("Ready", "32;1")} at {paint(url, "1")}

  API docs      {url}/api/docs/
  Mailbox       {url}/local/mailbox
  Admin         {url}/django-admin/   {started.admin.email}   {password}
  Stripe        {started.stripe_url or "yours, by STRIPE_SECRET_KEY"}
  Logs          {home.logs}

Three things to try, in another terminal:
  curl {url}/api/v1/plans
  curl -X POST {url}/api/v1/auth/register -H 'Content-Type: application/json' \\
    -d '{{"email": "grace@example.com", "password": "Compiler-1952", "full_name": "Grace", "company_name": "Univac"}}'
  {_demo_command(home)}

Ctrl-C stops everything.""")


def _agrees(question: str) -> bool:
    try:
        return input(question).strip().lower() in ("y", "yes")
    except EOFError:  # nobody sits there
        return False


def _demo_command(home: Home) -> str:
    # In another terminal the variable is not set, and a demo would start a stack of its own.
    return "./dev demo" if home.is_default else f"CODITECT_HOME={shlex.quote(str(home.path))} ./dev demo"


def _port() -> int:
    text = os.environ.get("PORT") or str(DEFAULT_WEB_PORT)
    if not text.isdigit() or not 1 <= int(text) <= 65535:
        raise ConfigurationError(f"PORT={text} is not a port number (1 to 65535)")
    return int(text)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="./dev")
    commands = parser.add_subparsers(dest="command", required=True)
    commands.add_parser("run")
    manage_command = commands.add_parser("manage")
    manage_command.add_argument("--as", dest="role", choices=LOGIN_ROLES)
    manage_command.add_argument("arguments", nargs=argparse.REMAINDER)
    env = commands.add_parser("env")
    env.add_argument("role", nargs="?", choices=LOGIN_ROLES, default="app")
    psql_command = commands.add_parser("psql")
    psql_command.add_argument("role", nargs="?", choices=("superuser", *LOGIN_ROLES), default="app")
    psql_command.add_argument("arguments", nargs=argparse.REMAINDER)
    clean_command = commands.add_parser("clean")
    clean_command.add_argument("--yes", action="store_true")
    return parser


if __name__ == "__main__":
    sys.exit(main())
