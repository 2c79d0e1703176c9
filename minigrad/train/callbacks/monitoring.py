"""Callbacks that watch one quantity of the records: ``EarlyStopping``, ``ModelCheckpoint``."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from minigrad.core.checks import as_path, flag, is_whole, not_negative
from minigrad.errors import HyperparameterError, StateError
from minigrad.files import save
from minigrad.support.idioms import told
from minigrad.train.callbacks.callback import Callback
from minigrad.train.callbacks.folders import make_folder
from minigrad.viz.curves import direction

if TYPE_CHECKING:
    from minigrad.train.run_state import RunState

MODES = ("auto", "min", "max")


class _Monitor(Callback):
    """Knows the best value of a quantity so far, and the epoch of it."""

    def __init__(self, monitor: str, mode: str, min_delta: float) -> None:
        kind = type(self).__name__
        if mode not in MODES:
            raise HyperparameterError(f"{kind}: mode is one of {', '.join(map(repr, MODES))}, got {mode!r}")
        not_negative(kind, "min_delta", min_delta)
        self.monitor = monitor
        self.min_delta = min_delta
        better = direction(monitor) if mode == "auto" else mode
        if better is None:
            raise HyperparameterError(
                f"{kind}: the name {monitor!r} does not say what is better: write mode='min' for less of it, or "
                "mode='max' for more"
            )
        self._sign = -1.0 if better == "min" else 1.0
        self._forget()

    def _forget(self) -> None:
        self.best: float | None = None
        self.best_epoch = 0

    def on_fit_start(self, trainer: RunState) -> None:
        """A new run has no best epoch yet."""
        if trainer.begins:
            self._forget()

    def improved(self, record: Mapping[str, Any]) -> bool:
        """Whether this epoch is the best so far, by more than ``min_delta``; it is then remembered as that.

        NaN is never the best. Raises ``StateError`` where the record has no such number.
        """
        value = record.get(self.monitor)
        if value is None or np.ndim(value):
            numbers = [name for name, item in record.items() if np.ndim(item) == 0]
            validated = any(name.startswith("val_") for name in numbers)
            hint = "; pass validation= to fit" if self.monitor.startswith("val_") and not validated else ""
            raise StateError(
                f"{type(self).__name__} watches {self.monitor!r}, and a record has {', '.join(numbers)}{hint}"
            )
        better = value == value and (  # noqa: PLR0124 - NaN is not itself
            self.best is None or self._sign * (value - self.best) > self.min_delta
        )
        if better:
            self.best, self.best_epoch = float(value), record["epoch"]
        return bool(better)

    def state_dict(self) -> dict[str, Any]:
        """The best value and its epoch."""
        return {"best": self.best, "best_epoch": self.best_epoch}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Go on from there."""
        self.best, self.best_epoch = state["best"], state["best_epoch"]


class EarlyStopping(_Monitor):
    """Ends the run when ``monitor`` has not improved by more than ``min_delta`` for ``patience`` epochs.

    ``mode`` says whether a smaller ("min") or larger ("max") value is better; "auto" decides by the name: smaller for a
    loss or error, larger for an accuracy or score. With ``restore_best``, the model has the weights and buffers of the
    best epoch after the run, unless Ctrl-C has interrupted it.

    Raises ``HyperparameterError`` for options outside their range, and if "auto" cannot decide by the name.

    >>> model = nn.Linear(2, 1)
    >>> trainer = train.Trainer(model, optim.SGD(model.parameters(), lr=0.1), nn.MSELoss())
    >>> data = np.ones((4, 2), "float32"), np.ones((4, 1), "float32")
    >>> callback = train.EarlyStopping(monitor="loss", patience=1)
    >>> history = trainer.fit(data, epochs=2, callbacks=[callback], progress="none")
    >>> len(history["loss"])
    2
    """

    @told
    def __init__(
        self,
        monitor: str = "val_loss",
        patience: int = 5,
        min_delta: float = 0.0,
        mode: str = "auto",
        restore_best: bool = True,
    ) -> None:
        if not is_whole(patience, 1):
            raise HyperparameterError(f"EarlyStopping: patience is a number of epochs from 1 on, got {patience!r}")
        super().__init__(monitor, mode, min_delta)
        self.patience = patience
        self.restore_best = flag("EarlyStopping", "restore_best", restore_best)

    def _forget(self) -> None:
        super()._forget()
        self.waited = 0
        self.weights: dict[str, np.ndarray] | None = None

    def on_record(self, trainer: RunState, record: Mapping[str, Any]) -> None:
        """Look at the epoch."""
        if self.improved(record):
            self.waited = 0
            if self.restore_best:
                self.weights = trainer.model.state_dict()
            return
        self.waited += 1
        if self.waited >= self.patience:
            best = (
                f"best {self.best:.4g} in epoch {self.best_epoch}" if self.best is not None else "it never was a number"
            )
            trainer.stop(f"{self.monitor} has not improved for {self.patience} epochs ({best})")

    def on_fit_end(self, trainer: RunState) -> None:
        """Put the best weights in."""
        if self.weights is not None and trainer.is_over:
            trainer.model.load_state_dict(self.weights)

    def state_dict(self) -> dict[str, Any]:
        """The best value, the number of epochs since then, and its weights."""
        return {**super().state_dict(), "waited": self.waited, "weights": self.weights}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Go on from there."""
        super().load_state_dict(state)
        self.waited, self.weights = state["waited"], state["weights"]


class ModelCheckpoint(_Monitor):
    """Saves the model's ``state_dict()`` to ``path`` whenever ``monitor`` improves: the best weights, in one file.

    ``model.load_state_dict(mg.load(path))`` loads them. ``monitor``, ``mode`` and ``min_delta`` are as in
    ``EarlyStopping``. To continue a run after an interruption, use ``fit(..., checkpoint_dir=...)`` instead.

    >>> model = nn.Linear(2, 1)
    >>> trainer = train.Trainer(model, optim.SGD(model.parameters(), lr=0.1), nn.MSELoss())
    >>> data = np.ones((4, 2), "float32"), np.ones((4, 1), "float32")
    >>> callback = train.ModelCheckpoint("best.safetensors", monitor="loss")
    >>> history = trainer.fit(data, epochs=2, callbacks=[callback], progress="none")
    >>> sorted(mg.load("best.safetensors"))
    ['bias', 'weight']
    """

    only_first = True

    @told
    def __init__(
        self, path: str | os.PathLike[str], monitor: str = "val_loss", mode: str = "auto", min_delta: float = 0.0
    ) -> None:
        super().__init__(monitor, mode, min_delta)
        self.path = as_path(path, "ModelCheckpoint(path)")

    def on_fit_start(self, trainer: RunState) -> None:
        """Make the folder."""
        super().on_fit_start(trainer)
        make_folder(self.path.parent, type(self).__name__)

    def on_record(self, trainer: RunState, record: Mapping[str, Any]) -> None:
        """Save, if this epoch is the best so far."""
        if self.improved(record):
            save(self.path, trainer.model.state_dict())
