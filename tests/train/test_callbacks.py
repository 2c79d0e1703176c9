"""Callbacks: what each does, and that it goes on exactly after a resume."""

import csv
import json
import sys

import numpy as np
import pytest

import minigrad as mg
from minigrad import nn, optim, train
from minigrad.errors import DTypeError, FileError, HyperparameterError, StateError
from minigrad.train import Callback, EarlyStopping, GradientHealth, ModelCheckpoint, Trainer
from minigrad.train.callbacks import logs
from tests.train.runs import Run, X, Y, differences
from tests.train.test_resuming import Crash, Stop


class Scripted(Callback):
    """Puts given values into the records, in place of a training that would give them."""

    def __init__(self, *values, name="score"):
        self.values, self.name = values, name

    def on_epoch_end(self, trainer, record):
        record[self.name] = self.values[trainer.epoch]


def small(lr=0.1, model=None, optimizer=optim.SGD, **options):
    model = model or nn.Linear(4, 3, generator=np.random.default_rng(0))
    return Trainer(model, optimizer(model.parameters(), lr=lr), nn.CrossEntropyLoss(), **options)


def fit(trainer, *callbacks, epochs=6, **options):
    return trainer.fit((X, Y), epochs, callbacks=callbacks, progress="none", **options)


# -- early stopping and best weights ----------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "mode", "values", "stops", "best"),
    [
        ("score", "auto", (1, 3, 2, 2, 9, 9), 4, 3),
        ("score", "min", (3, 1, 2, 2, 0, 0), 4, 1),
        ("val_loss", "auto", (3, 1, 2, 1, 0, 0), 4, 1),
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


@pytest.mark.parametrize(
    ("call", "error", "says"),
    [
        (lambda: EarlyStopping(patience=0), HyperparameterError, "from 1 on, got 0"),
        (lambda: EarlyStopping(mode="best"), HyperparameterError, "'auto', 'min', 'max', got 'best'"),
        (lambda: EarlyStopping(min_delta=-1), HyperparameterError, "at least 0"),
        (lambda: EarlyStopping(restore_best="no"), HyperparameterError, "restore_best is True or False, got 'no'"),
        (lambda: fit(small(), EarlyStopping()), StateError, "watches 'val_loss', .*; pass validation="),
        (lambda: fit(small(), EarlyStopping("val_f"), validation=(X, Y)), StateError, "epoch, .*val_loss, seconds$"),
        (lambda: fit(small(metrics=[train.ConfusionMatrix()]), EarlyStopping("confusion_matrix")), StateError, "watch"),
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


# -- logs -----------------------------------------------------------------------------------------


def test_csv_and_json_have_every_digit_of_the_history(tmp_path):
    paths = tmp_path / "new folder" / "log.csv", tmp_path / "log.jsonl"
    trainer = small(metrics=[train.ConfusionMatrix()])
    history = fit(trainer, train.CSVLogger(paths[0]), train.JSONLogger(paths[1]), train.LearningRateLogger())
    rows = list(csv.DictReader(paths[0].read_text(encoding="utf-8").splitlines()))
    records = [json.loads(line) for line in paths[1].read_text(encoding="utf-8").splitlines()]
    assert [float(row["loss"]) for row in rows] == history["loss"] == [record["loss"] for record in records]
    assert list(rows[0]) == list(records[0]) == history.names
    assert [json.loads(row["confusion_matrix"]) for row in rows] == [c.tolist() for c in history["confusion_matrix"]]
    assert [float(row["lr"]) for row in rows] == [0.1] * 6


def test_lines_are_there_as_soon_as_the_epoch_is_over(tmp_path):
    path = tmp_path / "log.csv"

    class Counts(Callback):
        def on_record(self, trainer, record):
            assert len(path.read_text(encoding="utf-8").splitlines()) == trainer.epoch + 1

    fit(small(), train.CSVLogger(path), Counts())


def test_a_column_that_comes_late_is_there_from_the_start(tmp_path):
    path = tmp_path / "log.csv"

    class Late(Callback):
        def on_epoch_end(self, trainer, record):
            if trainer.epoch == 2:
                record["late"] = float("nan")

    fit(small(), train.CSVLogger(path), train.JSONLogger(tmp_path / "log.jsonl"), Late(), epochs=4)
    rows = list(csv.DictReader(path.read_text(encoding="utf-8").splitlines()))
    assert [row["late"] for row in rows] == ["", "", "nan", ""]
    lines = (tmp_path / "log.jsonl").read_text(encoding="utf-8").splitlines()
    assert json.loads(lines[2])["late"] is None  # JSON has no NaN


@pytest.mark.parametrize("kind", [train.CSVLogger, train.JSONLogger])
def test_a_log_says_no_epoch_twice_after_a_resume(kind, tmp_path):
    path = tmp_path / "log"
    with pytest.raises(Stop):  # in the third epoch, after two were written down, and one saved
        Run(callbacks=[kind(path), Crash(20)]).fit(4, tmp_path / "run", checkpoint_every=12)
    assert len(path.read_text().splitlines()) == 2 + (kind is train.CSVLogger)
    resumed = Run(callbacks=[kind(path)])
    resumed.fit(4, tmp_path / "run")
    lines = path.read_text().splitlines()[kind is train.CSVLogger :]
    assert [json.loads(line)["epoch"] if line[0] == "{" else int(line.split(",")[0]) for line in lines] == [1, 2, 3, 4]


def test_a_log_that_cannot_be_written(tmp_path):
    with pytest.raises(FileError, match="CSVLogger cannot write to"):
        fit(small(), train.CSVLogger(tmp_path))
    (tmp_path / "file").touch()
    within = tmp_path / "file" / "folder"
    pytest.importorskip("tensorboardX", reason="needs tensorboardX (pip install tensorboardX)")
    for callback in (
        train.JSONLogger(within / "log"),
        ModelCheckpoint(within / "best"),
        train.TensorBoardLogger(within),
    ):
        trainer = small()
        with pytest.raises(FileError, match=f"{type(callback).__name__} cannot make the folder"):
            fit(trainer, callback)
        assert trainer.step == 0


def test_a_logger_outside_of_a_run_writes_nothing(tmp_path):
    logger = train.CSVLogger(tmp_path / "log")
    logger.on_record(small(), {"epoch": 1})
    logger.on_fit_end(small())
    assert not (tmp_path / "log").exists()
    with pytest.raises(NotImplementedError):
        logs._FileLogger(tmp_path / "log")._add({})


def test_the_rate_is_that_of_the_last_step_of_each_group():
    model = nn.Sequential(nn.Linear(4, 4), nn.Linear(4, 3))
    groups = [{"params": model[0].parameters()}, {"params": model[1].parameters(), "lr": 0.5}]
    trainer = Trainer(model, optim.SGD(groups, lr=1.0, decay=1.0), nn.CrossEntropyLoss())
    history = trainer.fit([(X, Y)] * 2, 2, callbacks=[train.LearningRateLogger()], progress="none")
    assert history["lr"] == [1 / 2, 1 / 4]
    assert history["lr_1"] == [0.5 / 2, 0.5 / 4]
    assert history["lr"][-1] == trainer.optimizer.current_lr


def test_tensorboard_files_leave_out_what_a_killed_run_had_written(tmp_path):
    pytest.importorskip("tensorboardX", reason="needs tensorboardX (pip install tensorboardX)")
    from tensorboardX.proto import event_pb2

    def events():
        """(name of the file, event) in the order of writing."""
        for path in sorted((tmp_path / "board").iterdir(), key=lambda path: path.stat().st_mtime_ns):
            data = path.read_bytes()
            while data:
                length = int.from_bytes(data[:8], "little")
                yield event_pb2.Event.FromString(data[12 : 12 + length])
                data = data[16 + length :]

    def logger():
        return train.TensorBoardLogger(tmp_path / "board")

    with pytest.raises(Stop):
        Run(callbacks=[logger(), Crash(20)]).fit(4, tmp_path / "run", checkpoint_every=12)
    resumed = Run(callbacks=[logger()])
    resumed.fit(4, tmp_path / "run")
    shown = {}
    for event in events():
        if event.HasField("session_log"):
            shown = {key: value for key, value in shown.items() if key[1] < event.step}
        for value in event.summary.value:
            assert (value.tag, event.step) not in shown
            shown[value.tag, event.step] = value.simple_value
    for record in resumed.trainer.history:
        assert shown["loss/training", record["steps"]] == pytest.approx(record["loss"])
        assert shown["accuracy/validation", record["steps"]] == pytest.approx(record["val_accuracy"])


def test_without_a_writer_tensorboard_says_what_to_install(monkeypatch):
    for module in ("tensorboardX", "torch.utils.tensorboard", "torch"):
        monkeypatch.setitem(sys.modules, module, None)
    with pytest.raises(ImportError, match="pip install tensorboardX"):
        train.TensorBoardLogger("board")
    logger = object.__new__(train.TensorBoardLogger)
    logger._writer = None
    logger.on_fit_end(small())


# -- gradients ------------------------------------------------------------------------------------


def test_dead_units_are_named_and_counted_once():
    model = nn.Sequential(nn.Linear(4, 10), nn.ReLU(), nn.Linear(10, 3))
    model[0].bias.data = np.where(np.arange(10) < 4, -1e3, 1).astype("f4")
    health = GradientHealth()
    with pytest.warns(UserWarning, match=r"0 \(Linear\): 4 of 10 units had no gradient in epoch 1") as said:
        history = fit(small(model=model), health, epochs=3)
    assert len(said) == 1
    assert history["dead_units"] == [4, 4, 4]
    assert health.report["0"]["dead"] == 4
    assert health.report["0"]["units"] == 10


def test_a_unit_that_lives_for_some_batches_is_not_dead():
    model = nn.Sequential(nn.Linear(4, 2, bias=False), nn.ReLU(), nn.Linear(2, 3))
    model[0].weight.data = np.array([[1, 0, 0, 0], [1, 0, 0, 0]], "f4")
    data = [(np.full((2, 4), sign, "f4"), np.array([0, 1])) for sign in (-1, 1)]
    history = small(model=model, lr=0.0).fit(data, 1, callbacks=[GradientHealth()], progress="none")
    assert history["dead_units"] == [0]


def test_exploding_and_vanishing_gradients_are_said_with_the_layer():
    class Model(nn.Module):
        def __init__(self):
            self.scale = nn.Parameter(np.ones(1, "f4"))
            self.deep = nn.ModuleDict({"inner": nn.Linear(4, 3)})
            self.frozen = nn.Linear(3, 3).requires_grad_(False)
            self.embedding = nn.Embedding(5, 3)

        def forward(self, x):
            return self.frozen(self.deep["inner"](x)) + self.scale * 1e-12 + self.embedding(np.zeros(len(x), int)) * 1e3

    health = GradientHealth(exploding=100, dead=0)
    with pytest.warns(UserWarning, match="the gradient") as said:
        history = fit(small(model=Model(), lr=1e-6), health, epochs=2)
    texts = [str(warning.message) for warning in said]
    assert any(text.startswith("the model (Model): the gradient's norm is") for text in texts)
    assert any(text.startswith("embedding (Embedding): the gradient has the norm") for text in texts)
    assert len(texts) == 2
    assert history["dead_units"] == [0, 0]
    assert "frozen" not in health.report
    assert health.report["embedding"]["norm"] <= history["gradient_norm"][-1] * 1.001
    assert "deep.inner" in health.report


def test_the_gradient_norm_is_that_of_all_gradients():
    norms = []

    class Measures(Callback):
        def on_gradients(self, trainer):
            norms.append(float(np.sqrt(sum((p.grad.astype("f8") ** 2).sum() for p in trainer.model.parameters()))))

    history = small(clip_norm=1e-3).fit([(X, Y)] * 3, 1, callbacks=[GradientHealth(), Measures()], progress="none")
    assert history["gradient_norm"][0] == pytest.approx(np.mean(norms))


def test_transposed_convolutions_have_their_units_in_the_second_axis():
    layer = nn.ConvTranspose2d(2, 3, 2)
    layer.weight.grad = np.zeros(layer.weight.shape, "f4")
    layer.weight.grad[0, 1, 0, 0] = 1
    layer.bias.grad = np.array([0, 0, 1], "f4")
    assert train.callbacks.health.reached(layer).tolist() == [False, True, True]


def test_an_epoch_without_steps_is_not_judged():
    record = {}
    health = GradientHealth()
    health.on_epoch_end(small(), record)
    assert record == {}
