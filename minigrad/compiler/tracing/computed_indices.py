"""Where a step puts something, by numbers that it computes: ``hist[n] = loss.item()``, ``queue[at : at + 8] = z``.

NumPy takes such numbers from Python one by one. As arrays they are indices that a program reads in each run. That is
right for writes, and for reads of one element. A slice or a row is a view as it is written, and with an array of places
a copy: so it may not be read after a write, see ``copied_parts``.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from minigrad.core.stands import NumberStand, Stand
from minigrad.core.trees import flat, mapped_all


def put(array: Any, index: Any, item: Any) -> tuple[Any, Any]:
    """The index and the item of ``array[index] = item``, with arrays in the places of numbers."""
    return mapped_all(arrayed, placed(array.shape, index)), mapped_all(arrayed, item)


def read(array: Any, index: Any) -> tuple[Any, bool]:
    """The index of ``array[index]``, with arrays in the places of numbers, and whether it copies a part, not a view."""
    items = index if isinstance(index, tuple) else (index,)
    if not any(map(_has_numbers, items)):
        return index, False
    new = placed(array.shape, index)
    items = new if isinstance(new, tuple) else (new,)
    if any(isinstance(x, slice) and _has_numbers(x) for x in items):
        return new, False  # as it is written
    is_one = len(items) == array.ndim and all(map(_is_whole, items))
    return mapped_all(arrayed, new), not is_one


def placed(shape: tuple[int, ...], index: Any) -> Any:
    """An index with arrays of places for slices whose bounds are numbers of the step; the very index if it cannot be.

    Several of them lie beside each other, and each array has the axes of the others, as ``np.ix_`` makes them.
    """
    items = index if isinstance(index, tuple) else (index,)
    items = tuple([_numbered(x) for x in items])
    spans = [i for i, x in enumerate(items) if isinstance(x, slice) and _has_numbers(x)]
    several = [i for i, x in enumerate(items) if i in spans or _is_whole(x)]
    others = [x for i, x in enumerate(items) if i not in several]
    wide = [i for i, x in enumerate(items) if x is Ellipsis]
    beside = several == list(range(several[0], several[-1] + 1)) if several else True
    if not (all(x is Ellipsis or _is_slice(x) for x in others) and len(wide) <= 1 and beside) and spans:
        return index
    new = list(items)
    for number, i in enumerate(spans):
        axis = i if not wide or i < wide[0] else len(shape) - len(items) + i
        part = _span(items[i], shape[axis])
        if part is None:
            return index
        new[i] = part if isinstance(part, slice) else part.reshape(-1, *[1] * (len(spans) - 1 - number))
    return tuple(new) if isinstance(index, tuple) else new[0]


def _has_numbers(x: Any) -> bool:
    """Whether a part of an index is, or has, a number that the step computes, draws or counts."""
    parts = (x.start, x.stop, x.step) if isinstance(x, slice) else x if type(x) is list else (x,)
    return any(isinstance(part, NumberStand) or (isinstance(x, slice) and _is_drawn(part)) for part in parts)


def _is_drawn(x: Any) -> bool:
    return isinstance(x, Stand) and x.batch is None and np.shape(x.array) == () and np.result_type(x.array).kind in "iu"


def _numbered(x: Any) -> Any:
    """A part of an index with numbers of Python's for what is drawn or computed, as NumPy takes them."""
    if isinstance(x, slice) and _has_numbers(x):
        return slice(*[part.item() if _is_drawn(part) else part for part in (x.start, x.stop, x.step)])
    return stacked(x) if type(x) is list and _has_numbers(x) else x


def arrayed(x: Any) -> Any:
    """A number of the step as an array, a tensor without a graph as its array, anything else as it is."""
    if isinstance(x, NumberStand):
        return x.arrayed()
    return x._array if getattr(x, "_node", True) is None else x


def stacked(x: Any, dtype: Any = None) -> Any:
    """``np.array(x)`` of recorded arrays and numbers, in lists."""
    if isinstance(x, (list, tuple)):
        x = np.stack([stacked(item) for item in x])
    return arrayed(x) if dtype is None else arrayed(x).astype(dtype)


def has_stands(x: Any) -> bool:
    """Whether there are recorded arrays or numbers in it."""
    return any(isinstance(item, (Stand, NumberStand)) for item in flat(x))


def joined(x: Any) -> Any:
    """A number of the step, or a list with such, as a recorded array; of a list of arrays each."""
    if not isinstance(x, (list, tuple)):
        return arrayed(x)
    if any(getattr(item, "shape", ()) for item in x if hasattr(item, "dtype") and not _is_number(item)):
        return [joined(item) if has_stands(item) else item for item in x]
    return stacked(x)


def _is_number(x: Any) -> bool:
    return isinstance(x, (NumberStand, int, np.integer)) and not isinstance(x, bool)


def _is_slice(x: Any) -> bool:
    return isinstance(x, slice) and not any(isinstance(part, NumberStand) for part in (x.start, x.stop, x.step))


def _is_whole(x: Any) -> bool:
    if getattr(x, "shape", None) == ():
        return bool(x.dtype.kind in "iu")
    return isinstance(x, int) and not isinstance(x, bool)


def _span(x: slice, length: int) -> Any:
    """The places of a slice whose length stays, as an array or a slice; None if it has a step, or lies outside."""
    start, stop = 0 if x.start is None else x.start, length if x.stop is None else x.stop
    if x.step not in (None, 1) or not (_is_number(start) and _is_number(stop)):
        return None
    number = next(part for part in (start, stop) if isinstance(part, NumberStand))
    bounds = number.recorded_bound(lambda: _bounds(start, stop, length))
    if bounds is None:
        return None
    start, count = bounds
    return start + np.arange(count) if isinstance(start, NumberStand) else slice(start, start + count)


def _bounds(start: Any, stop: Any, length: int) -> tuple[Any, int] | None:
    """Where a slice begins and how long it is, by decisions of Python."""
    start, stop = (_within(x, length) for x in (start, stop))
    if start is None or stop is None:
        return None
    difference = stop - start
    if not isinstance(difference, NumberStand):
        return start, max(difference, 0)
    return start, max(difference.decided(), 0)


def _within(x: Any, length: int) -> Any:
    if x < 0:
        x = x + length
        if x < 0:
            return None
    return min(x, length)
