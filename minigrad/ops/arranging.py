"""Arrays turned, rolled, tiled, repeated, put side by side, with parts inserted or left out."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.lib.array_utils import normalize_axis_index, normalize_axis_tuple

from minigrad.core.conversion import alike, as_array, detached
from minigrad.core.primitive import elementwise, moving
from minigrad.core.table import derived
from minigrad.errors import DTypeError, ShapeError
from minigrad.ops.along import given
from minigrad.ops.elementwise import astype
from minigrad.ops.indexing import getitem, put

__all__ = [
    "append", "block", "column_stack", "copy", "delete", "dstack", "flip", "fliplr", "flipud", "hstack", "insert",
    "meshgrid", "repeat", "resize", "roll", "rot90", "tile", "trim_zeros", "vstack",
]

Shape = tuple[int, ...]


# -- turned and rolled --------------------------------------------------------------------------


def _flip(m: Any, axis: Any = None) -> Any:
    return np.flip(m, axis)


flip = moving(
    _flip, lambda g, axis: np.flip(g, axis),
    numpy=(np.flip,), analytic=True, view=True,
    doc="The elements in reverse along ``axis``: an int, a tuple, or None for all axes.",
)


@derived(np.flipud)
def flipud(m: Any) -> Any:
    """The first axis in reverse. Raises ``AxisError`` for a 0-d array."""
    return np.flip(m, 0)


@derived(np.fliplr)
def fliplr(m: Any) -> Any:
    """The second axis in reverse. Raises ``AxisError`` for an array of fewer than two."""
    return np.flip(m, 1)


def _roll(a: Any, shift: Any, axis: Any = None) -> Any:
    return np.roll(a, shift, axis)


roll = moving(
    _roll, lambda g, shift, axis: np.roll(g, tuple([-s for s in np.ravel(shift)]), axis),
    numpy=(np.roll,), analytic=True,
    doc="The elements moved on by ``shift`` along ``axis`` (ints or tuples of them), what falls off coming in again.",
)


def _rot90(m: Any, k: int = 1, axes: Any = (0, 1)) -> Any:
    return np.rot90(m, k, axes)


rot90 = moving(
    _rot90, lambda g, k, axes: np.rot90(g, -k, axes),
    numpy=(np.rot90,), analytic=True, view=True,
    doc="The plane of two ``axes`` turned by ``k`` times 90 degrees, from the first axis towards the second.",
)


def _copy(a: Any, order: str = "K") -> Any:
    return as_array(a).copy(order)


copy = elementwise(
    _copy, lambda g: g,
    numpy=(np.copy,), analytic=True,
    doc="The same elements in memory of their own, in the graph; ``order`` is that of the memory, as in NumPy.",
)

# -- repeated -----------------------------------------------------------------------------------


def _tile(A: Any, reps: Any) -> Any:  # noqa: N803 - NumPy's name
    return np.tile(A, reps)


def _untile(g: Any, shape: Shape, reps: Any) -> Any:
    """The sum of the tiles."""
    reps = tuple(np.ravel(reps).tolist())
    ndim = max(len(reps), len(shape))
    reps, sides = (1,) * (ndim - len(reps)) + reps, (1,) * (ndim - len(shape)) + shape
    pairs = [size for pair in zip(reps, sides, strict=True) for size in pair]
    return np.reshape(np.sum(np.reshape(g, pairs), tuple(range(0, 2 * ndim, 2))), shape)


tile = moving(
    _tile, lambda g, A_shape, reps: _untile(g, A_shape, reps),  # noqa: N803
    numpy=(np.tile,), analytic=True, doc="The array set side by side, ``reps`` times along each axis (the last ones).",
)


def _repeat(a: Any, repeats: Any, axis: int | None = None) -> Any:
    return np.repeat(a, repeats, axis)


def _unrepeat(g: Any, shape: Shape, repeats: Any, axis: int | None) -> Any:
    """The sum of the copies of each element."""
    if axis is None or not shape:
        return np.reshape(_unrepeat(g, (math.prod(shape),), repeats, 0), shape)
    axis %= len(shape)
    if np.size(repeats) == 1:  # copies lie in blocks of one size, which a sum over an axis adds up fastest
        count = int(np.ravel(repeats)[0])
        return np.sum(np.reshape(g, (*shape[: axis + 1], count, *shape[axis + 1 :])), axis + 1)
    came_from = np.repeat(np.arange(shape[axis]), repeats)
    return put(g, (slice(None),) * axis + (came_from,), shape)


repeat = moving(
    _repeat, lambda g, a_shape, repeats, axis: _unrepeat(g, a_shape, repeats, axis),
    numpy=(np.repeat,), analytic=True,
    doc="Each element ``repeats`` times (an int, or one for each) along ``axis``; flattened first if it is None.",
)


@derived(np.resize)
def resize(a: Any, new_shape: Any) -> Any:
    """The elements in order, over and over, until ``new_shape`` is full; zeros if there are none.

    Raises ``ShapeError`` for a negative size.
    """
    a, shape = given(a), tuple(np.ravel(new_shape).tolist())
    if any(side < 0 for side in shape):
        raise ShapeError(f"resize takes sizes that are not negative, got {shape}")
    if not np.size(a):
        return np.broadcast_to(np.sum(a).astype(a.dtype), shape)  # 0, yet in a's graph
    size = math.prod(shape)
    return np.reshape(np.tile(np.ravel(a), -(-size // np.size(a)))[:size], shape)


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
    return _assembled(arrays, depth, ndim) if depth else np.copy(arrays)


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


def _assembled(blocks: Any, depth: int, ndim: int) -> Any:
    if not depth:
        return np.reshape(blocks, (1,) * (ndim - np.ndim(blocks)) + np.shape(blocks))
    return np.concatenate([_assembled(part, depth - 1, ndim) for part in blocks], -depth)


@derived(np.meshgrid)
def meshgrid(
    *xi: Any,
    copy: bool = True,  # noqa: ARG001
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

    Flattened first if ``axis`` is None. The values are cast to the dtype of ``arr``, as NumPy does.
    """
    arr = given(arr)
    if axis is None:
        arr, axis = np.ravel(arr), 0
    axis = normalize_axis_index(axis, arr.ndim)
    shape, obj = arr.shape, detached(obj)
    numbers = np.arange(shape[axis])
    count = np.insert(numbers, obj, -1).size - numbers.size
    values = astype(values, arr.dtype) if hasattr(values, "dtype") else np.asarray(values, arr.dtype)
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
    shape, places = np.shape(filt), np.argwhere(detached(filt))
    axes = range(len(shape)) if axis is None else normalize_axis_tuple(axis, len(shape))
    first, last = (places.min(0), places.max(0) + 1) if len(places) else ((0,) * len(shape),) * 2
    kept = [slice(None)] * len(shape)
    for a in axes:
        kept[a] = slice(int(first[a]) if "f" in trim else 0, int(last[a]) if "b" in trim else shape[a])
    return getitem(filt, tuple(kept))
