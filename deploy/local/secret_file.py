"""A JSON file with mode 0600 that remembers generated secrets from one start to the next."""

import json
import os
import secrets
import tempfile
from pathlib import Path


def random_secret() -> str:
    """32 random bytes in hex: safe in URLs, in SQL and on a line of a configuration file."""
    return secrets.token_hex(32)


def write_private(path: Path, text: str) -> None:
    """Replace the file in one step, readable by its owner only, never half written."""
    path.parent.mkdir(parents=True, exist_ok=True)
    # mkstemp creates with 0600, so the secret is never readable by others, not even for an instant.
    handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            file.write(text)
        Path(temporary).replace(path)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise


def remembered_secrets(path: Path, names: tuple[str, ...], given: dict[str, str] | None = None) -> dict[str, str]:
    """The secrets called `names`: `given` ones win, known ones are kept, missing ones are made and written down."""
    known: dict[str, str] = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
    wanted = known | {name: random_secret() for name in names if name not in known} | (given or {})
    if wanted != known:
        write_private(path, json.dumps(wanted, indent=2) + "\n")
    return {name: wanted[name] for name in names}
