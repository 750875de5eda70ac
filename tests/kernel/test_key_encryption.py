"""Key-encryption keys in files: the newest that has begun wraps, all of them open; what was opened is kept a while."""

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from config.kernel import cipher, key_encryption
from config.kernel.cipher import CannotDecrypt, new_key
from config.kernel.key_encryption import cache, files

CONTEXT = ("organization", "1")


@pytest.fixture
def folder(settings: Any, tmp_path: Path) -> Iterator[Path]:
    """Keep keys in a folder of the test's own, with one key in it."""
    settings.KEYS_DIR = tmp_path
    files.create()
    key_encryption._opened.clear()
    yield files.folder()
    files._watched.cache_clear()


def look_again() -> None:
    """Read the folder like a process that has not done so for a while, and remember nothing."""
    files._watched.cache_clear()
    key_encryption._opened.clear()


@pytest.mark.usefixtures("folder")
class TestFiles:
    def test_wrap_for_one_owner_and_version(self) -> None:
        data_key = new_key()
        wrapped = key_encryption.wrap(data_key, *CONTEXT)
        look_again()
        assert key_encryption.unwrap(wrapped, *CONTEXT) == data_key
        for context in (("other", "1"), ("organization", "2"), ("organization1", ""), ("organization", "1", "")):
            with pytest.raises(CannotDecrypt):
                key_encryption.unwrap(wrapped, *context)

    def test_open_nothing_that_was_changed(self) -> None:
        wrapped = key_encryption.wrap(new_key(), *CONTEXT)
        for at in range(len(wrapped)):
            with pytest.raises(CannotDecrypt):
                key_encryption.unwrap(wrapped[:at] + bytes([wrapped[at] ^ 1]) + wrapped[at + 1 :], *CONTEXT)
        for short in (b"", wrapped[:1], wrapped[:9], wrapped[:-1]):
            with pytest.raises(CannotDecrypt):
                key_encryption.unwrap(short, *CONTEXT)

    def test_a_new_one_wraps_and_the_old_one_opens(self) -> None:
        data_key = new_key()
        old = key_encryption.wrap(data_key, *CONTEXT)
        files.create()
        look_again()
        assert key_encryption.unwrap(old, *CONTEXT) == data_key
        new = key_encryption.rewrap(old, *CONTEXT)
        assert new is not None
        assert key_encryption.rewrap(new, *CONTEXT) is None
        files.keys()[0].file.path.unlink()
        look_again()
        assert key_encryption.unwrap(new, *CONTEXT) == data_key
        with pytest.raises(CannotDecrypt, match="not in KEYS_DIR"):
            key_encryption.unwrap(old, *CONTEXT)

    def test_one_that_has_not_begun_opens_and_does_not_wrap_yet(self) -> None:
        wrapped = key_encryption.wrap(new_key(), *CONTEXT)
        files.create(lead=timedelta(hours=1))
        look_again()
        assert key_encryption.rewrap(wrapped, *CONTEXT) is None
        assert len(files.keys()) == 2

    def test_are_shown_by_no_representation(self) -> None:
        (key,) = files.keys()
        for shown in (repr(key), str(key)):
            assert key.secret.hex() not in shown
            assert repr(key.secret) not in shown


class TestOpenedKeys:
    def test_are_forgotten_after_a_while(self) -> None:
        kept = cache.OpenedKeys(kept_seconds=-1)
        kept.keep(CONTEXT, b"wrapped", b"key")
        assert kept.find(CONTEXT, b"wrapped") is None
        assert cache.KEPT_SECONDS <= 600

    def test_make_room_for_others(self) -> None:
        kept = cache.OpenedKeys(most=2)
        for name in ("a", "b"):
            kept.keep((name, "1"), b"wrapped", name.encode())
        kept.find(("a", "1"), b"wrapped")
        kept.keep(("c", "1"), b"wrapped", b"c")
        found = [kept.find((name, "1"), b"wrapped") for name in ("a", "b", "c")]
        assert found == [b"a", None, b"c"], "the one used longest ago left"

    def test_answer_for_one_owner_version_and_wrapped_form_only(self) -> None:
        kept = cache.OpenedKeys()
        kept.keep(CONTEXT, b"wrapped", b"key")
        assert kept.find(("other", "1"), b"wrapped") is None
        assert kept.find(("organization", "2"), b"wrapped") is None
        assert kept.find(CONTEXT, b"another") is None

    def test_are_dropped_for_one_owner(self) -> None:
        kept = cache.OpenedKeys()
        for name in ("a", "b"):
            kept.keep((name, "1"), b"wrapped", name.encode())
        kept.forget("a")
        assert (kept.find(("a", "1"), b"wrapped"), kept.find(("b", "1"), b"wrapped")) == (None, b"b")


class TestCipher:
    def test_tells_apart_what_contexts_only_look_alike(self) -> None:
        assert len({cipher.bound(parts) for parts in (("ab", "c"), ("a", "bc"), ("abc",), ("abc", ""), ())}) == 5
