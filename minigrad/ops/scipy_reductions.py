"""Functions of ``scipy.special`` that are Python, with SciPy's arguments: without an axis, all elements count."""

from __future__ import annotations

from typing import Any

import numpy as np

from minigrad.core.conversion import detached
from minigrad.ops import fused, reductions
from minigrad.ops.along import given

__all__ = ["log_softmax", "logsumexp", "softmax"]


def _largest(x: Any, axis: Any) -> Any:
    """The largest number over ``axis``, or 0 where it is none: subtracted from all it cancels out, a constant."""
    largest = np.max(x, axis, keepdims=True, initial=-np.inf)
    return np.where(np.isfinite(largest), largest, 0).astype(x.dtype)


def logsumexp(a: Any, axis: Any = None, b: Any = None, keepdims: bool = False) -> Any:
    """log(sum(b * exp(a))) over ``axis``: an int, several, or None for all elements; NaN where that sum is negative.

    >>> mg.special.logsumexp(mg.tensor([0.0, 0.0]), b=[1.0, 3.0])
    tensor(1.386...)
    """
    if b is None:
        return reductions.logsumexp(a, axis, keepdims)
    a, b = given(a), given(b)
    none = detached(b) == 0
    largest = _largest(np.where(none, -np.inf, detached(a)), axis).astype(a.dtype)
    if not getattr(b, "requires_grad", False):
        a = np.where(none, largest, a)  # a term that counts nothing may be of any size; of b, it has a gradient
    total = np.sum(np.exp(a - largest) * b, axis, keepdims=True)
    nothing = detached(total) == 0
    result = np.where(nothing, -np.inf, np.log(np.where(nothing, 1, total)) + largest)
    return result if keepdims else np.squeeze(result, axis)


def log_softmax(x: Any, axis: Any = None) -> Any:
    """``x - logsumexp(x)`` over ``axis``: an int, several, or None for all elements.

    >>> mg.special.log_softmax(mg.tensor([[0.0, 1.0], [0.0, 1.0]]), axis=1).round(4)
    tensor([[-1.3133, -0.3133],
            [-1.3133, -0.3133]])
    """
    if isinstance(axis, int):
        return fused.log_softmax(x, axis)
    x = given(x)
    x = x - _largest(detached(x), axis)
    return x - reductions.logsumexp(x, axis, keepdims=True)


def softmax(x: Any, axis: Any = None) -> Any:
    """The shares exp(x) / sum(exp(x)) over ``axis``: an int, several, or None for all elements.

    >>> mg.special.softmax(mg.tensor([[0.0, 0.0], [1.0, 1.0]]), axis=1)
    tensor([[0.5, 0.5],
            [0.5, 0.5]])
    """
    return fused.softmax(x, axis) if isinstance(axis, int) else np.exp(log_softmax(x, axis))
