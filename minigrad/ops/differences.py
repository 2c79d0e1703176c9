"""Differences of neighbours along an axis, the derivatives of samples, and their integrals."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.lib.array_utils import normalize_axis_index, normalize_axis_tuple

from minigrad.core.inplace import cast_into
from minigrad.core.table import derived
from minigrad.errors import HyperparameterError, ShapeError
from minigrad.ops.along import beside, floating, given, part

__all__ = ["diff", "ediff1d", "gradient", "trapezoid"]

# -- differences and integrals ------------------------------------------------------------------------


def _edge(a: Any, values: Any, axis: int) -> Any:
    """The part that diff puts before or after an array; a single number is repeated."""
    values = beside(a, values)
    if len(values.shape):
        return values
    return np.broadcast_to(values, [1 if n == axis else size for n, size in enumerate(a.shape)])


@derived(np.diff)
def diff(a: Any, n: int = 1, axis: int = -1, prepend: Any = None, append: Any = None) -> Any:
    """The differences of neighbours along ``axis``, taken n times; ``prepend`` and ``append`` extend it first.

    Raises ``HyperparameterError`` for a negative n.
    """
    if n < 0:
        raise HyperparameterError(f"diff(n={n}): the number of times to take differences is 0 or more")
    a = given(a)
    axis = normalize_axis_index(axis, len(a.shape))
    if n and not (prepend is None and append is None):
        edges = [x if x is a else _edge(a, x, axis) for x in (prepend, a, append) if x is not None]
        a = np.concatenate(edges, axis)
    for _ in range(n):
        before, after = part(a, axis, None, -1), part(a, axis, 1, None)
        a = after != before if a.dtype.kind == "b" else after - before
    return a


@derived(np.ediff1d)
def ediff1d(ary: Any, to_end: Any = None, to_begin: Any = None) -> Any:
    """The differences of neighbours in the flattened array, between ``to_begin`` and ``to_end``."""
    flat = np.reshape(given(ary), -1)
    differences = flat[1:] - flat[:-1]
    ends = [None if x is None else np.reshape(cast_into(beside(flat, x), flat.dtype), -1) for x in (to_begin, to_end)]
    parts = [x for x in (ends[0], differences, ends[1]) if x is not None]
    return np.concatenate(parts) if len(parts) > 1 else differences


def _steps(x: Any, ndim: int, axis: int) -> Any:
    """The distances of neighbouring coordinates; those of one line lie along ``axis`` of an array of ``ndim`` axes."""
    if len(x.shape) != 1:
        return diff(x, axis=axis)
    return np.reshape(x[1:] - x[:-1], [-1 if n == axis else 1 for n in range(ndim)])


def _spacing(f: Any, spacing: Any, axis: int) -> Any:
    """The distances of neighbours along ``axis``: one number, or an array that broadcasts to the differences."""
    spacing = beside(f, spacing)
    if not len(spacing.shape):
        return spacing
    if spacing.shape != (f.shape[axis],):
        raise ShapeError(
            f"gradient: the coordinates along axis {axis} have shape ({f.shape[axis]},), got {spacing.shape}; "
            "a single number stands for even spacing"
        )
    return _steps(spacing, len(f.shape), axis)


def _slope(f: Any, spacing: Any, axis: int, edge_order: int) -> Any:
    """The derivative along one axis: inside that of the parabola through three points, at the edges as asked."""
    slopes = diff(f, axis=axis) / spacing
    if not len(spacing.shape):
        first = last = 0.5
        # Not of the two slopes: they have the element in the middle, which cancels out unless it is NaN or infinite.
        inside = (part(f, axis, 2, None) - part(f, axis, None, -2)) / (2 * spacing)
    else:
        before, after = part(spacing, axis, None, -1), part(spacing, axis, 1, None)
        inner = before / (before + after)
        first, last = part(inner, axis, None, 1), 1 - part(inner, axis, -1, None)
        inside = part(slopes, axis, None, -1) + diff(slopes, axis=axis) * inner
    left, right = part(slopes, axis, None, 1), part(slopes, axis, -1, None)
    if edge_order == 2:
        left = left - (part(slopes, axis, 1, 2) - left) * first
        right = right + (right - part(slopes, axis, -2, -1)) * last
    return np.concatenate([left, inside, right], axis)


@derived(np.gradient)
def gradient(f: Any, *varargs: Any, axis: Any = None, edge_order: int = 1) -> Any:
    """The derivative of sampled values by second-order differences: an array for one axis, a tuple for several.

    ``varargs`` are the spacings: none (1), one number, or for each axis a number or its coordinates, which have a
    gradient too. ``edge_order`` 1 or 2 is the accuracy at the edges. Raises ``ShapeError`` for axes that are too
    short and coordinates that do not fit, ``HyperparameterError`` for another edge order or number of spacings.
    """
    f = floating(f)
    axes = tuple(range(len(f.shape))) if axis is None else normalize_axis_tuple(axis, len(f.shape))
    if edge_order not in (1, 2):
        raise HyperparameterError(f"gradient(edge_order={edge_order}): expected 1 or 2")
    if len(varargs) not in (0, 1, len(axes)) or (len(varargs) == 1 and len(axes) > 1 and np.ndim(varargs[0])):
        raise HyperparameterError(
            f"gradient along {len(axes)} axes takes no spacing, one number, or {len(axes)} spacings; got {len(varargs)}"
        )
    short = [a for a in axes if f.shape[a] <= edge_order]
    if short:
        raise ShapeError(
            f"gradient: axis {short[0]} of shape {f.shape} needs at least {edge_order + 1} elements for "
            f"edge_order={edge_order}"
        )
    spacings = varargs if len(varargs) == len(axes) else (varargs or (1.0,)) * len(axes)
    slopes = tuple(
        # Coordinates may be wider than f, whose dtype is that of the result.
        _slope(f, _spacing(f, h, a), a, edge_order).astype(f.dtype)
        for a, h in zip(axes, spacings, strict=True)
    )
    return slopes[0] if len(slopes) == 1 else slopes


@derived(np.trapezoid)
def trapezoid(y: Any, x: Any = None, dx: Any = 1.0, axis: int = -1) -> Any:
    """The integral of y along ``axis`` by trapezoids, over coordinates x or in even steps dx.

    x has the shape of y, or is one line of coordinates; it has a gradient too.
    """
    y = floating(y)
    axis = normalize_axis_index(axis, len(y.shape))
    steps = beside(y, dx) if x is None else _steps(beside(y, x), len(y.shape), axis)
    return np.sum(steps * (part(y, axis, 1, None) + part(y, axis, None, -1)) / 2.0, axis)
