"""A folder that nobody else can write to, and files in it."""

import os

import pytest

from minigrad.compiler.backends.private import NotPrivateError, private, read, write

pytestmark = pytest.mark.skipif(not hasattr(os, "getuid"), reason="owners and modes of files are POSIX's")


def test_missing_levels_are_made_for_their_owner_alone(tmp_path):
    before = os.umask(0)
    try:
        made = private(tmp_path / "one" / "two")
    finally:
        os.umask(before)
    assert made.is_dir()
    assert {level.stat().st_mode & 0o777 for level in (made, made.parent)} == {0o700}


@pytest.mark.parametrize("mode", [0o770, 0o707, 0o1777])
def test_a_folder_that_others_write_to_is_refused(tmp_path, mode):
    folder = tmp_path / "open"
    folder.mkdir()
    folder.chmod(mode)
    with pytest.raises(NotPrivateError, match="others may write to"):
        private(folder)


def test_a_file_in_its_place_is_refused(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(NotPrivateError):
        private(tmp_path / "file" / "below")


def test_content_comes_back_and_links_do_not_count(tmp_path):
    path = private(tmp_path / "cache") / "kernel"
    assert read(path) is None
    write(path, b"one")
    write(path, b"two")
    assert read(path) == b"two"
    assert path.stat().st_mode & 0o777 == 0o600
    assert os.listdir(path.parent) == ["kernel"]
    (path.parent / "link").symlink_to(path)
    assert read(path.parent / "link") is None
    path.chmod(0o666)
    assert read(path) is None


def test_a_pipe_is_not_waited_for(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    assert read(tmp_path / "pipe") is None
