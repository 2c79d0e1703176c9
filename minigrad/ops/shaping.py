"""Operations that move elements and leave their values alone. Each gradient moves them back."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.lib.array_utils import normalize_axis_index, normalize_axis_tuple

from minigrad.core.primitive import moving
from minigrad.core.table import derived
from minigrad.errors import ShapeError, UnsupportedError

__all__ = [
    "atleast_1d", "atleast_2d", "atleast_3d", "broadcast_arrays", "broadcast_to", "concat", "concatenate",
    "expand_dims", "matrix_transpose", "moveaxis", "permute_dims", "ravel", "reshape", "rollaxis", "squeeze",
    "stack", "swapaxes", "transpose",
]


Shape = tuple[int, ...]


reshape = moving(
    lambda a, shape: np.reshape(a, shape), lambda g, a_shape: np.reshape(g, a_shape),
    name="reshape", numpy=(np.reshape,), analytic=True, view=True,
    doc="The same elements, in order, in another shape; one size may be -1.",
)


def _inverse(axes: Any, ndim: int) -> Any:
    """The permutation that undoes ``axes``."""
    return None if axes is None else tuple(int(a) for a in np.argsort([a % ndim for a in axes]))


transpose = moving(
    lambda a, axes=None: np.transpose(a, axes), lambda g, axes: np.transpose(g, _inverse(axes, len(g.shape))),
    name="transpose", numpy=(np.transpose, np.permute_dims), analytic=True, view=True,
    doc="The axes in the order ``axes``; reversed by default.",
)
permute_dims = transpose


swapaxes = moving(
    lambda a, axis1, axis2: np.swapaxes(a, axis1, axis2), lambda g, axis1, axis2: np.swapaxes(g, axis1, axis2),
    name="swapaxes", numpy=(np.swapaxes,), analytic=True, view=True, doc="Two axes exchanged.",
)


squeeze = moving(
    lambda a, axis=None: np.squeeze(a, axis), lambda g, a_shape: np.reshape(g, a_shape),
    name="squeeze",
    numpy=(np.squeeze,), analytic=True, view=True, doc="Without the axes of size 1, or without those in ``axis``.",
)


expand_dims = moving(
    lambda a, axis: np.expand_dims(a, axis), lambda g, a_shape: np.reshape(g, a_shape),
    name="expand_dims",
    numpy=(np.expand_dims,), analytic=True, view=True, doc="With a new axis of size 1 at ``axis``.",
)


broadcast_to = moving(
    lambda array, shape: np.broadcast_to(array, shape), lambda g: g,  # the walk sums over what was broadcast
    name="broadcast_to",
    numpy=(np.broadcast_to,), analytic=True, view=True, doc="Repeated along new axes and axes of size 1, as a view.",
)


@derived(np.ravel)
def ravel(a: Any, order: str = "C") -> Any:
    """The elements along one axis, the last axis varying fastest (``order="C"``) or the first ("F").

    Raises ``UnsupportedError`` for the orders "A" and "K", which depend on how the memory is laid out.
    """
    if order not in ("C", "F"):
        raise UnsupportedError(
            f"np.ravel(order={order!r}) follows the layout of the memory, which a tensor does not promise to keep: "
            "write order='C' or order='F', or leave the graph on purpose with x.data"
        )
    return np.reshape(np.transpose(a) if order == "F" else a, -1)


@derived(np.moveaxis)
def moveaxis(a: Any, source: Any, destination: Any) -> Any:
    """The axes ``source`` at the places ``destination`` (ints or sequences of them), the others in their order."""
    ndim = np.ndim(a)
    sources = normalize_axis_tuple(source, ndim, "source")
    destinations = normalize_axis_tuple(destination, ndim, "destination")
    if len(sources) != len(destinations):
        raise ShapeError(
            f"moveaxis takes as many destinations as sources, got {source} and {destination}: name one for each"
        )
    order = [axis for axis in range(ndim) if axis not in sources]
    for place, axis in sorted(zip(destinations, sources, strict=True)):
        order.insert(place, axis)
    return np.transpose(a, tuple(order))


@derived(np.rollaxis)
def rollaxis(a: Any, axis: int, start: int = 0) -> Any:
    """The axis ``axis`` moved back until it lies before the axis ``start``. ``moveaxis`` is easier to read."""
    ndim = np.ndim(a)
    axis = normalize_axis_index(axis, ndim)
    place = normalize_axis_index(start, ndim + 1) if start >= 0 else normalize_axis_index(start, ndim)
    return np.moveaxis(a, axis, place - 1 if axis < place else place)


@derived(np.matrix_transpose)
def matrix_transpose(x: Any) -> Any:
    """The last two axes exchanged. Raises ``ShapeError`` for fewer than two.

    >>> mg.matrix_transpose(mg.ones((5, 2, 3))).shape
    (5, 3, 2)
    """
    if np.ndim(x) < 2:
        raise ShapeError(f"matrix_transpose takes at least 2 axes, got shape {np.shape(x)}: write x[:, None] first")
    return np.swapaxes(x, -1, -2)


# -- several arrays, each by itself -------------------------------------------------------------


@derived(np.atleast_1d)
def atleast_1d(*arys: Any) -> Any:
    """Each array with at least one axis; several of them as a tuple."""
    return _each(arys, lambda shape: shape or (1,))


@derived(np.atleast_2d)
def atleast_2d(*arys: Any) -> Any:
    """Each array with at least two axes, new ones in front; several of them as a tuple."""
    return _each(arys, lambda shape: (1,) * (2 - len(shape)) + shape)


@derived(np.atleast_3d)
def atleast_3d(*arys: Any) -> Any:
    """Each array with at least three axes, (n,) as (1, n, 1) and (m, n) as (m, n, 1); several of them as a tuple."""
    return _each(arys, lambda shape: shape if len(shape) > 2 else (1,) * (2 - len(shape)) + shape + (1,))


def _each(arrays: tuple[Any, ...], filled: Callable[[Shape], Shape]) -> Any:
    results = tuple([np.reshape(x, filled(np.shape(x))) for x in arrays])
    return results[0] if len(results) == 1 else results


@derived(np.broadcast_arrays)
def broadcast_arrays(*args: Any) -> tuple[Any, ...]:
    """The arrays repeated to the one shape that they broadcast to, as views.

    Raises ``ShapeError`` for shapes that do not broadcast together.
    """
    shapes = [np.shape(x) for x in args]
    try:
        common = np.broadcast_shapes(*shapes)
    except ValueError:
        raise ShapeError(
            f"broadcast_arrays of shapes {' and '.join(map(str, shapes))}: aligned at the right, each pair of sizes "
            "must be equal or hold a 1; reshape or expand_dims one of them"
        ) from None
    return tuple([np.broadcast_to(x, common) for x in args])


# -- several arrays in one ----------------------------------------------------------------------


def _part(g: Any, i: int, shapes: list[Shape], axis: int | None) -> Any:
    """The part of the gradient of a concatenation that belongs to array number ``i``."""
    if axis is None:
        sizes = [int(np.prod(shape)) for shape in shapes]
        start = sum(sizes[:i])
        return np.reshape(g[start : start + sizes[i]], shapes[i])
    start = sum([shape[axis] for shape in shapes[:i]])
    before = (slice(None),) * (axis % len(g.shape))
    return g[(*before, slice(start, start + shapes[i][axis]))]


_join = moving(
    lambda *arrays, axis=0: np.concatenate(arrays, axis), lambda g, i, shapes, axis: _part(g, i, shapes, axis),
    name="concatenate", analytic=True, doc="Arrays one after the other along ``axis``; flattened first if it is None.",
)


_pile = moving(
    lambda *arrays, axis=0: np.stack(arrays, axis),
    lambda g, i, axis: g[(slice(None),) * (axis % len(g.shape)) + (i,)],
    name="stack", analytic=True, doc="Arrays of one shape along a new axis at ``axis``.",
)


@derived(np.concatenate)
def concatenate(arrays: Sequence[Any], axis: int | None = 0) -> Any:
    """Arrays one after the other along ``axis``; flattened first if it is None.

    >>> mg.concat([mg.ones((2, 3)), mg.ones((1, 3))]).shape
    (3, 3)
    """
    return _join(*arrays, axis=axis)


concat = concatenate


@derived(np.stack)
def stack(arrays: Sequence[Any], axis: int = 0) -> Any:
    """Arrays of one shape along a new axis at ``axis``.

    >>> mg.stack([mg.tensor([1.0, 2.0]), mg.tensor([3.0, 4.0])])
    tensor([[1., 2.],
            [3., 4.]])
    """
    return _pile(*arrays, axis=axis)
