"""Arrays turned, rolled, tiled, repeated, put side by side, with parts inserted or left out."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from minigrad.core.conversion import as_array
from minigrad.core.primitive import elementwise, moving
from minigrad.core.table import derived
from minigrad.errors import ShapeError
from minigrad.ops.along import given, narrowed, widened
from minigrad.ops.indexing import put

__all__ = ["copy", "flip", "fliplr", "flipud", "repeat", "resize", "roll", "rot90", "tile"]

Shape = tuple[int, ...]


# -- turned and rolled --------------------------------------------------------------------------


flip = moving(
    lambda m, axis=None: np.flip(m, axis), lambda g, axis: np.flip(g, axis),
    name="flip", numpy=(np.flip,), analytic=True, view=True,
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


roll = moving(
    lambda a, shift, axis=None: np.roll(a, shift, axis),
    lambda g, shift, axis: np.roll(g, tuple([-s for s in np.ravel(shift)]), axis),
    name="roll", numpy=(np.roll,), analytic=True,
    doc="The elements moved on by ``shift`` along ``axis`` (ints or tuples of them), what falls off coming in again.",
)


rot90 = moving(
    lambda m, k=1, axes=(0, 1): np.rot90(m, k, axes), lambda g, k, axes: np.rot90(g, -k, axes),
    name="rot90", numpy=(np.rot90,), analytic=True, view=True,
    doc="The plane of two ``axes`` turned by ``k`` times 90 degrees, from the first axis towards the second.",
)


copy = elementwise(
    lambda a, order="K": as_array(a).copy(order), lambda g: g,
    name="copy", numpy=(np.copy,), analytic=True,
    doc="The same elements in memory of their own, in the graph; ``order`` is that of the memory, as in NumPy.",
)

# -- repeated -----------------------------------------------------------------------------------


def _untile(g: Any, shape: Shape, reps: Any) -> Any:
    """The sum of the tiles."""
    reps = tuple(np.ravel(reps).tolist())
    ndim = max(len(reps), len(shape))
    reps, sides = (1,) * (ndim - len(reps)) + reps, (1,) * (ndim - len(shape)) + shape
    pairs = [size for pair in zip(reps, sides, strict=True) for size in pair]
    sums = np.sum(np.reshape(widened(g), pairs), tuple(range(0, 2 * ndim, 2)))  # float16 stays at 2048 ones
    return np.reshape(narrowed(sums, g), shape)


tile = moving(
    lambda A, reps: np.tile(A, reps), lambda g, A_shape, reps: _untile(g, A_shape, reps),
    name="tile",
    numpy=(np.tile,), analytic=True, doc="The array set side by side, ``reps`` times along each axis (the last ones).",
)


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
    lambda a, repeats, axis=None: np.repeat(a, repeats, axis),
    lambda g, a_shape, repeats, axis: _unrepeat(g, a_shape, repeats, axis),
    name="repeat", numpy=(np.repeat,), analytic=True,
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
