"""Arrays cut into parts: each part is an index, so that its gradient goes to where it was."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np
from numpy.lib.array_utils import normalize_axis_index

from minigrad.core.table import derived
from minigrad.errors import ShapeError
from minigrad.ops.indexing import getitem

__all__ = ["array_split", "dsplit", "hsplit", "split", "unstack", "vsplit"]


@derived(np.array_split)
def array_split(ary: Any, indices_or_sections: Any, axis: int = 0) -> Any:
    """The parts of ``ary`` along ``axis``: a number of nearly equal ones, or those between the places in a sequence.

    Raises ``ShapeError`` for fewer than one part.
    """
    axis = normalize_axis_index(axis, np.ndim(ary))
    side = np.shape(ary)[axis]
    if np.ndim(indices_or_sections):
        cuts = [0, *indices_or_sections, side]
    else:
        parts = int(indices_or_sections)
        if parts < 1:
            raise ShapeError(f"an array is split into at least 1 part, got {parts}")
        size, larger = divmod(side, parts)  # the first ones are larger by one
        return _between(ary, axis, [part * size + min(part, larger) for part in range(parts + 1)])
    before = (slice(None),) * axis
    return [getitem(ary, (*before, slice(start, end))) for start, end in itertools.pairwise(cuts)]


#: The adjoint of an index is an array as large as what it reads from, so of more parts the halves are read first:
#: n log n in place of n squared.
_FEW = 8


def _between(x: Any, axis: int, cuts: list[int]) -> list[Any]:
    """The parts of x along ``axis`` between these places, which are in order."""
    before, count = (slice(None),) * axis, len(cuts) - 1
    if count <= _FEW:
        return [getitem(x, (*before, slice(start, end))) for start, end in itertools.pairwise(cuts)]
    halves = cuts[: count // 2 + 1], cuts[count // 2 :]
    parts = [(getitem(x, (*before, slice(half[0], half[-1]))), half) for half in halves]
    return [piece for part, half in parts for piece in _between(part, axis, [cut - half[0] for cut in half])]


@derived(np.split)
def split(ary: Any, indices_or_sections: Any, axis: int = 0) -> Any:
    """As ``array_split``, with parts of one size. Raises ``ShapeError`` if the axis does not divide evenly."""
    if not np.ndim(indices_or_sections):
        side = np.shape(ary)[normalize_axis_index(axis, np.ndim(ary))]
        if indices_or_sections > 0 and side % indices_or_sections:
            raise ShapeError(
                f"an axis of size {side} is not split into {indices_or_sections} equal parts: write mg.array_split "
                "for parts that differ by one"
            )
    return array_split(ary, indices_or_sections, axis)


def _along(name: str, ary: Any, indices_or_sections: Any, axis: int, ndim: int) -> Any:
    if np.ndim(ary) < ndim:
        raise ShapeError(f"{name} takes an array of at least {ndim} axes, got shape {np.shape(ary)}")
    return split(ary, indices_or_sections, axis)


@derived(np.hsplit)
def hsplit(ary: Any, indices_or_sections: Any) -> Any:
    """``split`` along the second axis, or along the only one."""
    return _along("hsplit", ary, indices_or_sections, 1 if np.ndim(ary) > 1 else 0, 1)


@derived(np.vsplit)
def vsplit(ary: Any, indices_or_sections: Any) -> Any:
    """``split`` along the first axis of an array with at least two."""
    return _along("vsplit", ary, indices_or_sections, 0, 2)


@derived(np.dsplit)
def dsplit(ary: Any, indices_or_sections: Any) -> Any:
    """``split`` along the third axis."""
    return _along("dsplit", ary, indices_or_sections, 2, 3)


@derived(*([np.unstack] if hasattr(np, "unstack") else []))  # new in NumPy 2.1
def unstack(x: Any, /, *, axis: int = 0) -> tuple[Any, ...]:
    """The parts of x along ``axis``, without it: the inverse of ``stack``. Raises ``ShapeError`` for a 0-d array."""
    if not np.ndim(x):
        raise ShapeError("unstack takes an array of at least one axis, got a single number")
    axis = normalize_axis_index(axis, np.ndim(x))
    before, side = (slice(None),) * axis, np.shape(x)[axis]
    blocks = _between(x, axis, [*range(0, side, _FEW), side]) if side > _FEW else [x]
    return tuple([getitem(block, (*before, i)) for block in blocks for i in range(np.shape(block)[axis])])
