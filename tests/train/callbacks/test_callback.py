"""Hooks by their names, and settings that do not fit."""

import pytest

from minigrad import train
from minigrad.errors import DTypeError, HyperparameterError, StateError
from minigrad.train import Callback, EarlyStopping, GradientHealth
from tests.train.runs import X, Y, fit, small

MATRIX = EarlyStopping("confusion_matrix", mode="max")


@pytest.mark.parametrize(
    ("call", "error", "says"),
    [
        (lambda: EarlyStopping(patience=0), HyperparameterError, "from 1 on, got 0"),
        (lambda: EarlyStopping(mode="best"), HyperparameterError, "'auto', 'min', 'max', got 'best'"),
        (lambda: EarlyStopping("my_measure"), HyperparameterError, "not say what is better: write mode='min' .*'max'"),
        (lambda: EarlyStopping(min_delta=-1), HyperparameterError, "at least 0"),
        (lambda: EarlyStopping(restore_best="no"), HyperparameterError, "restore_best is True or False, got 'no'"),
        (lambda: fit(small(), EarlyStopping()), StateError, "watches 'val_loss', .*; pass validation="),
        (lambda: fit(small(), EarlyStopping("val_score"), validation=(X, Y)), StateError, "epoch, .*seconds$"),
        (lambda: fit(small(metrics=[train.ConfusionMatrix()]), MATRIX), StateError, "watch"),
        (lambda: GradientHealth(dead=-1), HyperparameterError, "dead is a finite number"),
    ],
)  # fmt: skip
def test_what_does_not_fit_is_said(call, error, says):
    with pytest.raises(error, match=says):
        call()


@pytest.mark.parametrize("name", ["on_epoch_ends", "on_epoch_begin", "on_train_end", "on_batch_end", "on_Step"])
def test_a_hook_that_is_misspelled_or_of_another_framework_is_refused(name):
    kind = type("Mine", (Callback,), {name: lambda self, trainer, *record: None})
    trainer = small()
    with pytest.raises(DTypeError, match=f"Mine.{name} is no hook, and would never be called. .* on_epoch_end, "):
        fit(trainer, kind())
    assert (trainer.step, trainer.epoch) == (0, 0)
    fit(trainer, type("Mine", (Callback,), {"on_demand": True, "once": lambda self: None})(), epochs=1)
    assert trainer.epoch == 1
