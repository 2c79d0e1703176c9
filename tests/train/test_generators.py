"""Generators of all kinds go on."""

import random

import numpy as np
import pytest

import minigrad as mg
from minigrad import nn, optim, train
from minigrad.train import state
from tests.train.designs import model, outcome, trainer_of
from tests.train.runs import Crash, Run, Stop, X, Y, differences

pytest.importorskip("safetensors", reason="checkpoints need safetensors (pip install safetensors)")
pytest.importorskip("safetensors", reason="checkpoints need safetensors (pip install safetensors)")


def test_generators_are_found_in_lists_dicts_and_the_loss():
    class Model(nn.Module):
        def __init__(self):
            self.many = [np.random.default_rng(0), {"deep": (np.random.default_rng(1),)}]
            self.inner = nn.Dropout(0.5, self.many[0])
            self.weight = nn.Parameter(np.zeros(1))

    model = Model()
    trainer = train.Trainer(nn.Sequential(nn.Linear(1, 1), model), optim.SGD(model.parameters()), len)
    found = state.looked_at(trainer, None, None, ()).generators
    assert list(found) == ["model.1.many.0", "model.1.many.1.deep.0"]


def test_global_generators_go_on_too(tmp_path):
    class Draws(train.Callback):
        def __init__(self):
            self.drawn = []

        def on_step(self, trainer):
            self.drawn.append((random.random(), np.random.random()))

    first, second = Draws(), Draws()
    Run(callbacks=[first, Crash(6)])
    with pytest.raises(Stop):
        Run(callbacks=[first, Crash(6)]).fit(1, tmp_path, checkpoint_every=2)
    random.seed(0)
    Run(callbacks=[second]).fit(1, tmp_path)
    assert second.drawn[:4] == first.drawn[:4]  # the list itself is state that goes on
    assert second.drawn[4:6] == first.drawn[4:6]


def test_generators_that_are_spawned_go_on(tmp_path):
    class Data:
        def __init__(self):
            self.seeds, self.rng = np.random.SeedSequence(1), np.random.default_rng(2)

        def __iter__(self):
            (child,) = self.rng.spawn(1)
            order = np.random.default_rng(self.seeds.spawn(1)[0]).permutation(len(X))
            for i in range(0, len(X), 5):
                yield X[order[i : i + 5]] + child.random(dtype=np.float32), Y[order[i : i + 5]]

    def script(folder, *callbacks):
        mg.manual_seed(0)
        trainer = trainer_of(model())
        trainer.resume(folder)
        trainer.fit(Data(), 3, None, callbacks, folder, "none", checkpoint_every=1)
        return outcome(trainer)

    whole = script(tmp_path / "whole")
    for at in (4, 10, 15):
        with pytest.raises(Stop):
            script(tmp_path / "run", Crash(at))
    assert differences(whole, script(tmp_path / "run")) == []
