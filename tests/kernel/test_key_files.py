"""Folders of keys that change under a running process."""

import os
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from django.core.exceptions import ImproperlyConfigured

from config.kernel import key_files
from config.kernel.key_files import KeyFile, Watched

NOW = datetime.now(UTC)


def contents(files: list[KeyFile]) -> list[str]:
    """Return what is in the files; refuses some, as a loader of keys does."""
    texts = [file.path.read_text() for file in files]
    if not texts:
        raise ImproperlyConfigured("there is no key")
    if "broken" in texts:
        raise ValueError("this is no key")
    return texts


def looked_again(watched: Watched[list[str]]) -> list[str]:
    """Return what the process uses once it has looked into the folder again."""
    watched._check_at = 0.0
    return watched.current()


class TestWrite:
    def test_names_the_moment_from_which_the_key_is_used(self, tmp_path: Path) -> None:
        key_files.write(tmp_path / "new", ".key", b"later", lead=timedelta(hours=2))
        key_files.write(tmp_path / "new", ".key", b"now")
        now, later = key_files.list_files(tmp_path / "new", ".key")
        assert (now.path.read_text(), later.path.read_text()) == ("now", "later")
        assert timedelta(minutes=119) < later.not_before - now.not_before <= timedelta(hours=2)

    def test_lets_nobody_else_read_it_and_leaves_nothing_half_done(self, tmp_path: Path) -> None:
        path = key_files.write(tmp_path, ".key", b"secret")
        assert path.stat().st_mode & 0o777 == 0o600
        assert list(tmp_path.iterdir()) == [path]

    def test_a_file_without_a_date_has_been_used_ever_since(self, tmp_path: Path) -> None:
        dated = key_files.write(tmp_path, ".key", b"dated")
        (tmp_path / "zz.key").write_text("undated")
        assert [file.path.name for file in key_files.list_files(tmp_path, ".key")] == ["zz.key", dated.name]


class TestWatched:
    def test_notices_files_that_come_and_go(self, tmp_path: Path) -> None:
        first = key_files.write(tmp_path, ".key", b"first")
        watched = Watched(tmp_path, ".key", contents)
        assert watched.current() == ["first"]
        key_files.write(tmp_path, ".key", b"second")
        assert watched.current() == ["first"], "it does not look each time"
        assert looked_again(watched) == ["first", "second"]
        first.unlink()
        assert looked_again(watched) == ["second"]

    def test_notices_a_file_that_another_one_replaced(self, tmp_path: Path) -> None:
        path = key_files.write(tmp_path, ".key", b"first")
        watched = Watched(tmp_path, ".key", contents)
        watched.current()
        path.write_text("other")
        os.utime(path, ns=(1, 1))
        assert looked_again(watched) == ["other"]

    @pytest.mark.parametrize("spoil", ["broken file", "empty folder"])
    def test_goes_on_with_what_it_has_when_the_folder_is_spoilt(self, tmp_path: Path, spoil: str) -> None:
        path = key_files.write(tmp_path, ".key", b"first")
        watched = Watched(tmp_path, ".key", contents)
        watched.current()
        if spoil == "empty folder":
            path.unlink()
        else:
            key_files.write(tmp_path, ".key", b"broken")
        assert looked_again(watched) == ["first"]

    def test_does_not_begin_with_a_spoilt_folder(self, tmp_path: Path) -> None:
        with pytest.raises(ImproperlyConfigured):
            Watched(tmp_path, ".key", contents).current()
