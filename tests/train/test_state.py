"""What a checkpoint holds, and what it cannot."""

import itertools
import os
import random

import numpy as np
import pytest

import minigrad as mg
from minigrad.data import DataLoader
from minigrad.files import Checkpoints
from minigrad.random import generator_state
from tests.train.designs import model, outcome, trainer_of
from tests.train.runs import Crash, Stop, X, Y, differences

pytest.importorskip("safetensors", reason="checkpoints need safetensors (pip install safetensors)")
from tests.train.test_resume_changes import Reading


def endless():
    while True:
        yield 1


COUNT = itertools.count()


SYSTEM = random.SystemRandom()


def with_itertools(batch):
    return batch[0] + next(COUNT), batch[1]


def with_the_system(batch):
    return batch[0] * SYSTEM.random(), batch[1]


def with_numpy(batch):
    return batch[0] + np.random.rand(), batch[1]


def with_python(batch):
    return batch[0] + random.random(), batch[1]


def with_a_helper(rng):
    return lambda batch: (batch[0] + (rng.random_sample() if hasattr(rng, "rand") else rng.random()), batch[1])


def with_the_machine(batch):
    return batch[0] * np.float32(os.urandom(1)[0]), batch[1]


UNSAVED = {
    "iterator": (lambda path: {"transform": with_itertools}, r"train\.transform\.COUNT is an iterator \(count\)"),
    "system": (lambda path: {"transform": with_the_system}, r"SYSTEM is a SystemRandom"),
    "machine": (lambda path: {"transform": with_the_machine}, r"os is a source of random numbers \(urandom\)"),
    "numpy, ahead": (
        lambda path: {"transform": with_numpy, "prefetch": 2}, r"numpy's global .* ahead of time \(prefetch=2\)",
    ),
    "python, ahead": (lambda path: {"transform": with_python, "prefetch": 2}, "random's global .* ahead of time"),
    "helper, ahead": (
        lambda path: {"transform": with_a_helper(np.random.default_rng(1)), "prefetch": 2},
        r"rng is a Generator .* ahead of time",
    ),
    "generator function": (lambda path: {"callback": Reading(endless())}, r"Reading\.0\.held is a generator function"),
    "file": (lambda path: {"callback": Reading(path.open())}, r"held is a file that is being read"),
    "objects": (lambda path: {"callback": Reading(np.array([object()]))}, "held is an array of objects"),
}  # fmt: skip


@pytest.mark.parametrize("name", UNSAVED)
def test_a_run_says_at_its_start_what_cannot_be_saved(name, tmp_path):
    (tmp_path / "text").write_text("a")
    make, says = UNSAVED[name]
    options = make(tmp_path / "text")
    callbacks = [options.pop("callback")] if "callback" in options else []
    loader = DataLoader((X, Y), 5, **options)
    with pytest.warns(UserWarning, match=f"checkpoints cannot hold all that this run depends on.*{says}"):
        trainer_of(model()).fit(loader, 1, None, callbacks, tmp_path / "run", "none")
    trainer_of(model()).fit(loader, 1, None, callbacks, None, "none")  # nothing is promised without a folder
    for callback in callbacks:
        if hasattr(callback.held, "close"):
            callback.held.close()


@pytest.mark.parametrize(
    "transform",
    [
        with_numpy,
        with_python,
        with_a_helper(np.random.default_rng(1)),
        with_a_helper(random.Random(1)),
        with_a_helper(np.random.RandomState(1)),
    ],
)
def test_what_can_be_saved_is_not_warned_of(transform, tmp_path):
    trainer_of(model()).fit(DataLoader((X, Y), 5, transform=transform), 1, None, (), tmp_path, "none")


def test_a_checkpoint_of_format_1_is_read_with_a_warning(tmp_path):
    def script(*callbacks):
        mg.manual_seed(0)
        trainer = trainer_of(model())
        if trainer.resume(tmp_path) and callbacks:
            raise AssertionError
        trainer.fit(DataLoader((X, Y), 5, shuffle=True), 2, None, callbacks, tmp_path, "none", checkpoint_every=1)
        return outcome(trainer)

    with pytest.raises(Stop):
        script(Crash(9))
    checkpoints = Checkpoints(tmp_path)
    state = checkpoints.load()
    generators = state["position"]["generators"]
    kept = {name: generators["found"][name] for name in generators["found"] if name.startswith("model")}
    position = {name: state["position"][name] for name in ("train", "validation", "callbacks")}
    old = {name: value for name, value in state.items() if name not in {"fits", "frozen"}}
    position["generators"] = {
        "package": generators["package"],
        "modules": kept,
        **{n: generators[n] for n in ("numpy", "python")},
    }
    for path in checkpoints.paths():
        path.unlink()
    checkpoints.save({**old, "format": 1, "position": position}, 8)
    with pytest.warns(UserWarning, match="written by an earlier version of minigrad"):
        got = script()
    mg.manual_seed(0)
    whole = trainer_of(model())
    whole.fit(DataLoader((X, Y), 5, shuffle=True), 2, progress="none")
    assert differences(outcome(whole), got) == []
    assert generator_state()
