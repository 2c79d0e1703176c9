"""The clock is refused, and the environment and the current folder are watched, by whatever name."""

import datetime as dt
import os
import pathlib
import time

import numpy as np
import pytest

import minigrad as mg
from minigrad.errors import CompileError

X = np.ones(3)

TIMES = {
    "a function": lambda tell=time.time: tell(),
    "by its module": lambda: time.monotonic_ns(),
    "of a thread": lambda: time.thread_time(),
    "a date": lambda kind=dt.datetime: kind.now().second,
}


@pytest.mark.parametrize("ask", TIMES.values(), ids=list(TIMES))
def test_the_clock_is_refused_before_the_step_runs(ask):
    with pytest.raises(CompileError, match=r"something else in each call|asks for the time"):
        mg.compile(lambda x: x * float(ask()), backend="numpy")(X)


def test_environment_and_current_folder_are_watched_by_whatever_name(monkeypatch, tmp_path):
    (tmp_path / "a").mkdir()
    ask, home, here, expand = os.getenv, os.path.expanduser, os.getcwd, os.path.expandvars
    steps = {
        "os.getenv": lambda x: x * float(ask("MINIGRAD_OF_A_STEP", "0")),
        "expanduser": lambda x: x * len(home("~")),
        "expandvars": lambda x: x * float(expand("$MINIGRAD_OF_A_STEP")),
        "Path.home": lambda x: x * len(str(pathlib.Path.home())),
        "os.getcwd": lambda x: x * len(here()),
        "os.getpid": lambda x: x * os.getpid(),
        "abspath": lambda x: x * len(os.path.abspath("a")),
        "Path.cwd": lambda x: x * len(str(pathlib.Path.cwd())),
    }
    compiled = {name: mg.compile(step, backend="numpy", audit=False) for name, step in steps.items()}
    for i, folder in enumerate((tmp_path, tmp_path / "a")):
        monkeypatch.setenv("MINIGRAD_OF_A_STEP", str(i + 2))
        monkeypatch.setenv("HOME", str(folder))
        monkeypatch.setenv("USERPROFILE", str(folder))
        monkeypatch.chdir(folder)
        for name, step in steps.items():
            for _ in range(3):
                np.testing.assert_array_equal(compiled[name](X), step(X), name)
    assert all(step.stats()["replayed"] >= 2 for step in compiled.values())


def test_a_folder_that_is_gone_is_another_one(monkeypatch, tmp_path):
    compiled = mg.compile(lambda x: x * len(os.path.abspath("/a")), backend="numpy")
    (tmp_path / "a").mkdir()
    monkeypatch.chdir(tmp_path / "a")
    for _ in range(3):
        compiled(X)
    monkeypatch.setattr(os, "getcwd", _gone)
    for _ in range(3):
        np.testing.assert_array_equal(compiled(X), X * len(os.path.abspath("/a")))
    assert compiled.stats()["recorded"] == 4


def _gone():
    raise FileNotFoundError
