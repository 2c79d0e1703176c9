"""``Checkpoints``: the last few are kept, a damaged one is passed over, a killed process leaves whole ones."""

import errno
import os
import random
import signal
import subprocess
import sys
import textwrap
import time
import warnings

import numpy as np
import pytest

import minigrad as mg
from minigrad.errors import DataError, DTypeError, FileError
from minigrad.files import Checkpoints

pytest.importorskip("safetensors", reason="safetensors is not installed")


@pytest.fixture
def checkpoints(tmp_path):
    return Checkpoints(tmp_path / "run", keep=3)


def damage(path):
    data = bytearray(path.read_bytes())
    data[-1] ^= 1
    path.write_bytes(data)


def names(checkpoints):
    return sorted(os.listdir(checkpoints.folder))


def test_the_last_few_are_kept(checkpoints):
    for step in range(0, 50, 10):
        path = checkpoints.save({"step": step, "w": np.full(3, step)}, step)
        assert path == checkpoints.latest()
        assert mg.load(path)["step"] == step
    assert checkpoints.steps() == [20, 30, 40]
    assert names(checkpoints) == [f"checkpoint-{n:06}-step-{10 * n - 10}.safetensors" for n in (3, 4, 5)]
    assert checkpoints.load()["step"] == 40
    assert checkpoints.load(step=30)["step"] == 30


def test_an_empty_or_missing_folder(checkpoints):
    assert checkpoints.paths() == checkpoints.steps() == []
    assert checkpoints.latest() is None
    with pytest.raises(FileError, match="has no checkpoints"):
        checkpoints.load()
    assert not checkpoints.folder.exists()  # looking makes no folder


def test_the_newest_is_the_one_saved_last(checkpoints):
    """A run that went back to an earlier step, or began again, goes on from what it saved."""
    for step in (100, 200, 300, 150):
        checkpoints.save(step, step)
    assert checkpoints.steps() == [200, 300, 150]
    assert checkpoints.load() == 150
    checkpoints.save("again", 300)
    assert checkpoints.load(300) == "again"


def test_fewer_are_kept_from_now_on(checkpoints):
    for step in range(3):
        checkpoints.save(step, step)
    Checkpoints(checkpoints.folder, keep=1).save(3, 3)
    assert checkpoints.steps() == [3]


def test_other_files_are_left_alone(checkpoints):
    checkpoints.folder.mkdir()
    others = ["notes.txt", "checkpoint-1-step-2.safetensors", "checkpoint-000001-step-2.safetensors.bak"]
    for name in others:
        (checkpoints.folder / name).write_text("mine")
    for step in range(5):
        checkpoints.save(step, step)
    assert checkpoints.steps() == [2, 3, 4]
    assert set(others) < set(names(checkpoints))


def test_a_damaged_one_is_passed_over_and_named(checkpoints):
    for step in (1, 2, 3):
        checkpoints.save(step, step)
    newest, before = checkpoints.paths()[:0:-1]
    damage(newest)
    with pytest.warns(UserWarning, match=rf"{newest.name} cannot be loaded: .*damaged.*Loaded {before.name} instead"):
        assert checkpoints.load() == 2
    damage(before)
    with pytest.warns(UserWarning, match="instead") as caught:
        assert checkpoints.load() == 1
    assert len(caught) == 2
    assert newest.exists()  # what is damaged is not touched


def test_when_all_are_damaged_each_is_named(checkpoints):
    for step in (1, 2):
        damage(checkpoints.save(step, step))
    with pytest.raises(FileError, match="no checkpoint can be loaded") as caught:
        checkpoints.load()
    assert all(path.name in str(caught.value) for path in checkpoints.paths())


def test_a_step_that_was_asked_for_is_not_replaced_by_another(checkpoints):
    checkpoints.save(1, 1)
    damage(checkpoints.save(2, 2))
    with pytest.raises(FileError, match="damaged"):
        checkpoints.load(2)
    with pytest.raises(FileError, match=r"no checkpoint of step 7 \(there are \[1, 2\]\)"):
        checkpoints.load(7)


def test_a_save_that_fails_costs_no_checkpoint(checkpoints, monkeypatch):
    for step in (1, 2, 3):
        checkpoints.save(step, step)
    before = names(checkpoints)
    with pytest.raises(DTypeError, match="got set"):
        checkpoints.save({1}, 4)

    def full(_descriptor):
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", full)
        with pytest.raises(FileError, match="no space left"):
            checkpoints.save(4, 4)
    assert names(checkpoints) == before


def test_one_that_somebody_else_removed_meanwhile(checkpoints, monkeypatch):
    for step in (1, 2, 3):
        checkpoints.save(step, step)
    found = checkpoints._listing()
    checkpoints.paths()[0].unlink()
    monkeypatch.setattr(checkpoints, "_listing", lambda: found)
    checkpoints.save(4, 4)
    monkeypatch.undo()
    assert checkpoints.steps() == [2, 3, 4]


def test_what_a_killed_save_left_is_removed_whatever_its_step_was(checkpoints):
    checkpoints.save(1, 1)
    (checkpoints.folder / ".checkpoint-000002-step-7.safetensors.0123456789abcdef.saving").write_bytes(b"half")
    (checkpoints.folder / ".other.0123456789abcdef.saving").write_bytes(b"half")
    checkpoints.save(2, 2)
    assert sorted(name for name in names(checkpoints) if name.startswith(".")) == [".other.0123456789abcdef.saving"]


def test_numpys_ints_are_counts_too(tmp_path):
    assert Checkpoints(tmp_path, keep=np.int64(1)).save(3, np.int64(7)).name == "checkpoint-000001-step-7.safetensors"


@pytest.mark.parametrize("keep", [0, -1, 1.5, None, True])
def test_keep_is_a_count(tmp_path, keep):
    with pytest.raises(DataError, match="keep="):
        Checkpoints(tmp_path, keep=keep)


@pytest.mark.parametrize("step", [-1, 1.0, "3", True])
def test_step_is_a_count(checkpoints, step):
    with pytest.raises(DataError, match="step is a count"):
        checkpoints.save({}, step)


def test_a_file_in_place_of_the_folder(tmp_path):
    (tmp_path / "run").write_text("mine")
    checkpoints = Checkpoints(tmp_path / "run")
    with pytest.raises(FileError, match="cannot be made"):
        checkpoints.save({}, 1)
    with pytest.raises(FileError, match="cannot be read"):
        checkpoints.load()
    assert (tmp_path / "run").read_text() == "mine"


@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="there is no SIGKILL")
def test_killed_at_any_moment_a_run_goes_on(checkpoints):
    """Each process goes on from the newest checkpoint, as a run would, and is killed; no step is ever lost."""
    code = f"""
        import numpy as np
        from minigrad.files import Checkpoints
        checkpoints = Checkpoints({str(checkpoints.folder)!r}, keep=2)
        step = checkpoints.load()["step"] if checkpoints.latest() else 0
        print(step, flush=True)
        while True:
            step += 1
            checkpoints.save({{"step": step, "array": np.full(50_000, step)}}, step)
    """
    chance = random.Random(1)
    reached = 0
    for _ in range(int(os.environ.get("MINIGRAD_KILLS", "3"))):
        process = subprocess.Popen([sys.executable, "-c", textwrap.dedent(code)], stdout=subprocess.PIPE, text=True)
        with process:
            assert int(process.stdout.readline()) == reached
            while checkpoints.latest() is None:
                time.sleep(0.002)
            time.sleep(chance.uniform(0.02, 0.08))
            process.send_signal(signal.SIGKILL)
        with warnings.catch_warnings(action="error"):  # none is damaged
            state = checkpoints.load()
        assert (state["array"] == state["step"]).all()
        assert state["step"] >= reached
        reached = state["step"]
    checkpoints.save({}, reached + 1)
    assert len(checkpoints.paths()) <= checkpoints.keep
    assert not [name for name in names(checkpoints) if name.endswith(".saving")]
