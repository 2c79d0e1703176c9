"""``RunState``: the parts of a run and how far it is: what the loop, a checkpoint and callbacks receive."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from minigrad.compiler import compile as compiled
from minigrad.compiler.backends import is_exact
from minigrad.compiler.compiled import Compiled
from minigrad.core.context import get_default_dtype, no_grad
from minigrad.core.tensor import Tensor
from minigrad.errors import DTypeError, StateError
from minigrad.files import Checkpoints
from minigrad.nn import Module
from minigrad.nn.batch_weight import NothingCountsError, counted
from minigrad.nn.modes import evaluating
from minigrad.support.idioms import told
from minigrad.support.user_warnings import warn
from minigrad.train.batches import Batches, samples
from minigrad.train.gradients import UNSEEN, Gradients, Loss, backend_of, function_for, number, plain, with_step
from minigrad.train.history import History
from minigrad.train.metric import Metric, fresh, measured
from minigrad.train.ranks import Outcome, outcomes


class Totals:
    """The sums of the epoch that is under way. They are part of a checkpoint."""

    def __init__(self) -> None:
        self.reset()

    def reset(self) -> None:
        """An epoch begins."""
        self.loss: float = 0.0
        self.samples: float = 0  # the sum of the weights of samples
        self.is_sum = False
        self.skipped, self.seconds = 0, 0.0

    def add(self, loss: float, count: float, is_sum: bool) -> None:
        """Add the loss of a batch, weighted by its count."""
        self.loss += loss if is_sum else loss * count
        self.samples += count
        self.is_sum = is_sum

    def mean(self) -> float:
        """The loss of all batches as that of one."""
        if not self.samples:
            return math.nan
        return self.loss if self.is_sum else self.loss / self.samples

    def state_dict(self) -> dict[str, Any]:
        """The sums by name."""
        return dict(vars(self))

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Go on from these."""
        vars(self).update(state)


class Continuation:
    """The record of a run's fits, by which an interrupted one goes on."""

    def __init__(self) -> None:
        self.first: int | None = None  # the epoch at which an unfinished run began
        self.pending: Mapping[str, Any] | None = None  # what the next fit goes on from
        self.saved: Mapping[str, Any] | None = None  # the checkpoint that was read
        self.fits: list[dict[str, Any]] = []  # of the run: where each began, and with what
        self.ended = 0  # how many fits have ended in this process,
        self.ran = False  # and whether one has begun
        self.folders: set[str] = set()  # with checkpoints of this run
        #: the optimizer's settings before a checkpoint was read, and those that were read
        self.given: tuple[dict[str, str], dict[str, Any]] | None = None
        self.base: dict[str, Any] = {}  # what attributes were in the beginning


@dataclass(eq=False, repr=False)
class RunState:
    """The parts of a run, its options, and how far it is. ``Trainer`` is one that can ``fit`` and ``resume``."""

    model: Module
    optimizer: Any
    loss: Loss
    metrics: tuple[Metric, ...]
    compile: bool | str
    clip_norm: float | None
    accumulate: int
    devices: tuple[Any, ...] | None = None

    def __post_init__(self) -> None:
        self.history = History()
        self.step = 0
        self.epoch = 0
        self.batch = 0  # of the epoch that is under way
        self.epochs = 0  # at which the run ends
        self.loss_value = float("nan")
        self.stopped = ""  # why the run ended before its last epoch
        self.totals = Totals()
        self.checkpoints: Checkpoints | None = None
        self.continuation = Continuation()
        self._programs: dict[Any, tuple[Compiled, Compiled, Compiled]] = {}

    def stop(self, reason: str) -> None:
        """Let the run end after this step or epoch; for callbacks."""
        self.stopped = reason

    @property
    def begins(self) -> bool:
        """Whether the run is a new one that has made no step yet; for ``on_fit_start``."""
        return self.epoch == self.continuation.first and not self.batch

    @property
    def is_over(self) -> bool:
        """Whether the run has made its last step; for ``on_fit_end``."""
        return bool(self.stopped) or self.epoch >= self.epochs

    # -- using the model ----------------------------------------------------------------------

    @told
    def evaluate(self, data: Any) -> dict[str, Any]:
        """The loss and the metrics on ``data``, a pair (X, y) or an iterable of batches; {"loss": ..., ...}.

        In evaluation mode and without a graph. The loss is that of all rows at once, however they are cut into batches.
        """
        return self.measure(Batches(data, self.dtype(), "data"))

    def measure(self, batches: Batches) -> dict[str, Any]:
        """The loss and the metrics on these batches, in evaluation mode and without a graph."""
        metrics = [fresh(metric) for metric in self.metrics]
        totals = Totals()
        with evaluating(self.model), no_grad():
            filled = ((x, y) for x, y in batches.epoch() if samples(x, y))
            for outcome, y in outcomes(filled, self._outcome, bool(metrics)):
                if outcome.loss is not None:
                    totals.add(*outcome.loss)
                for metric in metrics:
                    metric.update(outcome.predictions, y)
        return {"loss": totals.mean(), **{m.name: measured(m) for m in metrics}}

    def _outcome(self, x: Any, y: Any) -> Outcome:
        predictions = self.model(*x) if type(x) is tuple else self.model(x)
        try:
            value, count, is_sum = counted(self.loss, predictions, y)
        except NothingCountsError:  # a batch of padding
            return Outcome(None, predictions)
        return Outcome((number(value), samples(x, y) if count is None else float(count), is_sum), predictions)

    @told
    def predict(self, data: Any) -> np.ndarray:
        """The model's outputs (samples, ...) for an array, tensor or frame of inputs, or an iterable of batches.

        In evaluation mode and without a graph. Of batches that are tuples or lists, the first part is the input. Rows
        come in the order of the batches; a loader that mixes or drops some is warned of.
        """
        if getattr(data, "shuffle", False) is True or getattr(data, "drop_last", False) is True:
            warn(
                "predict: the loader shuffles or drops samples, so the predictions are not in the rows of its dataset: "
                "make one for it, DataLoader(X, batch_size), without shuffle= and drop_last="
            )
        whole = isinstance(data, (np.ndarray, Tensor)) or hasattr(data, "to_numpy")
        batches = Batches([(data,)] if whole else data, self.dtype(), "data")
        with evaluating(self.model), no_grad():
            outputs = [self.model(*x) if type(x) is tuple else self.model(x) for x in batches.inputs()]
        if not outputs:
            raise StateError("there is nothing to predict: data gave no batch")
        if not isinstance(outputs[0], Tensor):
            raise DTypeError(
                f"predict takes a model that gives one Tensor for a batch, and {type(self.model).__name__} gives a "
                f"{type(outputs[0]).__name__}: call the model itself, in model.eval() and with mg.no_grad()"
            )
        return np.concatenate([np.asarray(z._array) for z in outputs], 0)

    # -- its parts ----------------------------------------------------------------------------

    def compute(
        self, layers: Iterable[Module], completed: Callable[[], None] | None = None
    ) -> tuple[Gradients, Gradients, Compiled | None]:
        """The functions for the gradients of a batch, for those of further batches of a sum, and for a whole step.

        With ``compile`` they are programs; without it the third is None.

        ``completed`` is called before they run as they are written, on all rows of a batch.
        """
        function = function_for(layers)
        if not self.compile:
            return function, plain, None
        backend = backend_of(self.compile)
        both = (function, plain) if self.metrics else (UNSEEN[function], UNSEEN[plain])
        if (*both, backend) not in self._programs:
            first, more, whole = (self._program(kind, backend) for kind in (*both, with_step(both[0])))
            self._programs[*both, backend] = first, more, whole
        programs = self._programs[*both, backend]
        for program in programs:
            program.completed = completed
        return programs

    def _program(self, function: Callable[..., Any], backend: str) -> Compiled:
        program: Compiled = compiled(function, backend=backend, devices=self.devices)
        program.settles = not is_exact(backend)  # a run that goes on has the same bits
        return program

    def modules(self) -> dict[str, Any]:
        """The parts that may have weights, by name."""
        return {"model": self.model, "loss": self.loss}

    def dtype(self) -> np.dtype:
        """The dtype in which the model computes."""
        return next((p.dtype for p in self.model.parameters() if p.dtype.kind == "f"), get_default_dtype())
