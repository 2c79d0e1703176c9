"""Operations that move elements and leave their values alone. Each gradient moves them back."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from minigrad.primitive import moving
from minigrad.table import derived

__all__ = [
    "broadcast_to", "concatenate", "expand_dims", "permute_dims", "reshape", "squeeze", "stack", "swapaxes",
    "transpose",
]  # fmt: skip


Shape = tuple[int, ...]


def _reshape(a: Any, shape: Any) -> Any:
    return np.reshape(a, shape)


reshape = moving(
    _reshape, lambda g, a_shape: np.reshape(g, a_shape),
    numpy=(np.reshape,), analytic=True, view=True,
    doc="The same elements, in order, in another shape; one size may be -1.",
)  # fmt: skip


def _transpose(a: Any, axes: Any = None) -> Any:
    return np.transpose(a, axes)


def _inverse(axes: Any, ndim: int) -> Any:
    """The permutation that undoes ``axes``."""
    return None if axes is None else tuple(int(a) for a in np.argsort([a % ndim for a in axes]))


transpose = moving(
    _transpose, lambda g, axes: np.transpose(g, _inverse(axes, len(g.shape))),
    numpy=(np.transpose, np.permute_dims), analytic=True, view=True,
    doc="The axes in the order ``axes``; reversed by default.",
)  # fmt: skip
permute_dims = transpose


def _swapaxes(a: Any, axis1: int, axis2: int) -> Any:
    return np.swapaxes(a, axis1, axis2)


swapaxes = moving(
    _swapaxes, lambda g, axis1, axis2: np.swapaxes(g, axis1, axis2),
    numpy=(np.swapaxes,), analytic=True, view=True, doc="Two axes exchanged.",
)  # fmt: skip


def _squeeze(a: Any, axis: Any = None) -> Any:
    return np.squeeze(a, axis)


squeeze = moving(
    _squeeze, lambda g, a_shape: np.reshape(g, a_shape),
    numpy=(np.squeeze,), analytic=True, view=True, doc="Without the axes of size 1, or without those in ``axis``.",
)  # fmt: skip


def _expand_dims(a: Any, axis: Any) -> Any:
    return np.expand_dims(a, axis)


expand_dims = moving(
    _expand_dims, lambda g, a_shape: np.reshape(g, a_shape),
    numpy=(np.expand_dims,), analytic=True, view=True, doc="With a new axis of size 1 at ``axis``.",
)  # fmt: skip


def _broadcast_to(array: Any, shape: Any) -> Any:
    return np.broadcast_to(array, shape)


broadcast_to = moving(
    _broadcast_to, lambda g: g,  # the walk sums over what was broadcast
    numpy=(np.broadcast_to,), analytic=True, doc="Repeated along new axes and axes of size 1, as a view.",
)  # fmt: skip

# -- several arrays in one ----------------------------------------------------------------------


def _concatenate(*arrays: Any, axis: int | None = 0) -> Any:
    return np.concatenate(arrays, axis)


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
    _concatenate, lambda g, i, shapes, axis: _part(g, i, shapes, axis),
    name="concatenate", analytic=True, doc="Arrays one after the other along ``axis``; flattened first if it is None.",
)  # fmt: skip


def _stack(*arrays: Any, axis: int = 0) -> Any:
    return np.stack(arrays, axis)


_pile = moving(
    _stack, lambda g, i, axis: g[(slice(None),) * (axis % len(g.shape)) + (i,)],
    name="stack", analytic=True, doc="Arrays of one shape along a new axis at ``axis``.",
)  # fmt: skip


@derived(np.concatenate)
def concatenate(arrays: Sequence[Any], axis: int | None = 0) -> Any:
    """Arrays one after the other along ``axis``; flattened first if it is None."""
    return _join(*arrays, axis=axis)


@derived(np.stack)
def stack(arrays: Sequence[Any], axis: int = 0) -> Any:
    """Arrays of one shape along a new axis at ``axis``."""
    return _pile(*arrays, axis=axis)
