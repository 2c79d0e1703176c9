"""Where a step puts something, by numbers that it computes: ``hist[n] = loss.item()``, ``queue[at : at + 8] = z``.

NumPy takes such numbers from Python one by one. As arrays they are indices that a program reads in each run. That is
right for writes, and for reads of one element: a slice gives a view, an index array a copy.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from minigrad.core.stands import NumberStand
from minigrad.core.trees import mapped_all


def put(array: Any, index: Any, item: Any) -> tuple[Any, Any]:
    """The index and the item of ``array[index] = item``, with arrays in the places of numbers."""
    items = index if isinstance(index, tuple) else (index,)
    spans = [i for i, x in enumerate(items) if isinstance(x, slice) and _is_number(x.start) and _is_number(x.stop)]
    others = [x for i, x in enumerate(items) if i not in spans]
    if len(spans) == 1 and (all(map(_is_slice, others)) or all(map(_is_whole, others))):
        at = spans[0]
        items = (*items[:at], _span(items[at], array.shape[at]), *items[at + 1 :])
    return mapped_all(arrayed, items if isinstance(index, tuple) else items[0]), mapped_all(arrayed, item)


def read(array: Any, index: Any) -> Any:
    """The index of ``array[index]``, with arrays in the places of numbers if it reads one element."""
    items = index if isinstance(index, tuple) else (index,)
    if len(items) != array.ndim or not all(map(_is_whole, items)) or not any(isinstance(x, NumberStand) for x in items):
        return index
    return tuple(map(arrayed, items))


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


def _is_number(x: Any) -> bool:
    return isinstance(x, (NumberStand, int)) and not isinstance(x, bool)


def _is_slice(x: Any) -> bool:
    return isinstance(x, slice) and not any(isinstance(part, NumberStand) for part in (x.start, x.stop, x.step))


def _is_whole(x: Any) -> bool:
    if getattr(x, "shape", None) == ():
        return bool(x.dtype.kind in "iu")
    return isinstance(x, int) and not isinstance(x, bool)


def _span(x: slice, length: int) -> Any:
    """The places of a slice whose length stays, as an array; in each run it must lie within the axis."""
    start, stop = x.start, x.stop
    numbers = [part for part in (start, stop) if isinstance(part, NumberStand)]
    if x.step not in (None, 1) or not numbers:
        return x
    count = numbers[0].recorded_bound(lambda: _length(start, stop, length))
    return x if count is None else start + np.arange(count)


def _length(start: Any, stop: Any, length: int) -> int | None:
    """The decisions of Python by which a slice is what it is."""
    if not (start >= 0 and stop <= length):
        return None
    difference = stop - start
    count = next((n for n in range(length + 1) if getattr(difference, "real_number", difference) == n), None)
    return count if count is not None and difference == count else None
