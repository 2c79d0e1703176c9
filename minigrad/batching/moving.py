"""Rules for functions that move elements: the batch axis stays in front, and a member's axes follow it."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.lib.array_utils import normalize_axis_tuple
from numpy.lib.stride_tricks import sliding_window_view

from minigrad.batching.reductions import from_end
from minigrad.batching.rules import aligned, composed, made, mine, rule
from minigrad.core.batches import Batch

Shape = tuple[int, ...]


def physical(batch: Batch, x: Any) -> Any:
    """The arrays of all members along a first axis; an array that is the same for all is repeated for each."""
    return x.array if mine(batch, x) else np.broadcast_to(x, (batch.size, *np.shape(x)))


# -- shapes ---------------------------------------------------------------------------------------


def _full_shape(shape: Any, size: int) -> Shape:
    """A shape with a number in place of -1."""
    sizes = (shape,) if isinstance(shape, (int, np.integer)) else tuple(shape)
    if -1 not in sizes:
        return sizes
    others = math.prod([side for side in sizes if side != -1])
    if sizes.count(-1) > 1 or not others or size % others:
        return sizes  # NumPy says what is wrong
    return tuple([size // others if side == -1 else side for side in sizes])


@rule(np.reshape)
def _reshape(batch: Batch, a: Any, shape: Any = None, order: str = "C", **options: Any) -> Any:
    shape = options.pop("newshape", shape)
    if not mine(batch, a) or order not in ("C", "A") or options:
        return NotImplemented
    sizes = _full_shape(shape, a.size)
    if -1 in sizes or math.prod(sizes) != a.size:
        np.reshape(np.broadcast_to(np.empty(()), a.shape), shape)  # raises what a member would
    return made(batch, np.reshape(a.array, (batch.size, *sizes)))


@rule(np.ravel)
def _ravel(batch: Batch, a: Any, order: str = "C") -> Any:
    return _reshape(batch, a, -1, order)


@rule(np.transpose)
def _transpose(batch: Batch, a: Any, axes: Any = None) -> Any:
    order = tuple(range(a.ndim))[::-1] if axes is None else normalize_axis_tuple(tuple(axes), a.ndim)
    return made(batch, np.transpose(a.array, (0, *[axis + 1 for axis in order])))


@rule(np.swapaxes)
def _swapaxes(batch: Batch, a: Any, axis1: int, axis2: int) -> Any:
    return made(batch, np.swapaxes(a.array, from_end(axis1, a.ndim), from_end(axis2, a.ndim)))


@rule(np.moveaxis)
def _moveaxis(batch: Batch, a: Any, source: Any, destination: Any) -> Any:
    return made(batch, np.moveaxis(a.array, from_end(source, a.ndim), from_end(destination, a.ndim)))


composed(np.rollaxis, np.matrix_transpose, np.linalg.matrix_transpose)


@rule(np.squeeze)
def _squeeze(batch: Batch, a: Any, axis: Any = None) -> Any:
    axes = (
        tuple([n - a.ndim for n, side in enumerate(a.shape) if side == 1]) if axis is None else from_end(axis, a.ndim)
    )
    return made(batch, np.squeeze(a.array, axes))


@rule(np.expand_dims)
def _expand_dims(batch: Batch, a: Any, axis: Any) -> Any:
    axes = tuple(axis) if np.iterable(axis) else (axis,)
    return made(batch, np.expand_dims(a.array, from_end(axes, a.ndim + len(axes))))


def _at_least(count: int) -> Callable[..., Any]:
    """np.atleast_1d and its like, for one array or several."""

    def answer(batch: Batch, *arrays: Any) -> Any:
        results = tuple([_one(batch, x, count) for x in arrays])
        return results[0] if len(results) == 1 else results

    return answer


def _one(batch: Batch, x: Any, count: int) -> Any:
    if not mine(batch, x):
        return (np.atleast_1d, np.atleast_2d, np.atleast_3d)[count - 1](x)
    places = {
        (1, 0): (None,),
        (2, 0): (None, None),
        (2, 1): (None, ...),
        (3, 0): (None, None, None),
        (3, 1): (None, ..., None),
        (3, 2): (..., None),
    }
    return x[places[count, x.ndim]] if x.ndim < count else x


rule(np.atleast_1d)(_at_least(1))
rule(np.atleast_2d)(_at_least(2))
rule(np.atleast_3d)(_at_least(3))


@rule(np.broadcast_to)
def _broadcast_to(batch: Batch, array: Any, shape: Any, **_subok: bool) -> Any:
    sizes = (shape,) if isinstance(shape, (int, np.integer)) else tuple(shape)
    members = aligned(batch, (array,), len(sizes))[0]
    return made(batch, np.broadcast_to(members, (batch.size, *sizes)))


composed(np.broadcast_arrays)

# -- several arrays -------------------------------------------------------------------------------


@rule(np.concatenate)
def _concatenate(batch: Batch, arrays: Any, axis: Any = 0, out: Any = None, **options: Any) -> Any:
    if out is not None:
        return NotImplemented
    items = [x if hasattr(x, "ndim") else np.asarray(x) for x in arrays]
    if axis is None:
        items, axis = [np.ravel(x) for x in items], 0
    axis = from_end(axis, items[0].ndim)
    return made(batch, np.concatenate([physical(batch, x) for x in items], axis, **options))


@rule(np.stack)
def _stack(batch: Batch, arrays: Any, axis: int = 0, out: Any = None, **options: Any) -> Any:
    if out is not None:
        return NotImplemented
    items = [x if hasattr(x, "ndim") else np.asarray(x) for x in arrays]
    axis = from_end(axis, items[0].ndim + 1)
    return made(batch, np.stack([physical(batch, x) for x in items], axis, **options))


composed(np.vstack, np.hstack, np.dstack, np.column_stack)


def _parts(function: Any, axis_of: Callable[[Any], int] | None) -> Callable[..., Any]:
    """np.split and its like: of an array with the batch axis in front."""

    def answer(batch: Batch, ary: Any, indices_or_sections: Any, axis: int = 0) -> Any:
        axis = axis if axis_of is None else axis_of(ary)
        return made(batch, function(ary.array, indices_or_sections, from_end(axis, ary.ndim)))

    return answer


rule(np.split)(_parts(np.split, None))
rule(np.array_split)(_parts(np.array_split, None))
rule(np.vsplit)(_parts(np.split, lambda _: 0))
rule(np.hsplit)(_parts(np.split, lambda a: 0 if a.ndim == 1 else 1))
rule(np.dsplit)(_parts(np.split, lambda _: 2))


if hasattr(np, "unstack"):  # new in NumPy 2.1
    composed(np.unstack)

# -- places -----------------------------------------------------------------------------------------


@rule(np.roll)
def _roll(batch: Batch, a: Any, shift: Any, axis: Any = None) -> Any:
    if not mine(batch, a) or mine(batch, shift):
        return NotImplemented
    if axis is None:
        return np.reshape(np.roll(np.ravel(a), shift, 0), a.shape)
    return made(batch, np.roll(a.array, shift, from_end(axis, a.ndim)))


@rule(np.repeat)
def _repeat(batch: Batch, a: Any, repeats: Any, axis: int | None = None) -> Any:
    if not mine(batch, a) or mine(batch, repeats):
        return NotImplemented
    if axis is None:
        a, axis = np.ravel(a), 0
    return made(batch, np.repeat(a.array, repeats, from_end(axis, a.ndim)))


@rule(np.tile)
def _tile(batch: Batch, a: Any, reps: Any) -> Any:
    times = tuple(reps) if isinstance(reps, (tuple, list)) else (reps,)
    ndim = max(len(times), a.ndim)
    members = aligned(batch, (a,), ndim)[0]
    return made(batch, np.tile(members, (1, *(1,) * (ndim - len(times)), *times)))


def _pairs(width: Any, ndim: int) -> Any:
    """A width of padding as NumPy takes it, with none for the batch axis."""
    if isinstance(width, dict):
        named = {axis % ndim: value for axis, value in width.items()}
        width = [named.get(axis, (0, 0)) for axis in range(ndim)]
        width = [value if isinstance(value, (tuple, list)) else (value, value) for value in width]
    return [(0, 0), *np.broadcast_to(np.asarray(width), (ndim, 2)).tolist()]


@rule(np.pad)
def _pad(batch: Batch, array: Any, pad_width: Any, mode: Any = "constant", **options: Any) -> Any:
    numbers = [options[name] for name in ("constant_values", "end_values", "stat_length") if name in options]
    simple = all(isinstance(value, (int, float)) for value in numbers)
    if not mine(batch, array) or callable(mode) or not simple or not array.ndim:
        return NotImplemented
    return made(batch, np.pad(array.array, _pairs(pad_width, array.ndim), mode, **options))


@rule(np.diagonal)
def _diagonal(batch: Batch, a: Any, offset: int = 0, axis1: int | None = None, axis2: int | None = None) -> Any:
    first, second = (0 if axis1 is None else axis1), (1 if axis2 is None else axis2)
    return made(batch, np.diagonal(a.array, offset, from_end(first, a.ndim), from_end(second, a.ndim)))


composed(np.trace, np.linalg.trace, np.linalg.diagonal)


def _triangle(function: Any) -> Callable[..., Any]:
    def answer(batch: Batch, m: Any, k: int = 0) -> Any:
        return made(batch, function(m.array, k)) if mine(batch, m) and m.ndim > 1 else NotImplemented

    return answer


rule(np.tril)(_triangle(np.tril))
rule(np.triu)(_triangle(np.triu))


composed(np.flipud, np.fliplr)


@rule(np.rot90)
def _rot90(batch: Batch, m: Any, k: int = 1, axes: Sequence[int] = (0, 1)) -> Any:
    return made(batch, np.rot90(m.array, k, from_end(tuple(axes), m.ndim)))


@rule(sliding_window_view)
def _windows(
    batch: Batch, x: Any, window_shape: Any, axis: Any = None, *, writeable: bool = False, **_subok: bool
) -> Any:
    axes = tuple(range(-x.ndim, 0)) if axis is None else from_end(axis, x.ndim)
    return made(batch, sliding_window_view(x.array, window_shape, axes, writeable=writeable))
