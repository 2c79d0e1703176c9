"""The clock is refused, and the environment and the current folder are watched, by whatever name."""

import datetime as dt
import decimal
import gc
import logging
import os
import pathlib
import sys
import threading
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


def _exact(value):
    decimal.getcontext().prec = value


SETTINGS = {
    "how NumPy takes errors": (
        lambda: len(np.geterr()["divide"]),
        lambda value: np.seterr(divide=value),
        ("warn", "ignore"),
    ),
    "by another name": (
        lambda ask=np.geterr: len(ask()["divide"]),
        lambda value: np.seterr(divide=value),
        ("warn", "ignore"),
    ),
    "how NumPy prints": (
        lambda: np.get_printoptions()["precision"],
        lambda value: np.set_printoptions(precision=value),
        (8, 4),
    ),
    "decimal": (lambda: decimal.getcontext().prec, _exact, (28, 3)),
    "a class of decimal": (lambda kind=decimal.Decimal: float(kind(1) / kind(3)), _exact, (28, 3)),
    "a number of decimal": (lambda one=decimal.Decimal(1): float(one / 3), _exact, (28, 3)),
    "loggers": (
        lambda: logging.getLogger("minigrad.of.a.test").getEffectiveLevel(),
        lambda value: logging.getLogger("minigrad.of").setLevel(value),
        (logging.INFO, logging.DEBUG),
    ),
    "buffers": (np.getbufsize, np.setbufsize, (8192, 16384)),
    "garbage": (lambda: gc.isenabled() + 1, lambda value: gc.enable() if value else gc.disable(), (True, False)),
    "recursion": (sys.getrecursionlimit, sys.setrecursionlimit, (sys.getrecursionlimit(), sys.getrecursionlimit() + 9)),
    "the thread": (
        lambda: len(threading.current_thread().name),
        lambda value: setattr(threading.current_thread(), "name", value),
        (threading.current_thread().name, "of a test"),
    ),
}


@pytest.mark.parametrize(("ask", "change", "values"), SETTINGS.values(), ids=list(SETTINGS))
def test_settings_of_the_process_that_a_step_asks_for_are_watched(ask, change, values):
    compiled = mg.compile(lambda x: x * float(ask()), backend="numpy", audit=False)
    try:
        for value in (*values, values[0]):
            change(value)
            for _ in range(4):
                np.testing.assert_array_equal(compiled(X), X * float(ask()))
    finally:
        change(values[0])
    assert compiled.stats()["replayed"] >= 4


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
