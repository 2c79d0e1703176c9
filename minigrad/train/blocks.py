"""Steps of a fit that machine code makes without Python in between: many batches, which lie in memory, in one call."""

from __future__ import annotations

from time import perf_counter
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from minigrad.core.tensor import Tensor, wrap
from minigrad.train.batches import Batches, samples

if TYPE_CHECKING:
    from minigrad.compiler.compiled import Compiled
    from minigrad.train.run_state import RunState

_MOST = 1024  # batches of a block, at most;
_BYTES = 1 << 22  # of their arrays, which should stay in the caches,
_SECONDS = 0.05  # and about so long until the run looks up from the work
_TRIES = 4  # blocks of an epoch of which no step was made, until the epoch goes on batch by batch


class Step(NamedTuple):
    """What a step of a block gave: its loss, how much counts, whether it is a sum, predictions, and the targets."""

    loss: float
    rows: float
    is_sum: bool
    predictions: Any
    targets: Any


class Blocks:
    """The steps of an epoch that can be made in one call; how many, the time of the last block says."""

    def __init__(self, batches: Batches) -> None:
        self._batches = batches
        self._size = 2
        self._tries = _TRIES

    def next_steps(self, whole: Compiled, trainer: RunState, most: float) -> list[Step]:
        """The next steps, at most ``most``, as far as the program of a step makes them alone; perhaps none."""
        block = self._batches.upcoming(int(min(self._size, most))) if self._tries else None
        if block is None:
            return []
        x, y = block
        size, steps = _bytes(x, y), len(y)
        arguments = (trainer.optimizer, trainer.clip_norm, trainer.model, trainer.loss, x, y)
        start = perf_counter()
        count, results = whole.replayed(steps, trainer.optimizer.zero_grad, *arguments)
        seconds = perf_counter() - start
        self._tries = _TRIES if count else self._tries - 1
        if not count:
            return []
        self._batches.skip(count)
        fits = min(_MOST, _SECONDS * count / seconds, _BYTES * steps / size)
        self._size = max(2, int(min(fits, 2 * steps)))
        return _steps(results, y)


def _steps(results: Any, y: Any) -> list[Step]:
    """The steps of a block, one by one."""
    value, _, predictions, counts, sums, _ = results
    losses = value._array.tolist()
    if counts is None:
        counts = [samples(y[0], y[0])] * len(losses)
    else:
        counts = np.asarray(counts, float).tolist()
    outputs = [None] * len(losses) if predictions is None else map(wrap, predictions._array)
    return [Step(*each) for each in zip(losses, counts, map(bool, sums), outputs, y, strict=False)]


def _bytes(*arrays: Any) -> int:
    return sum((x._array if isinstance(x, Tensor) else x).nbytes for x in arrays)
