"""Whether two runs are one: options and data are compared."""

import numpy as np
import pytest

import minigrad as mg
from minigrad import nn, optim, train
from minigrad.data import DataLoader
from minigrad.nn import functional as F
from minigrad.optim import schedules
from minigrad.train import settings
from tests.train.designs import model, outcome, trainer_of
from tests.train.runs import Crash, Stop, X, Y, differences

pytest.importorskip("safetensors", reason="checkpoints need safetensors (pip install safetensors)")
from tests.train.test_resume_changes import (
    OTHER_X,
    OTHER_Y,
    Halved,
    OtherForward,
    Own,
    Times,
    Vectorized,
    frozen_net,
    parts,
    started,
)


def scaled(by):
    return lambda batch: (batch[0] * np.float32(by), batch[1])


def noisy(batch, generator):
    return batch[0] + generator.standard_normal(batch[0].shape, np.float32), batch[1]


def noisier(batch, generator):
    return batch[0] + 2 * generator.standard_normal(batch[0].shape, np.float32), batch[1]


def pair(x, y=Y):
    return lambda: (x, y)


def batches(x):
    return lambda: [(x[i : i + 5], Y[i : i + 5]) for i in range(0, 33, 5)]


SGD = {"optimizer": lambda p: optim.SGD(p, lr=0.1, momentum=0.9)}


CHANGES = {
    "accumulate": ({}, {"options": {"accumulate": 2}}, "trainer.accumulate was 1, and is 2"),
    "clip_norm": ({}, {"options": {"clip_norm": 1.0}}, "trainer.clip_norm was None, and is 1.0"),
    "compile": ({}, {"options": {"compile": True}}, "trainer.compile was False, and is 'numpy'"),
    "loss": ({}, {"loss": lambda: lambda p, y: F.cross_entropy(p, y) * 2}, "loss was CrossEntropyLoss, and is"),
    "option of the loss": (
        {}, {"loss": lambda: nn.CrossEntropyLoss(label_smoothing=0.1)}, "loss.label_smoothing was 0.0, and is 0.1",
    ),
    "activation": (
        {}, {"net": lambda: nn.Sequential(nn.Linear(4, 8), nn.Tanh(), nn.Dropout(0.2), nn.Linear(8, 3))},
        r"model\.1 was ReLU, and is Tanh",
    ),
    "option of a layer": (
        {}, {"net": lambda: nn.Sequential(nn.Linear(4, 8), nn.ReLU(), nn.Dropout(0.3), nn.Linear(8, 3))},
        r"model\.2\.p was 0.2, and is 0.3",
    ),
    "penalty": (
        {},
        {"net": lambda: nn.Sequential(
            nn.Linear(4, 8, weight_regularizer_l2=0.1), nn.ReLU(), nn.Dropout(0.2), nn.Linear(8, 3)
        )},
        r"model\.0\.weight_regularizer_l2 was 0.0, and is 0.1",
    ),
    "dtype": (
        {}, {"net": lambda: nn.Sequential(
            nn.Linear(4, 8, dtype="float64"), nn.ReLU(), nn.Dropout(0.2), nn.Linear(8, 3, dtype="float64")
        )},
        r"model\.0\.weight was float32 \(8, 4\), and is float64 \(8, 4\)",
    ),
    "forward": ({"net": Own}, {"net": OtherForward}, r"model\.class\.forward was Own\.forward \(code .*, and is"),
    "attribute": ({"net": Own}, {"net": lambda: Own(2.0)}, r"model\.scale was 1.0, and is 2.0"),
    "rate": ({}, {"optimizer": lambda p: optim.Adam(p, lr=0.001)}, r"optimizer\.lr was 0.01, and is 0.001"),
    "a gradient that is not finite": (
        {}, {"optimizer": lambda p: optim.Adam(p, lr=0.01, skip_nonfinite=True)},
        r"optimizer\.skip_nonfinite was not there, and is True",
    ),
    "weights of classes": (
        {"loss": lambda: nn.CrossEntropyLoss(weight=[1.0, 2.0, 3.0])},
        {"loss": lambda: nn.CrossEntropyLoss(weight=[1.0, 2.0, 4.0])},
        r"loss\.weight was float32 \(3,\) .*, and is float32",
    ),
    "weights of a loss within": (
        {"loss": lambda: Halved(nn.BCEWithLogitsLoss(pos_weight=[1.0, 2.0, 3.0]))},
        {"loss": lambda: Halved(nn.BCEWithLogitsLoss(pos_weight=[1.0, 2.0, 4.0]))},
        r"loss\.inner\.pos_weight was float32 \(3,\) .*, and is float32",
    ),
    "a frozen weight": ({}, {"net": frozen_net}, r"frozen was not there, and is model\.0\.weight"),
    "a callback that changes gradients": (
        {"callbacks": lambda: [Times(1)]}, {"callbacks": lambda: [Times(2)]},
        r"callbacks\.Times\.0\.factor was 1, and is 2",
    ),
    "no such callback": (
        {"callbacks": lambda: [Times(1)]}, {"callbacks": list}, r"callbacks\.Times\.0 was Times, and is not there",
    ),
    "a function of NumPy": (
        {"net": lambda: Own(np.float32(1), np.tanh)}, {"net": lambda: Own(np.float32(1), np.sin)},
        r"model\.activation was ufunc tanh, and is ufunc sin",
    ),
    "a function within one of NumPy's objects": (
        {"data": lambda: DataLoader((X, Y), 5, transform=Vectorized(lambda x: x * 2))},
        {"data": lambda: DataLoader((X, Y), 5, transform=Vectorized(lambda x: x * 3))},
        r"train\.transform\.function\.pyfunc was",
    ),
    "a function that is differentiated": (
        {"net": lambda: Own(1, mg.grad(lambda x: (x**2).sum()))},
        {"net": lambda: Own(1, mg.grad(lambda x: (x**3).sum()))},
        r"model\.activation\.wrapped was",
    ),
    "momentum": (SGD, {"optimizer": lambda p: optim.SGD(p, lr=0.1, momentum=0.5)}, "momentum was 0.9, and is 0.5"),
    "schedule": (
        {"optimizer": lambda p: optim.Adam(p, lr=schedules.cosine(0.1, steps=9))},
        {"optimizer": lambda p: optim.Adam(p, lr=schedules.cosine(0.1, steps=10))},
        r"optimizer\.lr was cosine\(lr=0.1, steps=9, end=0.0\), and is",
    ),
    "rate of one's own": (
        {"optimizer": lambda p: optim.Adam(p, lr=lambda t: 0.1)},
        {"optimizer": lambda p: optim.Adam(p, lr=lambda t: 0.2)},
        r"optimizer\.lr\.0 was",
    ),
    "transform": (
        {"data": lambda: DataLoader((X, Y), 5, shuffle=True, transform=noisy, seed=1)},
        {"data": lambda: DataLoader((X, Y), 5, shuffle=True, transform=noisier, seed=1)},
        r"train\.transform was noisy \(code",
    ),
    "number in a transform": (
        {"data": lambda: DataLoader((X, Y), 5, transform=scaled(1.0))},
        {"data": lambda: DataLoader((X, Y), 5, transform=scaled(0.5))},
        r"train\.transform\.by was 1.0, and is 0.5",
    ),
    "data": (
        {}, {"data": lambda: DataLoader((OTHER_X, Y), 5, shuffle=True, seed=1)},
        r"train\.dataset\.arrays was tuple of 2",
    ),
    "targets": ({}, {"data": lambda: DataLoader((X, OTHER_Y), 5, shuffle=True, seed=1)}, r"train\.dataset\.arrays was"),
    "pair": ({"data": pair(X)}, {"data": pair(OTHER_X)}, "train was tuple of 2"),
    "list": ({"data": batches(X)}, {"data": batches(OTHER_X)}, "train was list of 7"),
    "validation": ({}, {"validation": pair(OTHER_X[:21], Y[:21])}, "validation was tuple of 2"),
    "no validation": ({}, {"validation": lambda: None}, "validation was tuple of 2 .*, and is not there"),
}  # fmt: skip


@pytest.mark.parametrize("name", CHANGES)
def test_what_is_not_as_it_was_is_said(name, tmp_path):
    before, after, says = CHANGES[name]
    before = parts(**before)
    with pytest.raises(Stop):
        started(before, tmp_path, [Crash(2)])
    with pytest.raises(Stop):
        started(before, tmp_path, [Crash(2)])  # as it was: nothing is said
    with pytest.warns(UserWarning, match=f"other settings or data than before.*{says}"):
        started({**before, **after}, tmp_path)


def test_mapped_data_is_compared_by_some_of_its_rows(tmp_path):
    big = np.random.default_rng(0).standard_normal((1000, 4)).astype(np.float32)
    np.save(tmp_path / "x.npy", big)

    def mapped():
        return DataLoader((np.load(tmp_path / "x.npy", mmap_mode="r"), np.arange(1000) % 3), 100)

    started(parts(data=mapped), tmp_path / "run", epochs=1)
    np.save(tmp_path / "x.npy", big * 2)
    with pytest.warns(UserWarning, match=r"train\.dataset\.arrays was"):
        started(parts(data=mapped), tmp_path / "run")


@pytest.mark.parametrize("option", [{"clip_norm": 0.01}, {"accumulate": 2}])
def test_an_option_of_the_trainer_that_the_fit_before_has_changed(option, tmp_path):
    class Change(train.Callback):
        def on_epoch_start(self, trainer):
            if trainer.epoch == 1:
                vars(trainer).update(option)

    def script(folder, *callbacks):
        mg.manual_seed(1)
        trainer = trainer_of(model())
        trainer.resume(folder)
        data = [(X[i : i + 5], Y[i : i + 5]) for i in range(0, 20, 5)]
        for epochs, own in ((2, [Change()]), (3, callbacks)):
            trainer.fit(data, epochs, None, own, folder, "none", checkpoint_every=1)
        return outcome(trainer, **{name: getattr(trainer, name) for name in option})

    whole = script(tmp_path / "whole")
    with pytest.raises(Stop):
        script(tmp_path / "run", Crash(11))
    assert differences(whole, script(tmp_path / "run")) == []


def test_data_is_told_by_its_content_whatever_it_is(tmp_path):
    """Arrays in memory as a whole, those in a file by rows of it, containers by all their parts."""
    array = np.arange(6, dtype=np.float32).reshape(3, 2)
    told = settings._data(array)
    assert told.startswith("float32 (3, 2) ")
    assert settings._data(mg.tensor(array)) == told != settings._data(array + 1)
    np.save(tmp_path / "many.npy", np.zeros((5000, 2), np.float32))
    mapped = np.load(tmp_path / "many.npy", mmap_mode="r+")
    before = settings._data(mapped[1:])
    assert before.startswith("float32 (4999, 2) ")
    mapped[1] = 7
    assert settings._data(mapped[1:]) != before
    nested = {"rows": [1, 2.5, {"a", "b"}], "other": (None, object)}
    assert settings._data(nested) == settings._data({"rows": [1, 2.5, {"b", "a"}], "other": (None, object)})
    assert settings._data(nested) != settings._data({"rows": [1, 2.5, {"b", "c"}], "other": (None, object)})
    assert settings._data([object()]).startswith("list of 1 (1 parts) ")  # by its type alone
    assert settings._data(3) == "int"


def test_a_batch_is_told_by_its_content_or_not_at_all():
    batch = (np.zeros(2, np.float32), [1, 2])
    assert settings.batch_digest(batch) == settings.batch_digest((np.zeros(2, np.float32), [1, 2]))
    assert settings.batch_digest(batch) != settings.batch_digest((np.ones(2, np.float32), [1, 2]))
    assert settings.batch_digest([object()]) is None
