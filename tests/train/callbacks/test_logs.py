"""Loggers: CSV, JSON, rates and TensorBoard."""

import csv
import errno
import io
import json
import os
import sys
from pathlib import Path

import pytest

from minigrad import nn, optim, train
from minigrad.errors import FileError
from minigrad.train import Callback, Trainer
from minigrad.train.callbacks import logs
from tests.train.runs import Run, X, Y, fit, small
from tests.train.test_resuming import Crash, Stop


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


class FullDisk(io.StringIO):
    """A file that takes ``room`` flushes, and closes with an error while something is left to write."""

    def __init__(self, room):
        super().__init__()
        self.room = room

    def flush(self):
        self.room -= 1
        if self.room < 0:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    def close(self):
        super().close()
        self.flush()


@pytest.mark.parametrize("room", [0, 1, 7])
@pytest.mark.parametrize("kind", [train.CSVLogger, train.JSONLogger])
def test_a_full_disk_names_the_file(kind, room, tmp_path, monkeypatch):
    """At the start, after an epoch, and when the file is closed, which is the last of seven."""
    file = FullDisk(room)
    monkeypatch.setattr(Path, "open", lambda *args, **kwargs: file)
    trainer = small()
    with pytest.raises(FileError, match=rf"{kind.__name__} cannot write to .*log: no space left") as caught:
        fit(trainer, kind(tmp_path / "log"), epochs=6)
    assert caught.value.errno == errno.ENOSPC
    assert file.closed


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
