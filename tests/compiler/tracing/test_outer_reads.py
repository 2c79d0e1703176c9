"""What a step reads of the world outside is refused, by whatever function; and nothing else is."""

import builtins
import inspect
import io
import linecache
import os
import re
import secrets
import uuid

import numpy as np
import pytest

import minigrad as mg
from minigrad import nn, random
from minigrad.errors import CompileError

X = np.ones(3)


@pytest.fixture
def files(tmp_path):
    np.save(tmp_path / "a.npy", X)
    np.savetxt(tmp_path / "a.txt", X)
    X.tofile(tmp_path / "a.bin")
    mg.save(tmp_path / "a.npz", {"a": X})
    return tmp_path


READS = {
    "np.load": lambda folder: np.load(folder / "a.npy"),
    "np.loadtxt": lambda folder: np.loadtxt(folder / "a.txt"),
    "np.genfromtxt": lambda folder: np.genfromtxt(folder / "a.txt"),
    "np.fromfile": lambda folder: np.fromfile(folder / "a.bin"),
    "np.memmap": lambda folder: np.asarray(np.memmap(folder / "a.bin", np.float64, "r")),
    "mg.load": lambda folder: mg.load(folder / "a.npz")["a"],
    "Path.read_text": lambda folder: len((folder / "a.txt").read_text()),
    "os.listdir": lambda folder: len(os.listdir(folder)),
    "Path.iterdir": lambda folder: len([*folder.iterdir()]),
    "uuid": lambda _: 2 if uuid.uuid4().int % 2 else 3,
    "os.urandom": lambda _: 2 if getattr(os, "urandom")(1)[0] % 2 else 3,  # noqa: B009
    "a generator without a seed": lambda _: 2 if np.random.default_rng().normal() > 0 else 3,
}


@pytest.mark.parametrize("read", READS)
def test_it_is_refused_in_the_first_call(read, files):
    def step(x):
        return x * (READS[read](files))

    before = builtins.open, io.open, os.listdir, np.random.default_rng
    with pytest.raises(CompileError, match=r"the step (reads|calls)|random numbers are drawn") as caught:
        mg.compile(step, backend="numpy", audit=False)(X)
    assert re.search(r"outside", str(caught.value))
    assert before == (builtins.open, io.open, os.listdir, np.random.default_rng)


def test_the_system_s_random_numbers_have_no_state():
    held = secrets.SystemRandom()
    with pytest.raises(CompileError, match="random numbers are drawn"):
        mg.compile(lambda x: x * (2 if held.random() < 0.5 else 3))(X)


def test_what_is_written_or_seeded_or_of_a_library_is_no_matter(tmp_path, monkeypatch):
    drop = nn.Dropout(0.5)

    def step(x):
        np.save(tmp_path / "b.npy", X)
        return drop(mg.tensor(x)) * np.random.default_rng(3).random(3) * len(inspect.getsource(inspect))

    monkeypatch.setattr(random, "package_generator", [])
    linecache.clearcache()
    compiled = mg.compile(step, backend="numpy")
    for _ in range(4):
        compiled(X)
    assert compiled.stats()["replayed"] == 2
    assert (tmp_path / "b.npy").exists()


def test_behind_a_decision_the_call_runs_as_it_is_written(tmp_path):
    np.save(tmp_path / "a.npy", X)

    def step(x, n):
        return x * np.load(tmp_path / "a.npy") if n % 4 == 0 else x

    compiled = mg.compile(step, backend="numpy", audit=False)
    for n in range(1, 24):
        np.save(tmp_path / "a.npy", X * n)
        np.testing.assert_array_equal(compiled(X, n), step(X, n))
    assert compiled.stats()["replayed"] > 8
