"""The methods of ufuncs: ``np.add.reduce``, ``accumulate``, ``reduceat``, ``outer`` and ``at``, of every ufunc.

Those with an op of their own are that op; of the others the elements are taken in turn.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.lib.array_utils import normalize_axis_index, normalize_axis_tuple

from minigrad.core.conversion import alike, as_array, detached
from minigrad.core.inplace import cast_into, write_at
from minigrad.core.members import anywhere
from minigrad.core.numpy_protocol import name_of
from minigrad.core.table import ufunc_methods, with_options
from minigrad.errors import AxisError, ShapeError, UnsupportedError
from minigrad.ops import scans
from minigrad.ops.along import given, part, summable
from minigrad.ops.gathering import index_add, index_set
from minigrad.ops.indexing import getitem
from minigrad.ops.reductions import logsumexp
from minigrad.ops.segments import segment_sum

Known = Callable[..., Any]

#: NumPy's function that is this ufunc's reduction; the order of the elements does not matter in any.
_REDUCTIONS: dict[np.ufunc, Any] = {
    np.add: np.sum, np.multiply: np.prod, np.maximum: np.max, np.minimum: np.min, np.fmax: np.nanmax,
    np.fmin: np.nanmin, np.logaddexp: logsumexp,
}
_SCANS: dict[np.ufunc, Any] = {
    np.add: np.cumsum, np.multiply: np.cumprod, np.maximum: scans.cummax, np.minimum: scans.cummin,
    np.logaddexp: scans.logcumsumexp,
}


def _method(function: Callable[..., Any]) -> Callable[..., Any]:
    ufunc_methods[function.__name__] = function
    return function


def _rows(a: Any, axis: int) -> list[Any]:
    """The parts of a along an axis, from first to last."""
    before = (slice(None),) * axis
    return [getitem(a, (*before, number)) for number in range(a.shape[axis])]


def _pairs_only(ufunc: np.ufunc, method: str) -> None:
    if (ufunc.nin, ufunc.nout, ufunc.signature) != (2, 1, None):
        raise UnsupportedError(f"{name_of(ufunc)}.{method} is not defined: it is of functions of two elements")


@_method
def reduce(
    ufunc: np.ufunc, known: Known, array: Any, axis: Any = 0, dtype: Any = None, out: None = None,
    keepdims: bool = False, initial: Any = None, where: Any = True,
) -> Any:
    """The elements along ``axis`` taken together by the ufunc, one after the other."""
    del out  # written by who calls
    _pairs_only(ufunc, "reduce")
    a = given(array)
    axis = normalize_axis_tuple(range(a.ndim) if axis is None else axis if a.ndim else (), a.ndim)
    options = {name: value for name, value in (("dtype", dtype), ("initial", initial)) if value is not None}
    if where is not True:
        options["where"] = where
    whole = _REDUCTIONS.get(ufunc)
    if whole is not None and (whole is not logsumexp or not options):
        return whole(a, axis=axis, keepdims=keepdims, **options)
    a = a if dtype is None else a.astype(dtype)
    if len(axis) != 1 or where is not True:
        raise UnsupportedError(
            f"{name_of(ufunc)}.reduce takes one axis, and no where=, for tensors: its order matters; write a loop "
            "over the elements, or leave the graph on purpose with x.data"
        )
    rows = _rows(a, axis[0])
    if initial is not None:
        rows = [initial, *rows]
    if not rows:
        raise ShapeError(f"{name_of(ufunc)}.reduce of no elements needs initial=; got shape {a.shape}")
    z = functools.reduce(known, rows)
    return np.expand_dims(z, axis) if keepdims else z


@_method
def accumulate(
    ufunc: np.ufunc, known: Known, array: Any, axis: int = 0, dtype: Any = None, out: None = None
) -> Any:
    """The results of ``reduce`` on the first 1, 2, 3, ... elements along ``axis``."""
    del out
    _pairs_only(ufunc, "accumulate")
    a = given(array) if dtype is None else given(array).astype(dtype)
    if not a.ndim:
        raise AxisError(f"{name_of(ufunc)}.accumulate goes along an axis, and a single number has none")
    axis = normalize_axis_index(axis, a.ndim)
    if ufunc in _SCANS:
        return _SCANS[ufunc](a, axis)
    rows: list[Any] = []
    for row in _rows(a, axis):
        rows.append(known(rows[-1], row) if rows else row)
    return np.stack(rows, axis) if rows else a


@_method
def reduceat(
    ufunc: np.ufunc, known: Known, array: Any, indices: Any, axis: int = 0, dtype: Any = None, out: None = None
) -> Any:
    """``reduce`` on the slices between each index and the next; where the next is no larger, the element there."""
    del out
    _pairs_only(ufunc, "reduceat")
    a = given(array) if dtype is None else given(array).astype(dtype)
    axis = normalize_axis_index(axis, a.ndim)
    starts = as_array(detached(indices)).astype(np.intp, copy=False)
    count = a.shape[axis]
    if starts.ndim != 1 or anywhere((starts < 0) | (starts >= count)):
        raise IndexError(f"reduceat takes a vector of indices from 0 to {count - 1}, got {starts!r:.60}")
    stops = np.append(starts[1:], count)
    stops = np.where(stops > starts, stops, starts + 1)
    if ufunc is np.add and len(starts):  # one pass, however many slices
        lengths = stops - starts
        segments = np.repeat(np.arange(len(starts)), lengths)
        places = np.arange(len(segments)) - np.repeat(np.cumsum(lengths) - lengths - starts, lengths)
        rows = np.moveaxis(np.take(summable(a), places, axis), axis, 0)
        return np.moveaxis(segment_sum(rows, segments, len(starts)), 0, axis)
    slices = [part(a, axis, int(first), int(last)) for first, last in zip(starts, stops, strict=True)]
    return np.stack([reduce(ufunc, known, each, axis) for each in slices], axis)


@_method
def outer(ufunc: np.ufunc, known: Known, *inputs: Any, **options: Any) -> Any:
    """The ufunc of every element of the first with every element of the second: shape ``A.shape + B.shape``."""
    _pairs_only(ufunc, "outer")
    a, b = alike(inputs)  # numbers of Python's promote nothing, and lose no digits
    a = np.reshape(a, a.shape + (1,) * b.ndim)
    return with_options[np.ufunc](ufunc, known, a, b, **options) if options else known(a, b)


@_method
def at(ufunc: np.ufunc, known: Known, a: Any, indices: Any, *b: Any) -> None:
    """``a[indices] = ufunc(a[indices], b)`` in place, once for each time that an element is named."""
    if not hasattr(a, "_node"):
        raise UnsupportedError(
            f"{name_of(ufunc)}.at into a plain array would lose the gradient: write mg.zeros(shape) for the "
            "array, a tensor that is written in place, or leave the graph on purpose with x.data"
        )
    index = detached(indices)
    if ufunc in (np.add, np.subtract):
        value = np.negative(b[0]) if ufunc is np.subtract else b[0]
        write_at(a, ..., index_add(a, index, cast_into(value, a.dtype)))
        return
    places = np.ravel(np.arange(a.size).reshape(a.shape)[index])
    operands = [np.ravel(np.broadcast_to(x, np.shape(getitem(a, index)))) for x in b]
    flat = np.reshape(a, -1)
    for turn in _turns(places):
        new = known(getitem(flat, places[turn]), *[getitem(x, turn) for x in operands])
        flat = index_set(flat, places[turn], new)
    write_at(a, ..., np.reshape(flat, a.shape))


def _turns(places: np.ndarray) -> Sequence[np.ndarray]:
    """Which of the places come first, second, ... among their equals: in each turn none comes twice."""
    order = np.argsort(places, kind="stable")
    ordered = places[order]
    first = np.flatnonzero(np.append(True, ordered[1:] != ordered[:-1])[: len(order)])
    number = np.arange(len(order)) - np.repeat(first, np.diff(np.append(first, len(order))))
    return [order[number == turn] for turn in range(int(number.max(initial=-1)) + 1)]
