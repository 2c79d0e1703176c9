"""Callbacks that write records down: ``CSVLogger``, ``JSONLogger``, ``TensorBoardLogger``, ``LearningRateLogger``."""

from __future__ import annotations

import contextlib
import csv
import importlib
import io
import json
import math
import os
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any, TextIO

import numpy as np

from minigrad.core.checks import as_path
from minigrad.files.saving import failure
from minigrad.support.idioms import told
from minigrad.train.callbacks.callback import Callback
from minigrad.train.callbacks.folders import make_folder

if TYPE_CHECKING:
    from minigrad.train.run_state import RunState


class _FileLogger(Callback):
    """A file with a line for each record of the history.

    It is written anew from the history when ``fit`` begins, so a run that was killed after an epoch that no checkpoint
    has seen goes on with a file that says no epoch twice.
    """

    only_first = True

    @told
    def __init__(self, path: str | os.PathLike[str]) -> None:
        self.path = as_path(path, f"{type(self).__name__}(path)")
        self._file: TextIO | None = None

    def on_fit_start(self, trainer: RunState) -> None:
        """Write what is known so far."""
        make_folder(self.path.parent, type(self).__name__)
        with self._writing():
            self._file = self.path.open("w", encoding="utf-8", newline="")
            self._rewrite(trainer.history.records)

    def on_record(self, trainer: RunState, record: Mapping[str, Any]) -> None:
        """Add the epoch."""
        with self._writing():
            if not self._add(record):
                self._rewrite(trainer.history.records)
            if self._file is not None:
                self._file.flush()

    def on_fit_end(self, trainer: RunState) -> None:
        """Close the file."""
        file, self._file = self._file, None
        if file is not None:
            with self._writing():
                file.close()

    @contextlib.contextmanager
    def _writing(self) -> Iterator[None]:
        """An error of the system, such as a full disk, names the file, which is closed then."""
        try:
            yield
        except OSError as error:
            file, self._file = self._file, None
            if file is not None:
                with contextlib.suppress(OSError):  # it would write the rest, and fail again
                    file.close()
            raise failure(f"{type(self).__name__} cannot write to {self.path}", error) from error

    def _rewrite(self, records: list[dict[str, Any]]) -> None:
        if self._file is not None:
            self._file.seek(0)
            self._file.truncate()
            self._begin(records)
            for record in records:
                self._add(record)
            self._file.flush()

    def _begin(self, records: list[dict[str, Any]]) -> None:
        """The text before the first record."""

    def _add(self, record: Mapping[str, Any]) -> bool:
        """Write a record; False where the file must be written anew for it."""
        raise NotImplementedError(f"{type(self).__name__} defines no _add(self, record)")

    def _write(self, text: str) -> bool:
        if self._file is not None:
            self._file.write(text)
        return True


class CSVLogger(_FileLogger):
    """Writes the history to a CSV file: a header, and a row for each epoch, as soon as the epoch is over.

    Floats keep all their digits; arrays are JSON lists. An existing file is replaced.

    >>> from pathlib import Path
    >>> model = nn.Linear(2, 1)
    >>> trainer = train.Trainer(model, optim.SGD(model.parameters(), lr=0.1), nn.MSELoss())
    >>> data = np.ones((4, 2), "float32"), np.ones((4, 1), "float32")
    >>> callback = train.CSVLogger("run.csv")
    >>> history = trainer.fit(data, epochs=2, callbacks=[callback], progress="none")
    >>> print(Path("run.csv").read_text().splitlines()[0])
    epoch,steps,loss,seconds
    """

    _names: tuple[str, ...] = ()

    def _begin(self, records: list[dict[str, Any]]) -> None:
        self._names = tuple(dict.fromkeys(name for record in records for name in record))
        if self._names:
            self._write(_row(self._names))

    def _add(self, record: Mapping[str, Any]) -> bool:
        if not set(record) <= set(self._names):  # a column that was not there before
            return False
        return self._write(_row([_cell(record.get(name)) for name in self._names]))


class JSONLogger(_FileLogger):
    """Writes the history as lines of JSON: one object for each epoch, as soon as the epoch is over.

    Numbers that are not finite become null, because JSON does not have them. An existing file is replaced.

    >>> from pathlib import Path
    >>> model = nn.Linear(2, 1)
    >>> trainer = train.Trainer(model, optim.SGD(model.parameters(), lr=0.1), nn.MSELoss())
    >>> data = np.ones((4, 2), "float32"), np.ones((4, 1), "float32")
    >>> callback = train.JSONLogger("run.jsonl")
    >>> history = trainer.fit(data, epochs=2, callbacks=[callback], progress="none")
    >>> print(len(Path("run.jsonl").read_text().splitlines()))
    2
    """

    def _add(self, record: Mapping[str, Any]) -> bool:
        return self._write(json.dumps({name: _plain(value) for name, value in record.items()}) + "\n")


class LearningRateLogger(Callback):
    """Adds the learning rate of an epoch's last step to its record: ``lr``, and ``lr_1``, ... for further groups.

    >>> model = nn.Linear(2, 1)
    >>> trainer = train.Trainer(model, optim.SGD(model.parameters(), lr=0.1), nn.MSELoss())
    >>> data = np.ones((4, 2), "float32"), np.ones((4, 1), "float32")
    >>> callback = train.LearningRateLogger()
    >>> history = trainer.fit(data, epochs=2, callbacks=[callback], progress="none")
    >>> history["lr"]
    [0.1, 0.1]
    """

    def __init__(self) -> None:
        self._rates: list[float] = []

    def on_gradients(self, trainer: RunState) -> None:
        """Note the rates of the step that comes now."""
        optimizer = trainer.optimizer
        self._rates = [float(optimizer._rate(group)) for group in optimizer.param_groups]

    def on_epoch_end(self, trainer: RunState, record: dict[str, Any]) -> None:
        """Add them."""
        for number, rate in enumerate(self._rates):
            record[f"lr_{number}" if number else "lr"] = rate

    def state_dict(self) -> dict[str, Any]:
        """The rates of the last step."""
        return {"rates": list(self._rates)}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Go on from there."""
        self._rates = list(state["rates"])


class TensorBoardLogger(Callback):
    """Writes the numbers of each record as TensorBoard event files in the folder ``log_dir``.

    Needs ``tensorboardX`` or PyTorch with ``tensorboard``. Tags are ``loss/training``, ``loss/validation`` and so on,
    at the number of the optimizer's step. A resumed run tells TensorBoard to discard the numbers that were written
    after the checkpoint.

    >>> from pathlib import Path
    >>> model = nn.Linear(2, 1)
    >>> trainer = train.Trainer(model, optim.SGD(model.parameters(), lr=0.1), nn.MSELoss())
    >>> data = np.ones((4, 2), "float32"), np.ones((4, 1), "float32")
    >>> callback = train.TensorBoardLogger("logs")
    >>> history = trainer.fit(data, epochs=2, callbacks=[callback], progress="none")
    >>> len(list(Path("logs").glob("*tfevents*")))
    1
    """

    only_first = True

    @told
    def __init__(self, log_dir: str | os.PathLike[str]) -> None:
        self.log_dir = as_path(log_dir, "TensorBoardLogger(log_dir)")
        self._writer_type = _summary_writer()  # better missed now than after an epoch
        self._writer: Any = None

    def on_fit_start(self, trainer: RunState) -> None:
        """Open a new event file."""
        make_folder(self.log_dir, type(self).__name__)
        self._writer = self._writer_type(
            str(self.log_dir),
            purge_step=None if trainer.begins else trainer.step + 1,
            # The library names a file by the second, and would replace one of a run that began in the same.
            filename_suffix=f".step-{trainer.step}.{os.getpid()}",
        )

    def on_record(self, trainer: RunState, record: Mapping[str, Any]) -> None:
        """Write the numbers."""
        for name, value in record.items():
            if name not in {"epoch", "steps"} and np.ndim(value) == 0:
                held_out = name.startswith("val_")
                tag = f"{name.removeprefix('val_')}/{'validation' if held_out else 'training'}"
                self._writer.add_scalar(tag, float(value), record["steps"])
        self._writer.flush()

    def on_fit_end(self, trainer: RunState) -> None:
        """Close the event file."""
        if self._writer is not None:
            self._writer.close()
            self._writer = None


def _summary_writer() -> Any:
    for module in ("tensorboardX", "torch.utils.tensorboard"):
        try:
            return importlib.import_module(module).SummaryWriter
        except ImportError:
            continue
    raise ImportError("TensorBoardLogger writes with the package tensorboardX: pip install tensorboardX")


def _row(cells: Any) -> str:
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerow(cells)
    return text.getvalue()


def _cell(value: Any) -> Any:
    if value is None:
        return ""
    return json.dumps(_plain(value)) if np.ndim(value) else value


def _plain(value: Any) -> Any:
    """A value as JSON has it."""
    if isinstance(value, (np.ndarray, np.generic)):
        value = value.tolist()
    if isinstance(value, (list, tuple)):
        return [_plain(item) for item in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value
