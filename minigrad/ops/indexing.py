"""Indexing by anything NumPy accepts, and its adjoint: ``getitem`` reads, ``put`` adds up what was read."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from minigrad.core.conversion import as_array, numpy_function, zeros
from minigrad.core.primitive import routing
from minigrad.core.table import Primitive

__all__ = ["getitem", "put"]

Shape = tuple[int, ...]

#: So many elements are added at a time: their places fit into the processor's cache.
_CHUNK = 32768


def _getitem(x: Any, index: Any) -> Any:
    return as_array(x)[index]


def may_repeat(index: Any) -> bool:
    """Whether an index may name one element twice: ints, slices, None, ... and masks do not."""
    for item in index if isinstance(index, tuple) else (index,):
        if item is None or item is Ellipsis or isinstance(item, (int, np.integer, slice)):
            continue
        if as_array(item).dtype != bool:
            return True
    return False


def positions(index: Any, shape: Shape) -> np.ndarray:
    """For each element that ``index`` reads of an array of ``shape``, its place among all elements in order."""
    numbers, row = _rows(index, shape)
    within = np.arange(math.prod(row)).reshape(row)
    return as_array(numbers.reshape(numbers.shape + (1,) * len(row)) * within.size + within) if row else numbers


def _rows(index: Any, shape: Shape) -> tuple[np.ndarray, Shape]:
    """What ``index`` reads of an array of ``shape``, as the numbers of its rows, and the shape of a row.

    Integers side by side, such as x[i], x[:, i] and x[i, j], read whole rows, of which the numbers are calculated;
    of a large array that is much less than to number all of its elements. Else a row is a single element.
    """
    items = index if isinstance(index, tuple) else (index,)
    start = 0
    while start < len(items) and _is_all(items[start]):
        start += 1
    end = start
    while end < len(items) and _holds_integers(items[end]):
        end += 1
    if start == end or not all(map(_is_all, items[end:])):
        return as_array(np.arange(math.prod(shape)).reshape(shape)[index]), ()
    numbers: Any = 0
    for item, side in zip(items[start:end], shape[start:end], strict=True):
        numbers = numbers * side + _from_start(as_array(item), side)
    if start:
        before = np.arange(math.prod(shape[:start])) * math.prod(shape[start:end])
        numbers = before.reshape(shape[:start] + (1,) * np.ndim(numbers)) + numbers
    return as_array(numbers), shape[end:]


def _from_start(item: Any, side: int) -> Any:
    """Integers that index an axis, counted from its start. Raises ``IndexError`` for one out of range."""
    return np.arange(side)[item.astype(np.intp, copy=False)]


def _is_all(item: Any) -> bool:
    return isinstance(item, slice) and item == slice(None)


def _holds_integers(item: Any) -> bool:
    if item is None or item is Ellipsis or isinstance(item, (bool, np.bool_, slice)):
        return False
    item = as_array(item)
    return item.dtype.kind in "iu" or item.shape == (0,)  # an empty list is an array of floats


def _put(x: Any, index: Any, shape: Shape) -> Any:
    if may_repeat(index):
        return _scattered(x, index, shape)
    z = zeros(shape, x)
    z[index] = fitted(x)
    return z


@numpy_function
def _scattered(x: Any, index: Any, shape: Shape) -> Any:
    z = np.zeros(shape, x.dtype)
    if z.ndim == 1:
        np.add.at(z, index, fitted(x))  # z[index] += x would lose all but one of repeated elements
    else:
        numbers, row = _rows(index, z.shape)
        x = np.broadcast_to(fitted(x), numbers.shape + row)
        _add_rows(z.reshape(-1), numbers.reshape(-1), x.reshape(numbers.size, math.prod(row)))
    return z


def _add_rows(z: np.ndarray, numbers: np.ndarray, x: np.ndarray) -> None:
    """Add each row of x to the row of z, flattened, that has its number.

    np.add.at is fast where it adds single elements along one axis, so the rows are taken apart, a few at a time: the
    places of all their elements would be a second x, in memory that is slow to get.
    """
    within = np.arange(x.shape[1])
    step = max(1, _CHUNK // max(1, within.size))
    for start in range(0, numbers.size, step):
        part = slice(start, start + step)
        places = numbers[part, None] * within.size + within
        np.add.at(z, places.reshape(-1), x[part].reshape(-1))


def fitted(x: Any) -> Any:
    """x without axes of size 1 in front: NumPy's assignment ignores them, yet not where it reads a single element."""
    while x.ndim and x.shape[0] == 1:
        x = x[0]
    return x


def refitted(g: Any, x_shape: Shape) -> Any:
    """What an index read of a gradient, with the axes of size 1 that ``fitted`` took off."""
    extra = len(x_shape) - len(g.shape)
    return np.reshape(g, (1,) * extra + g.shape) if extra > 0 else g


getitem: Primitive = routing(
    _getitem, lambda g, x_shape, index: put(g, index, x_shape),
    analytic=True, view=True, doc="x[index]: ints, slices, None, ..., arrays of ints or bools, and tuples of them.",
)
put: Primitive = routing(
    _put, lambda g, index, x_shape: refitted(g[index], x_shape),
    analytic=True, doc="Zeros of ``shape`` with x added at ``index``: the adjoint of ``getitem``.",
)
