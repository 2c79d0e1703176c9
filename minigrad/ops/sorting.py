"""Sorting, and what is read off a sorted array: median, quantiles, partitions.

Equal elements share evenly: where some are tied, which of them stands where is arbitrary, so each of the tied
results has its gradient from all of them alike. The median of equal numbers depends on each of them.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.lib.array_utils import normalize_axis_tuple

from minigrad.core.conversion import as_array
from minigrad.core.members import anywhere, at, everywhere
from minigrad.core.primitive import routing
from minigrad.core.table import Primitive, derived
from minigrad.errors import ShapeError
from minigrad.kernels import sorting as kernels
from minigrad.ops.along import floating, require_real
from minigrad.support.user_warnings import warn

__all__ = [
    "median", "nanmedian", "nanpercentile", "nanquantile", "partition", "percentile", "quantile", "sort",
]

# -- sorting by keys ----------------------------------------------------------------------------------


def _sort_by(x: Any, keys: Any, axis: int | None = -1) -> Any:
    if np.shape(x) != np.shape(keys):
        raise ShapeError(f"sort_by: one key for each element, got shapes {np.shape(x)} and {np.shape(keys)}")
    return kernels.sort_by(x, keys, axis)


def _unsort_by(x: Any, keys: Any, axis: int | None = -1) -> Any:
    shape = np.shape(keys) if axis is not None else (np.size(keys),)
    if np.shape(x) != shape:
        raise ShapeError(f"unsort_by: expected elements in the keys' shape {shape}, got {np.shape(x)}")
    return kernels.unsort_by(x, keys, axis)


sort_by: Primitive = routing(
    _sort_by, lambda g, keys, axis: unsort_by(g, keys, axis), None, analytic=True,
    doc="x in the order in which ``keys``, of its shape, sort along ``axis``; elements of equal keys are averaged.\n\n"
    "An axis of None flattens both.",
)
unsort_by: Primitive = routing(
    _unsort_by, lambda g, keys, axis: sort_by(g, keys, axis), None, analytic=True,
    doc="Sorted elements back at the places of the ``keys`` they belong to: the adjoint of ``sort_by``, and its "
    "inverse where no keys are equal.",
)


sort = routing(
    lambda a, axis=-1, kind=None, *, stable=None: np.sort(a, axis, kind=kind, stable=stable),
    lambda g, a, axis: unsort_by(g, a, axis), name="sort", numpy=(np.sort,),
    doc="The elements in ascending order along ``axis``, NaN last; flattened for an axis of None. Equal elements "
    "share their gradients evenly, whatever ``kind`` or ``stable`` say.",
)


partition = routing(
    lambda a, kth, axis=-1, kind="introselect": np.partition(a, kth, axis, kind),
    lambda g, z, a, axis: unsort_by(sort_by(g, z, -1 if axis is None else axis), a, axis),
    name="partition", numpy=(np.partition,),
    doc="The elements such that those at the places ``kth`` are where sorting puts them, smaller ones before and "
    "larger ones after. Equal elements share their gradients evenly.",
)


# -- order statistics -----------------------------------------------------------------------------------


def _sorted_rows(a: Any, axis: Any, keepdims: bool) -> tuple[Any, list[int]]:
    """The elements over ``axis`` sorted, in rows, and the shape of what is one number for each row."""
    axes = normalize_axis_tuple(range(len(a.shape)) if axis is None else axis, len(a.shape))
    others = [n for n in range(len(a.shape)) if n not in axes]
    count = math.prod([a.shape[n] for n in axes])
    rows = np.reshape(np.transpose(a, (*others, *axes)), (math.prod([a.shape[n] for n in others]), count))
    shape = [1 if n in axes else size for n, size in enumerate(a.shape) if keepdims or n not in axes]
    return sort(rows, -1), shape


def _at(rows: Any, places: Any) -> Any:
    """Sorted rows at places between their elements, by linear interpolation; both are of shape (rows, ...)."""
    below = np.floor(places).astype(np.intp)
    share = (places - below).astype(rows.dtype)
    row = np.arange(len(rows))[:, None]
    lower, upper = at(rows, (row, below)), at(rows, (row, below + (share > 0)))
    # Between equal elements there is nothing to interpolate, and between two infinite ones it cannot be done. Shares
    # of both, not of their difference: that may overflow.
    with np.errstate(invalid="ignore"):
        between = lower * (1 - share) + upper * share
    return np.where((share == 0) | (lower == upper), lower, between)


def _or_nan(rows: Any, z: Any) -> Any:
    """NaN, with the gradient to it, for rows that have one: it was sorted to their end."""
    last = rows[:, -1:]
    missing = np.isnan(last)
    return np.where(missing, last, z) if anywhere(missing) else z


def shares(q: Any) -> Any:
    """q as an array, or as what stands for those of all members of a batch. Raises where q wants a gradient."""
    return as_array(q._array if hasattr(q, "_node") and q._node is None else q)


def _quantiles(a: Any, q: Any, axis: Any, scale: str, method: str, keepdims: bool) -> Any:
    require_real(f"a {scale}", a)  # complex numbers have an order of NumPy's sort alone
    q = shares(q)
    rows, shape = _sorted_rows(floating(a), axis, keepdims)
    if not rows.shape[1]:
        raise ShapeError(f"quantiles over axis={axis} of shape {np.shape(a)}: there are no elements")
    places = np.broadcast_to(kernels.quantile_places(rows.shape[1], q, scale, method), (len(rows), q.size))
    return np.reshape(np.transpose(_or_nan(rows, _at(rows, places))), (*q.shape, *shape))


def _nan_quantiles(a: Any, q: Any, axis: Any, scale: str, method: str, keepdims: bool) -> Any:
    require_real(f"a {scale}", a)  # complex numbers have an order of NumPy's sort alone
    q = shares(q)
    rows, shape = _sorted_rows(floating(a), axis, keepdims)
    counts = np.sum(~np.isnan(rows), 1)
    places = kernels.quantile_places_by_count(counts, q, scale, method)
    if everywhere(counts):
        values = _at(rows, places)
    else:
        warn("All-NaN slice encountered", RuntimeWarning)
        values = np.full(places.shape, math.nan, rows.dtype)
        if rows.shape[1]:
            values = np.where(counts[:, None] == 0, values, _at(rows, places))
    return np.reshape(np.transpose(values), (*q.shape, *shape))


def at_places(a: Any, q_shape: Any, places: Any, axis: Any, keepdims: bool, leave_out: bool) -> Any:
    """The elements of a at ``places`` (rows, q) among its sorted elements over ``axis``; NaN counts unless left out."""
    require_real("a quantile with weights", a)
    rows, shape = _sorted_rows(floating(a), axis, keepdims)
    z = _at(rows, places)
    return np.reshape(np.transpose(z if leave_out else _or_nan(rows, z)), (*q_shape, *shape))


@derived(np.quantile)
def quantile(a: Any, q: Any, axis: Any = None, method: str = "linear", keepdims: bool = False) -> Any:
    """The quantiles q, from 0 to 1, over ``axis``: of the shape of q followed by what is left of a's.

    ``method`` is any of NumPy's; all take one element of the sorted array, or interpolate between two neighbours.
    q has no gradient. A NaN is the result and has the gradient; equal elements share it evenly. Raises
    ``ShapeError`` where there are no elements, ``ValueError`` for q outside [0, 1] or another method.
    """
    return _quantiles(a, q, axis, "quantile", method, keepdims)


@derived(np.percentile)
def percentile(a: Any, q: Any, axis: Any = None, method: str = "linear", keepdims: bool = False) -> Any:
    """``quantile`` with q from 0 to 100."""
    return _quantiles(a, q, axis, "percentile", method, keepdims)


@derived(np.nanquantile)
def nanquantile(a: Any, q: Any, axis: Any = None, method: str = "linear", keepdims: bool = False) -> Any:
    """``quantile`` of what is not NaN; NaN, with NumPy's warning, where all are. The gradient of a NaN is 0."""
    return _nan_quantiles(a, q, axis, "quantile", method, keepdims)


@derived(np.nanpercentile)
def nanpercentile(a: Any, q: Any, axis: Any = None, method: str = "linear", keepdims: bool = False) -> Any:
    """``percentile`` of what is not NaN; NaN, with NumPy's warning, where all are. The gradient of a NaN is 0."""
    return _nan_quantiles(a, q, axis, "percentile", method, keepdims)


@derived(np.median)
def median(a: Any, axis: Any = None, keepdims: bool = False) -> Any:
    """The middle element over ``axis`` when sorted, or the mean of the two in the middle; equal elements share evenly.

    A NaN is the result and has the gradient.
    """
    rows, shape = _sorted_rows(floating(a), axis, keepdims)
    count = rows.shape[1]
    if not count:
        return np.mean(a, axis, keepdims=keepdims)  # NaN with NumPy's warning
    places = np.full((len(rows), 1), (count - 1) / 2, np.float64)
    return np.reshape(_or_nan(rows, _at(rows, places)), shape)


@derived(np.nanmedian)
def nanmedian(a: Any, axis: Any = None, keepdims: bool = False) -> Any:
    """``median`` of what is not NaN; NaN, with NumPy's warning, where all are. The gradient of a NaN is 0."""
    return _nan_quantiles(a, 0.5, axis, "quantile", "linear", keepdims)
