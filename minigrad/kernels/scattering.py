"""Sums and writes at places that an index names, once or several times."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from minigrad.core.conversion import as_array
from minigrad.core.stands import NumberStand, numpy_function

Shape = tuple[int, ...]

#: The number of elements added at a time: their places fit into the processor's cache.
CHUNK = 32768

#: Slices that are added one by one, at most, and the numbers that such a slice has at least: 30 slices of
#: 8 x 32 x 28 take 0.12 ms, where their elements took 0.55.
SLICES, LARGE = 128, 1024

#: Rows of one number that are reduced one after the other; where there are more in the mean, all are at once.
FEW = 8


def may_repeat(index: Any) -> bool:
    """Whether an index may name one element twice: ints, slices, None, ... and masks do not."""
    for item in index if isinstance(index, tuple) else (index,):
        if item is None or item is Ellipsis or isinstance(item, (int, np.integer, slice)):
            continue
        if _is_of_numbers(item) or as_array(item).dtype != bool:
            return True
    return False


def _is_of_numbers(item: Any) -> bool:
    """Whether it is a list of numbers of a step that is recorded."""
    return type(item) is list and any(isinstance(x, NumberStand) for x in item)


def positions(index: Any, shape: Shape) -> np.ndarray:
    """For each element that ``index`` reads of an array of ``shape``, its place among all elements in order."""
    numbers, row = _rows(index, shape)
    within = np.arange(math.prod(row)).reshape(row)
    return as_array(numbers.reshape(numbers.shape + (1,) * len(row)) * within.size + within) if row else numbers


def _rows(index: Any, shape: Shape) -> tuple[np.ndarray, Shape]:
    """The rows that ``index`` reads of an array of ``shape``, as their numbers, and the shape of a row.

    Integers side by side, such as x[i], x[:, i] and x[i, j], read whole rows, whose numbers are calculated;
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


def fitted(x: Any) -> Any:
    """x without axes of size 1 in front: NumPy's assignment ignores them, yet not where it reads a single element."""
    while x.ndim and x.shape[0] == 1:
        x = x[0]
    return x


def _slices(index: Any, shape: Shape) -> tuple[int, Any]:
    """The axis along which ``index`` reads a few large slices, and their numbers; None where it reads anything else."""
    items = index if isinstance(index, tuple) else (index,)
    axis = len(items) - 1
    if len(shape) < 2 or not items or not all(map(_is_all, items[:-1])) or not _holds_integers(items[-1]):
        return axis, None
    numbers = as_array(items[-1])
    large = numbers.ndim == 1 and numbers.size <= SLICES and math.prod(shape) >= LARGE * shape[axis]
    return axis, numbers.astype(np.intp, copy=False) if large else None


@numpy_function
def scatter_add(x: Any, index: Any, shape: Shape) -> Any:
    """Zeros of ``shape`` with x added at ``index``, once for each time that it names an element."""
    if x.dtype.char == "e":  # where a sum of many would stay at 2048 ones
        return scatter_add(x.astype(np.float32), index, shape).astype(x.dtype)
    z = np.zeros(shape, x.dtype)
    axis, numbers = _slices(index, shape)
    if numbers is not None:
        x = np.broadcast_to(fitted(x), (*shape[:axis], numbers.size, *shape[axis + 1 :]))
        target = np.moveaxis(z, axis, 0)
        for number, part in zip(numbers, np.moveaxis(x, axis, 0), strict=True):
            target[number] += part
    elif z.ndim == 1:
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
    step = max(1, CHUNK // max(1, within.size))
    for start in range(0, numbers.size, step):
        part = slice(start, start + step)
        places = numbers[part, None] * within.size + within
        np.add.at(z, places.reshape(-1), x[part].reshape(-1))


@numpy_function
def index_set(x: Any, value: Any, index: Any) -> Any:
    """x with ``value`` in place of its elements at ``index``."""
    z, value = np.array(x, order="C"), fitted(as_array(value))  # in this order z.reshape(-1) is z itself, not a copy
    if may_repeat(index):  # written in order, so that the last value of a repeated element stays
        places = positions(index, z.shape)
        z.reshape(-1)[places.reshape(-1)] = np.broadcast_to(value, places.shape).reshape(-1)
    else:
        z[index] = value
    return z


@numpy_function
def is_last(index: Any, shape: Shape) -> Any:
    """Which elements that an index names are not named again after it."""
    places = positions(index, shape).reshape(-1)
    last = np.empty(math.prod(shape), np.intp)
    last[places] = np.arange(places.size)
    return last[places] == np.arange(places.size)


def _by_segment(ufunc: str, x: Any, ids: Any, count: int, empty: float) -> Any:
    z = np.full((count, *x.shape[1:]), empty, x.dtype)
    if x.size:
        # Sorted, the rows of one number lie side by side and are reduced in few passes; ufunc.at takes them one by one.
        order = np.argsort(ids, kind="stable")
        ids = ids[order]
        starts = np.flatnonzero(np.concatenate(([True], ids[1:] != ids[:-1])))
        reduced = _all_at_once if starts.size * FEW < order.size else _one_more_each
        z[ids[starts]] = reduced(getattr(np, ufunc), x, order, starts)
    return z


def _all_at_once(ufunc: Any, x: Any, order: Any, starts: Any) -> Any:
    """The rows of x, in this order, reduced from each start to the next."""
    return ufunc.reduceat(x[order], starts, 0)


def _one_more_each(ufunc: Any, x: Any, order: Any, starts: Any) -> Any:
    """The same where most are few, as the words of a batch are: a pass takes one more row of each.

    ``reduceat``, which is called for each once, takes up to five times as long; what is left of many rows is its own.
    """
    lengths = np.diff(starts, append=order.size)
    longest_first = np.argsort(-lengths, kind="stable")
    starts, lengths = starts[longest_first], lengths[longest_first]
    z = x[order[starts]]
    for k in range(1, FEW):
        going = np.count_nonzero(lengths > k)
        if not going:
            break
        ufunc(z[:going], x[order[starts[:going] + k]], out=z[:going])
    going = np.count_nonzero(lengths > FEW)
    if going:
        left = lengths[:going] - FEW
        begins = np.cumsum(left) - left
        places = np.repeat(starts[:going] + FEW - begins, left) + np.arange(left.sum())
        z[:going] = ufunc(z[:going], ufunc.reduceat(x[order[places]], begins, 0))
    reduced = np.empty_like(z)
    reduced[longest_first] = z
    return reduced


@numpy_function
def reduce_segments(ufunc: str, x: Any, ids: Any, count: int, empty: float) -> Any:
    """The rows of x of each of the numbers below ``count`` reduced by a ufunc of this name; ``empty`` without rows."""
    return _by_segment(ufunc, x, ids, count, empty)


@numpy_function
def scatter_rows(x: Any, indices: Any, count: int) -> Any:
    """Rows (..., width) added up by their numbers (...) into zeros (count, width)."""
    return _by_segment("add", x.reshape(indices.size, x.shape[-1]), indices.reshape(-1), count, 0)


@numpy_function
def bincount(x: Any, weights: Any, minlength: int = 0) -> Any:
    """The sum of the weights (n,) of each of the numbers 0, 1, 2 ... that stand in x (n,), in their dtype."""
    return np.bincount(x, weights, minlength).astype(weights.dtype)
