"""Running statistics: all that a layer in training writes, in place, so that they stay the same memory.

Where ``checkpoint`` runs a layer again for the gradient, they have followed the batch already.
"""

from __future__ import annotations

from typing import Any

from minigrad.core.batches import refuse_effect
from minigrad.core.context import is_again
from minigrad.core.conversion import as_array
from minigrad.core.inplace import writable
from minigrad.core.tensor import Tensor

_RUNNING = (
    "a layer in training writes its running statistics",
    "call model.eval() first, or use a layer without them (LayerNorm, GroupNorm, track_running_stats=False)",
)


def follow(running: Any, batch: Any, momentum: Any) -> None:
    """running = (1 - momentum) * running + momentum * batch, written into the array or Buffer ``running``."""
    refuse_effect(*_RUNNING)
    if not is_again():
        running = _memory(running)
        running[...] = (1 - momentum) * running + momentum * batch


def count(tracked: Any) -> None:
    """One more batch, written into the 0-d array or Buffer ``tracked`` of integers."""
    refuse_effect(*_RUNNING)
    if not is_again():
        tracked = _memory(tracked)
        tracked += 1


def _memory(running: Any) -> Any:
    return writable(running) if isinstance(running, Tensor) else as_array(running)


def share_of_next(tracked: Any, dtype: Any) -> Any:
    """The momentum with which a running mean is that of all batches: 1 / n at batch number n."""
    return (1 / (tracked + 1)).astype(dtype)
