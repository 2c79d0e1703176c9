"""The loop: hooks in their order, and how a run ends."""

import numpy as np
import pytest

from minigrad import nn, optim, train
from minigrad.errors import DataError
from minigrad.train import Callback
from tests.train.runs import X, Y
from tests.train.test_trainer import StopAt, batches, trainer


def test_a_callback_may_end_the_run_within_an_epoch_and_the_next_begins_anew(capsys):
    ours = trainer()
    assert len(ours.fit(batches(), 3, callbacks=[StopAt(9)], progress="lines")) == 1
    assert "Stopped in epoch 1: enough" in capsys.readouterr().err
    assert (ours.step, ours.stopped) == (9, "enough")
    ours.fit(batches(), 1, progress="none")
    assert (ours.step, ours.epoch, ours.stopped) == (16, 2, "")


def test_hooks_come_in_order_and_on_fit_end_after_an_error():
    calls = []

    class Notes(Callback):
        pass

    def noting(name):
        return lambda self, trainer, record=None: calls.append((name, trainer.step, record is not None))

    for name in train.callbacks.callback.HOOKS:
        setattr(Notes, name, noting(name))
    ours = trainer()
    ours.fit([(X, Y)], 1, callbacks=[Notes()], progress="none")
    assert calls == [
        ("on_fit_start", 0, False), ("on_epoch_start", 0, False), ("on_gradients", 0, False), ("on_step", 1, False),
        ("on_epoch_end", 1, True), ("on_record", 1, True), ("on_fit_end", 1, False),
    ]  # fmt: skip
    calls.clear()
    with pytest.raises(DataError):
        ours.fit([(X, Y), 3], 1, callbacks=[Notes()], progress="none")
    assert calls[-1][0] == "on_fit_end"
    ours.fit([(X, Y)], 1, progress="none")
    assert ours.epoch == 2


def test_every_callback_hears_of_the_end_also_where_one_fails_there(tmp_path, capsys):
    class Fails(Callback):
        def on_fit_end(self, trainer):
            raise ZeroDivisionError

    logger = train.CSVLogger(tmp_path / "log")
    ours = trainer()
    with pytest.raises(ZeroDivisionError):
        ours.fit((X, Y), 2, callbacks=[Fails(), logger, Fails()], progress="lines")
    shown = capsys.readouterr().err
    assert logger._file is None
    assert "epoch 2/2" in shown
    assert len(ours.fit((X, Y), 1, progress="none")) == 3


@pytest.mark.parametrize("compiled", [False, True])
def test_steps_that_were_made_are_counted_where_a_metric_raises(compiled):
    class Strict(train.Accuracy):
        def update(self, predictions, targets):
            super().update(predictions, targets)
            if self.count == 5 * len(X):
                raise ZeroDivisionError

    runs = []
    for metrics in ([Strict()], []):
        model = nn.Linear(4, 3, generator=np.random.default_rng(0))
        optimizer = optim.Adam(model.parameters(), lr=0.01)
        runs.append(train.Trainer(model, optimizer, nn.CrossEntropyLoss(), metrics, compile=compiled))
    with pytest.raises(ZeroDivisionError):
        runs[0].fit([(X, Y)] * 8, 1, progress="none")
    runs[1].fit([(X, Y)] * runs[0].step, 1, progress="none")
    assert runs[0].step == 4 + compiled
    for one, other in zip(runs[0].model.parameters(), runs[1].model.parameters(), strict=True):
        np.testing.assert_array_equal(one.data, other.data)


@pytest.mark.parametrize("way", ["another optimizer", "another step", "its step again"])
def test_a_program_makes_the_step_of_the_optimizer_that_is_there(way):
    """The data may exchange or patch it as an epoch begins, after the model was looked at."""

    class Data:
        epochs = 0

        def __iter__(self):
            self.epochs += 1
            if self.epochs == 3:
                change()
            if self.epochs == 5 and way == "its step again":
                del first.step
            return iter([(X, Y), (X[:9], Y[:9])])

    def change():
        if way == "another optimizer":
            ours.optimizer = second
        else:
            first.step = patched

    def patched():
        calls.append(len(calls))  # which a program would do once
        type(first).step(first)

    found = []
    for compiled in (False, True):
        ours, calls = trainer(compile=compiled), []
        first, second = ours.optimizer, optim.SGD(ours.model.parameters(), lr=0.01)
        ours.fit(Data(), 6, progress="none")
        found.append((first.iterations, second.iterations, len(calls), [p.tolist() for p in ours.model.parameters()]))
    assert found[0] == found[1]
    assert (
        found[0][:3] == {"another optimizer": (4, 8, 0), "another step": (12, 0, 8), "its step again": (12, 0, 4)}[way]
    )
