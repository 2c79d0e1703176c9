"""Arrays put side by side, and parts of them inserted and left out."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.lib.array_utils import normalize_axis_index, normalize_axis_tuple

from minigrad.core.conversion import alike, detached
from minigrad.core.table import derived
from minigrad.errors import DTypeError, ShapeError
from minigrad.ops.along import first_true, given, in_dtype
from minigrad.ops.elementwise import astype
from minigrad.ops.indexing import getitem

__all__ = [
    "append", "block", "column_stack", "delete", "dstack", "hstack", "insert", "meshgrid", "trim_zeros", "vstack",
]

# -- side by side -------------------------------------------------------------------------------


@derived(np.hstack)
def hstack(tup: Sequence[Any]) -> Any:
    """Arrays side by side along the second axis, or along the only one."""
    parts = [np.atleast_1d(x) for x in alike(tup)]
    return np.concatenate(parts, 0 if parts and np.ndim(parts[0]) == 1 else 1)


@derived(np.vstack)
def vstack(tup: Sequence[Any]) -> Any:
    """Arrays one above the other, along the first axis; a vector is a row."""
    return np.concatenate([np.atleast_2d(x) for x in alike(tup)], 0)


@derived(np.dstack)
def dstack(tup: Sequence[Any]) -> Any:
    """Arrays one behind the other, along the third axis, as ``atleast_3d`` makes it."""
    return np.concatenate([np.atleast_3d(x) for x in alike(tup)], 2)


@derived(np.column_stack)
def column_stack(tup: Sequence[Any]) -> Any:
    """Vectors as the columns of a matrix, matrices as they are."""
    return np.concatenate([np.reshape(x, (np.size(x), 1)) if np.ndim(x) < 2 else x for x in alike(tup)], 1)


@derived(np.append)
def append(arr: Any, values: Any, axis: int | None = None) -> Any:
    """``arr`` and after it ``values`` along ``axis``; both flattened first if it is None."""
    return np.concatenate([arr, values], axis)


@derived(np.block)
def block(arrays: Any) -> Any:
    """An array of blocks, given as nested lists: the innermost are joined along the last axis.

    Raises ``ShapeError`` for empty lists and for lists of different depths, ``DTypeError`` for tuples.
    """
    depth = _depth(arrays)
    leaves = _leaves(arrays)
    ndim = max(depth, *[np.ndim(leaf) for leaf in leaves])
    return _block_at(arrays, depth, ndim) if depth else np.copy(arrays)


def _depth(blocks: Any) -> int:
    if isinstance(blocks, tuple):
        raise DTypeError(f"block takes nested lists, got a tuple of {len(blocks)}: write a list in its place")
    if not isinstance(blocks, list):
        return 0
    depths = {_depth(part) for part in blocks}
    if len(depths) != 1:
        raise ShapeError(
            "block takes lists that are not empty and all equally deep, got "
            + (f"depths {sorted(depths)} in one list" if depths else "an empty list")
        )
    return 1 + depths.pop()


def _leaves(blocks: Any) -> list[Any]:
    return [leaf for part in blocks for leaf in _leaves(part)] if isinstance(blocks, list) else [blocks]


def _block_at(blocks: Any, depth: int, ndim: int) -> Any:
    if not depth:
        return np.reshape(blocks, (1,) * (ndim - np.ndim(blocks)) + np.shape(blocks))
    return np.concatenate([_block_at(part, depth - 1, ndim) for part in blocks], -depth)


@derived(np.meshgrid)
def meshgrid(
    *xi: Any,
    copy: bool = True,
    sparse: bool = False,
    indexing: str = "xy",
) -> tuple[Any, ...]:
    """The coordinates of a grid from those of its axes, one array for each; ``copy`` makes no difference.

    With ``sparse`` each keeps size 1 along the other axes. ``indexing`` is "ij" for axes in the order
    of the arguments, "xy" for the first two exchanged. Raises ``ShapeError`` for another.
    """
    if indexing not in ("xy", "ij"):
        raise ShapeError(f"meshgrid takes indexing='xy' or 'ij', got {indexing!r}")
    order = list(range(len(xi)))
    if indexing == "xy":
        order[:2] = order[:2][::-1]
    grids = [
        np.reshape(x, tuple([np.size(x) if axis == place else 1 for axis in range(len(xi))]))
        for x, place in zip(xi, order, strict=True)
    ]
    return tuple(grids) if sparse else tuple(np.broadcast_arrays(*grids))


# -- inserted and left out ----------------------------------------------------------------------


@derived(np.insert)
def insert(arr: Any, obj: Any, values: Any, axis: int | None = None) -> Any:
    """``arr`` with ``values`` before the places ``obj`` (an int, slice, sequence or mask) of ``axis``.

    Flattened first if ``axis`` is None. The values are cast to the dtype of ``arr``; integers hold whole numbers
    alone, which NumPy would round.
    """
    arr = given(arr)
    if axis is None:
        arr, axis = np.ravel(arr), 0
    axis = normalize_axis_index(axis, arr.ndim)
    shape, obj = arr.shape, detached(obj)
    numbers = np.arange(shape[axis])
    count = np.insert(numbers, obj, -1).size - numbers.size
    values = in_dtype(values, arr.dtype)
    values = np.reshape(values, (1,) * (len(shape) - np.ndim(values)) + np.shape(values))
    if count == 1:  # then as many as there are values go to this one place, and to an int they come axis first
        if not isinstance(obj, slice) and np.ndim(obj) == 0:
            values = np.moveaxis(values, 0, axis)
        count = np.shape(values)[axis]
    values = np.broadcast_to(values, (*shape[:axis], count, *shape[axis + 1 :]))
    order = np.insert(numbers, obj, numbers.size + np.arange(count))
    return np.take(np.concatenate([arr, values], axis), order, axis)


@derived(np.delete)
def delete(arr: Any, obj: Any, axis: int | None = None) -> Any:
    """``arr`` without the elements at ``obj`` (an int, slice, sequence or mask) along ``axis``; flattened if None."""
    if axis is None:
        arr, axis = np.ravel(arr), 0
    axis = normalize_axis_index(axis, np.ndim(arr))
    side = np.shape(arr)[axis]
    stays = np.zeros(side, bool)
    stays[np.delete(np.arange(side), detached(obj))] = True
    return np.compress(stays, arr, axis)


@derived(np.trim_zeros)
def trim_zeros(filt: Any, trim: str = "fb", axis: Any = None) -> Any:
    """Without the zeros at the front ("f") and back ("b"): without the border of zeros along ``axis`` (None: all).

    Which elements are 0 has no gradient. Raises ``ShapeError`` for another ``trim``.
    """
    trim = trim.lower()
    if trim not in ("fb", "bf", "f", "b"):
        raise ShapeError(f"trim_zeros takes trim='f', 'b' or 'fb', got {trim!r}")
    there = detached(filt) != 0
    size, parts = there.shape, [slice(None)] * there.ndim
    for a in range(there.ndim) if axis is None else normalize_axis_tuple(axis, there.ndim):
        along = there.any(tuple([other for other in range(there.ndim) if other != a]))
        first, last = first_true(along), first_true(along[::-1])
        if first is None or last is None:
            first, last = 0, size[a]
        parts[a] = slice(first if "f" in trim else 0, size[a] - last if "b" in trim else size[a])
    return getitem(filt, tuple(parts))
