"""Sums, means and extremes of the rows that belong together, and labels as rows of a matrix.

``ids`` says to which segment each row of x belongs: integers from 0 to num_segments - 1, in any order.
"""

from __future__ import annotations

import math
from typing import Any, Never

import numpy as np

from minigrad.core.context import get_default_dtype
from minigrad.core.conversion import as_array, detached
from minigrad.core.members import anywhere
from minigrad.core.primitive import routing
from minigrad.core.stands import shown
from minigrad.core.table import Primitive, derived
from minigrad.errors import DTypeError, GraphError, HyperparameterError, ShapeError, TargetError
from minigrad.kernels import scattering as kernels
from minigrad.ops.along import floating, narrowed, summable, widened
from minigrad.ops.elementwise import inexact
from minigrad.ops.indexing import read
from minigrad.support.idioms import refuse_keywords

__all__ = ["bincount", "one_hot", "segment_max", "segment_mean", "segment_min", "segment_sum"]


def _segment_ids(what: str, ids: Any, count: int | None) -> tuple[np.ndarray, int]:
    """Integers below ``count``, which is one more than the largest if it is None."""
    ids = as_array(detached(ids))
    if ids.dtype.kind not in "iu" and ids.size:
        raise DTypeError(f"{what} are integers, got dtype {ids.dtype}: write .astype(int)")
    ids = ids.astype(np.intp)
    if count is None:
        count = int(ids.max(initial=-1)) + 1
    if count < 0 or count != int(count):
        raise HyperparameterError(f"the number of {what} is a whole number, 0 or more; got {count}")
    outside = (ids < 0) | (ids >= count)
    if anywhere(outside):
        stray = shown(ids)[shown(outside)]
        raise TargetError(
            f"{what} run from 0 to {count - 1}, got {stray[0]}"
            + (f" and {stray.size - 1} more out of range" if stray.size > 1 else "")
        )
    return ids, int(count)


def _segments(x: Any, ids: Any, num_segments: int | None) -> tuple[np.ndarray, int]:
    """The ids of the rows of x, checked, and the number of segments."""
    ids = as_array(detached(ids))
    if np.ndim(ids) != 1 or np.shape(x)[:1] != np.shape(ids):
        raise ShapeError(
            f"one segment id for each row of x: expected shape {np.shape(x)[:1]} for x of shape {np.shape(x)}, got "
            f"{np.shape(ids)}"
        )
    return _segment_ids("segment ids", ids, num_segments)


def _segment_reduction(ufunc: str, x: Any, ids: Any, num_segments: int | None, empty: float) -> Any:
    """Each segment reduced by a ufunc of this name; ``empty`` where it has no rows."""
    ids, count = _segments(x, ids, num_segments)
    return kernels.reduce_segments(ufunc, x, ids, count, empty)


segment_sum: Primitive = routing(
    lambda x, ids, num_segments=None: _segment_reduction("add", summable(as_array(x)), ids, num_segments, 0),
    lambda g, ids: read(g, ids), name="segment_sum", analytic=True,
    doc="The sum of the rows of each segment: x (n, ...), ids (n,) -> (num_segments, ...); 0 for one without rows.\n\n"
    "``num_segments`` is by default one more than the largest id. Raises ``TargetError`` for ids out of range, "
    "``DTypeError`` for ids that are no integers, ``ShapeError`` unless there is one for each row.",
)


def _sharing(g: Any, z: Any, x: Any, ids: Any) -> Any:
    """Each segment's gradient, divided evenly among the elements that equal its result (or are NaN as it is)."""
    best = (x == z[ids]) | np.isnan(x)
    tied = segment_sum(best.astype(widened(x).dtype), ids, z.shape[0])[ids]  # float16 has no large counts
    return np.where(best, read(g, ids), 0) / np.maximum(tied, 1)


segment_max = routing(
    lambda x, ids, num_segments=None: _segment_reduction("maximum", inexact(x), ids, num_segments, -math.inf),
    lambda g, z, x, ids: _sharing(g, z, x, ids),
    name="segment_max", real=True,
    doc="The maximum of the rows of each segment: x (n, ...), ids (n,) -> (num_segments, ...); -inf for one without "
    "rows.\n\nTies share the gradient evenly. The arguments are those of ``segment_sum``.",
)
segment_min = routing(
    lambda x, ids, num_segments=None: _segment_reduction("minimum", inexact(x), ids, num_segments, math.inf),
    lambda g, z, x, ids: _sharing(g, z, x, ids),
    name="segment_min", real=True,
    doc="The minimum of the rows of each segment: x (n, ...), ids (n,) -> (num_segments, ...); inf for one without "
    "rows.\n\nTies share the gradient evenly. The arguments are those of ``segment_sum``.",
)


@derived()
def segment_mean(x: Any, ids: Any, num_segments: int | None = None) -> Any:
    """The mean of the rows of each segment: x (n, ...), ids (n,) -> (num_segments, ...); 0 for one without rows.

    The arguments are those of ``segment_sum``.
    """
    given_as, x = x, widened(x)
    total = segment_sum(x, ids, num_segments)
    numbers = as_array(detached(ids)).astype(np.intp, copy=False)
    counts = kernels.bincount(numbers, np.ones(numbers.shape, np.float64), total.shape[0])
    mean = total / np.reshape(np.maximum(counts, 1).astype(x.dtype), (-1, *(1,) * (len(x.shape) - 1)))
    return narrowed(mean, given_as)


_weighed = routing(
    kernels.bincount, None, lambda g, x: read(g, x), name="bincount", analytic=True,
    doc="The sum of the weights (n,) of each of the numbers 0, 1, 2 ... that stand in x (n,).",
)


@derived(np.bincount)
def bincount(x: Any, weights: Any = None, minlength: int = 0) -> Any:
    """How often each of the numbers 0, 1, 2 ... stands in x (n,), or the sum of the weights (n,) of each.

    Without weights, and of weights that are a plain array, the answer is a plain array, as NumPy's; of a Tensor it is
    a Tensor of its dtype.

    >>> mg.bincount([0, 2, 2], weights=mg.tensor([1.0, 2.0, 3.0]))
    tensor([1., 0., 5.])
    """
    if not hasattr(weights, "_node"):
        return np.bincount(detached(x), weights, minlength)
    return _weighed(as_array(detached(x)), floating(weights), minlength)


def one_hot(labels: Any, classes: int | None = None, dtype: Any = None, **foreign: Never) -> np.ndarray:
    """Labels (...) as a plain array (..., classes): 1 at each label's class, else 0, in the default dtype or ``dtype``.

    Raises ``TargetError`` for labels out of range, negative ones too, ``DTypeError`` for labels that are no
    integers, and ``GraphError`` for a tensor that requires a gradient.

    >>> mg.one_hot([1, 0], 3)
    array([[0., 1., 0.],
           [1., 0., 0.]], dtype=float32)
    """
    if foreign:
        refuse_keywords("one_hot", foreign)
    if classes is None:
        raise TypeError("one_hot(labels, classes): say how many classes there are, as in mg.one_hot(labels, 3)")
    if getattr(labels, "requires_grad", False):
        raise GraphError("labels have no gradient: write labels.detach() to leave the graph on purpose")
    ids, count = _segment_ids("labels", labels, classes)
    rows: np.ndarray = as_array(ids[..., None] == np.arange(count)).astype(dtype or get_default_dtype())
    return rows
