"""Early stopping and checkpoints of the best weights."""

import numpy as np
import pytest

import minigrad as mg
from minigrad.train import Callback, EarlyStopping, ModelCheckpoint
from tests.train.runs import differences, fit, small


class Scripted(Callback):
    """Puts given values into the records, in place of a training that would give them."""

    def __init__(self, *values, name="score"):
        self.values, self.name = values, name

    def on_epoch_end(self, trainer, record):
        record[self.name] = self.values[trainer.epoch]


@pytest.mark.parametrize(
    ("name", "mode", "values", "stops", "best"),
    [
        ("score", "auto", (1, 3, 2, 2, 9, 9), 4, 3),
        ("score", "min", (3, 1, 2, 2, 0, 0), 4, 1),
        ("val_loss", "auto", (3, 1, 2, 1, 0, 0), 4, 1),
        ("val_perplexity", "auto", (3, 1, 2, 1, 0, 0), 4, 1),
        ("neg_mean_squared_error", "auto", (1, 3, 2, 2, 9, 9), 4, 3),
        ("score", "max", (1.0, float("nan"), 2.0, float("nan"), 1.0, 3.0), 5, 2.0),
        ("score", "max", (1.0, 1.05, 1.08, 1.2, 1.25, 1.3), 3, 1.0),
        ("score", "auto", (1, 2, 3, 4, 5, 6), 6, 6),
        ("score", "auto", (float("nan"),) * 6, 2, None),
    ],
)
def test_early_stopping_ends_the_run_and_puts_the_best_weights_in(name, mode, values, stops, best):
    trainer, weights = small(), []

    class Keeps(Callback):
        def on_record(self, trainer, record):
            weights.append(trainer.model.weight.data.tolist())

    stopping = EarlyStopping(name, patience=2, mode=mode, min_delta=0.1 if 1.05 in values else 0)
    history = fit(trainer, Scripted(*values, name=name), stopping, Keeps())
    assert len(history) == stops
    assert stopping.best == best
    if best is not None:
        assert trainer.model.weight.data.tolist() == weights[stopping.best_epoch - 1]
    assert bool(trainer.stopped) == (stops < 6)


def test_without_restore_best_the_last_weights_stay():
    trainer, other = small(), small()
    fit(trainer, Scripted(1, 0, 0, 0, 0, 0), EarlyStopping("score", patience=3, restore_best=False))
    fit(other, epochs=4)
    np.testing.assert_array_equal(trainer.model.weight.data, other.model.weight.data)


def test_in_a_new_run_early_stopping_begins_anew():
    trainer = small()
    stopping = EarlyStopping("score", patience=2)
    fit(trainer, Scripted(9, 0, 0), stopping)
    assert len(trainer.history) == 3
    fit(trainer, Scripted(0, 0, 0, 1, 2, 3, 0, 0), stopping, epochs=5)
    assert (len(trainer.history), stopping.best) == (8, 3)


def test_a_run_that_was_stopped_early_is_so_after_a_resume(tmp_path):
    def run():
        trainer = small()
        callbacks = (Scripted(1, 2, 0, 0, 0, 0), EarlyStopping("score", patience=2))
        trainer.resume(tmp_path)
        fit(trainer, *callbacks, checkpoint_dir=tmp_path)
        return trainer

    first, again = run(), run()
    assert first.epoch == again.epoch == 4
    assert "score has not improved for 2 epochs (best 2 in epoch 2)" in again.stopped
    assert differences(first.model.state_dict(), again.model.state_dict()) == []


def test_model_checkpoint_has_the_best_weights(tmp_path):
    trainer = small()
    path = tmp_path / "new" / "best.safetensors"
    fit(trainer, Scripted(0, 5, 3, 2, 1, 0), ModelCheckpoint(path, "score"))
    best = small()
    fit(best, epochs=2)
    assert differences(best.model.state_dict(), mg.load(path)) == []
    best.model.load_state_dict(mg.load(path))


def test_after_a_resume_a_worse_epoch_does_not_replace_the_best(tmp_path):
    path, values = tmp_path / "best.safetensors", (5, 1, 1, 1)
    fit(small(), Scripted(*values), ModelCheckpoint(path, "score"), epochs=1, checkpoint_dir=tmp_path / "run")
    saved = path.read_bytes()
    trainer = small()
    assert trainer.resume(tmp_path / "run")
    fit(trainer, Scripted(*values), ModelCheckpoint(path, "score"), epochs=3)
    assert path.read_bytes() == saved
