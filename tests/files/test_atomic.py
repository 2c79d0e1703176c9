"""Saving is atomic: a full disk, Ctrl-C and ``kill -9`` leave the previous file, whole."""

import errno
import os
import random
import signal
import stat
import subprocess
import sys
import textwrap
import time
from pathlib import Path

import numpy as np
import pytest

import minigrad as mg
from minigrad.errors import FileError
from minigrad.files import atomic

pytest.importorskip("safetensors", reason="safetensors is not installed")


@pytest.fixture
def path(tmp_path):
    return tmp_path / "state.safetensors"


class TestFailures:
    def test_what_the_system_refuses_is_told(self, path, monkeypatch):
        mg.save(path, "before")

        def refuse(*_args, **_kwargs):
            raise PermissionError(errno.EACCES, "Permission denied")

        with monkeypatch.context() as patch:
            patch.setattr(os, "open", refuse)
            with pytest.raises(FileError, match="cannot be loaded: permission denied") as caught:
                mg.load(path)
            assert caught.value.errno == errno.EACCES
        with monkeypatch.context() as patch:
            patch.setattr(os, "replace", refuse)
            with pytest.raises(FileError, match="was not saved: permission denied"):
                mg.save(path, "after")
        assert mg.load(path) == "before"
        assert [entry.name for entry in path.parent.iterdir()] == [path.name]

    def test_a_disk_that_is_full_when_the_bytes_must_reach_it(self, path, monkeypatch):
        mg.save(path, "before")

        def full(_descriptor):
            raise OSError(errno.ENOSPC, "No space left on device")

        with monkeypatch.context() as patch:
            patch.setattr(os, "fsync", full)
            with pytest.raises(FileError, match="no space left on device"):
                mg.save(path, "after")
        assert mg.load(path) == "before"
        assert [entry.name for entry in path.parent.iterdir()] == [path.name]

    @pytest.mark.skipif(sys.platform == "win32", reason="the limit is one of POSIX")
    def test_a_disk_that_is_full_in_the_middle_of_a_file(self, path):
        mg.save(path, "before")
        code = f"""
            import resource, numpy as np, minigrad as mg
            resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000))
            try:
                mg.save({str(path)!r}, np.zeros(100_000))
            except mg.errors.FileError as error:
                print(error)
        """
        done = subprocess.run([sys.executable, "-c", textwrap.dedent(code)], capture_output=True, text=True, check=True)
        assert done.stdout == f"{path} was not saved: file too large\n"
        assert mg.load(path) == "before"
        assert [entry.name for entry in path.parent.iterdir()] == [path.name]

    @pytest.mark.skipif(not Path("/dev/full").is_char_device(), reason="there is no /dev/full")
    def test_a_disk_that_is_full_at_once(self, path, monkeypatch):
        mg.save(path, "before")
        plain_open = open

        def full(name, mode):
            return plain_open("/dev/full", "wb") if mode == "xb" else plain_open(name, mode)

        monkeypatch.setattr(atomic, "open", full, raising=False)
        with pytest.raises(FileError, match="no space left on device"):
            mg.save(path, np.zeros(100_000))
        with pytest.raises(FileError, match="no space left on device"):
            mg.save(path, "small")  # it is in the buffer until the file is flushed
        assert mg.load(path) == "before"

    def test_ctrl_c_leaves_nothing_behind(self, path, monkeypatch):
        mg.save(path, "before")

        def interrupt(_descriptor):
            raise KeyboardInterrupt

        with monkeypatch.context() as patch:
            patch.setattr(os, "fsync", interrupt)
            with pytest.raises(KeyboardInterrupt):
                mg.save(path, "after")
        assert mg.load(path) == "before"
        assert [entry.name for entry in path.parent.iterdir()] == [path.name]


class TestAtomic:
    def test_bytes_and_rename_reach_the_disk_in_this_order(self, path, monkeypatch):
        calls = []
        fsync, replace = os.fsync, os.replace
        folder_or_file = {True: "folder", False: "file"}
        monkeypatch.setattr(
            os, "fsync", lambda d: (calls.append(folder_or_file[stat.S_ISDIR(os.fstat(d).st_mode)]), fsync(d))
        )
        monkeypatch.setattr(os, "replace", lambda a, b: (calls.append("rename"), replace(a, b)))
        mg.save(path, {})
        assert calls == ["file", "rename", "folder"]

    @pytest.mark.skipif(os.name != "posix", reason="the modes are those of POSIX")
    def test_the_umask_decides_who_may_read_it(self, path):
        before = os.umask(0o027)
        try:
            mg.save(path, {})
        finally:
            os.umask(before)
        assert stat.S_IMODE(path.stat().st_mode) == 0o640

    def test_a_link_stays_a_link(self, tmp_path, path):
        (tmp_path / "elsewhere").mkdir()
        target = tmp_path / "elsewhere" / "real"
        path.symlink_to(target)
        mg.save(path, 1)
        mg.save(path, 2)
        assert path.is_symlink()
        assert mg.load(target) == 2

    def test_what_a_killed_save_left_is_removed_by_the_next(self, path):
        stray = path.with_name(f".{path.name}.0123456789abcdef.saving")
        others = [
            ".state.safetensors.saving",
            "state.safetensors.0123456789abcdef.saving",
            ".x.0123456789abcdef.saving",
        ]
        for name in (stray.name, *others):
            path.with_name(name).write_bytes(b"half")
        mg.save(path, 1)
        assert sorted(entry.name for entry in path.parent.iterdir()) == sorted([path.name, *others])

    def test_a_save_that_is_under_way_keeps_its_file(self, path):
        fcntl = pytest.importorskip("fcntl", reason="an open file cannot be removed there anyway")
        stray = path.with_name(f".{path.name}.0123456789abcdef.saving")
        with stray.open("wb") as file:
            fcntl.flock(file.fileno(), fcntl.LOCK_EX)
            mg.save(path, 1)
            assert stray.exists()
        mg.save(path, 2)
        assert not stray.exists()

    def test_a_file_system_without_locks(self, path, monkeypatch):
        fcntl = pytest.importorskip("fcntl", reason="there are no such locks")

        def refuse(*_args):
            raise OSError(errno.ENOLCK, "No locks available")

        stray = path.with_name(f".{path.name}.0123456789abcdef.saving")
        stray.write_bytes(b"half")
        monkeypatch.setattr(fcntl, "flock", refuse)
        mg.save(path, 3)
        assert mg.load(path) == 3
        assert stray.exists()  # it cannot be known whether somebody writes it

    def test_a_folder_that_may_be_written_to_and_not_looked_into(self, path, monkeypatch):
        def refuse(_folder):
            raise PermissionError(errno.EACCES, "Permission denied")

        monkeypatch.setattr(os, "listdir", refuse)
        mg.save(path, 3)
        assert mg.load(path) == 3

    def test_a_system_without_locks(self, path, monkeypatch):
        monkeypatch.setattr(atomic, "fcntl", None)
        path.with_name(f".{path.name}.0123456789abcdef.saving").write_bytes(b"half")
        mg.save(path, 3)
        assert mg.load(path) == 3
        assert [entry.name for entry in path.parent.iterdir()] == [path.name]

    @pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="there is no SIGKILL")
    def test_killed_at_any_moment_the_file_is_whole(self, path):
        trials = int(os.environ.get("MINIGRAD_KILLS", "4"))
        code = f"""
            import numpy as np, minigrad as mg
            n = 0
            while True:
                n += 1
                mg.save({str(path)!r}, {{"n": n, "array": np.full(50_000, n)}})
        """
        chance = random.Random(0)
        reached = []
        for _ in range(trials):
            path.unlink(missing_ok=True)
            process = subprocess.Popen([sys.executable, "-c", textwrap.dedent(code)])
            while not path.exists():
                assert process.poll() is None
                time.sleep(0.002)
            time.sleep(chance.uniform(0, 0.05))
            process.send_signal(signal.SIGKILL)
            process.wait()
            state = mg.load(path)
            assert (state["array"] == state["n"]).all()
            reached.append(state["n"])
        assert len(set(reached)) > 1 or trials < 50  # they were killed at different moments
        mg.save(path, {})
        assert [entry.name for entry in path.parent.iterdir()] == [path.name]


@pytest.mark.skipif(os.name == "nt", reason="Windows has other permissions")
@pytest.mark.parametrize("mode", [0o600, 0o640, 0o400, 0o666])
@pytest.mark.parametrize("is_link", [False, True])
def test_a_file_that_is_replaced_keeps_its_permissions(path, mode, is_link):
    """A private file stays private: also while it is written, and under a usual umask."""
    seen = []

    def parts():
        seen.extend(stat.S_IMODE(found.stat().st_mode) for found in path.parent.glob(".*.saving"))
        yield b"later"

    target = path.with_name("target") if is_link else path
    before = os.umask(0o022)
    try:
        mg.save(target, "new")
        assert stat.S_IMODE(target.stat().st_mode) == 0o644
        target.chmod(mode)
        if is_link:
            path.symlink_to(target)
        atomic.write_whole(path, parts())
    finally:
        os.umask(before)
    assert target.read_bytes() == b"later"
    assert seen == [mode]
    assert stat.S_IMODE(target.stat().st_mode) == mode
