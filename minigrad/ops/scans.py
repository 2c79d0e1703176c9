"""Operations along an axis in which each element depends on those before it: sums, products, recurrences, differences.

An ``axis`` of None means the flattened array, as in NumPy's ``cumsum``.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.lib.array_utils import normalize_axis_index, normalize_axis_tuple

from minigrad.core.conversion import as_array
from minigrad.core.idioms import refuse_keywords
from minigrad.core.primitive import moving, primitive, routing
from minigrad.core.table import Primitive, derived
from minigrad.errors import HyperparameterError, ShapeError
from minigrad.kernels import scans as kernels
from minigrad.ops.along import backwards, beside, delayed, floating, given, part, summable
from minigrad.ops.elementwise import inexact

__all__ = [
    "cummax", "cummin", "cumprod", "cumsum", "cumulative_prod", "cumulative_sum", "diff", "ediff1d", "gradient",
    "linear_recurrence", "logcumsumexp", "nancumprod", "nancumsum", "trapezoid",
]


def _along(a: Any, axis: int | None) -> tuple[Any, int]:
    """The array and the axis to go along: the flattened array for None, and for a single number."""
    return (np.reshape(a, -1), 0) if axis is None or not len(a.shape) else (a, axis)


# -- linear recurrences: the calculus of scans ----------------------------------------------------


def _back_through(g: Any, w: Any, axis: int) -> Any:
    """r[i] = g[i] + w[i + 1] r[i + 1]: a gradient carried from the last element to the first."""
    w = np.broadcast_to(w, g.shape)
    return backwards(linear_recurrence(backwards(g, axis), delayed(backwards(w, axis), axis, 0), axis), axis)


def _recurrence(x: Any, w: Any, axis: int = -1) -> Any:
    return kernels.linear_recurrence(summable(as_array(x)), summable(as_array(w)), axis)


linear_recurrence: Primitive = primitive(
    _recurrence,
    lambda g, w, axis: _back_through(g, w, axis),
    lambda g, z, w, axis: _back_through(g, w, axis) * delayed(z, axis, 0),
    name="linear_recurrence", analytic=True,
    doc="z[i] = x[i] + w[i] z[i - 1] along ``axis``, where z[-1] = 0: an average that forgets, a discounted return.\n\n"
    "x and w broadcast together; w[0] has no effect.",
)


def _cumsum(a: Any, axis: int | None = None) -> Any:
    return np.cumsum(a, axis)


def _cumsum_back(g: Any, a_shape: tuple[int, ...], axis: int | None) -> Any:
    axis = 0 if axis is None or not a_shape else axis
    return np.reshape(backwards(np.cumsum(backwards(g, axis), axis), axis), a_shape)


cumsum = moving(
    _cumsum, lambda g, a_shape, axis: _cumsum_back(g, a_shape, axis),
    numpy=(np.cumsum,), analytic=True, doc="The sums of the first 1, 2, 3, ... elements along ``axis``.",
)


def _cumprod(a: Any, axis: int | None = None) -> Any:
    return np.cumprod(a, axis)


def _cumprod_back(g: Any, z: Any, a: Any, axis: int | None) -> Any:
    # z[i] = a[i] z[i - 1] is a recurrence: no division by a, so zeros are like other numbers.
    flat, axis = _along(a, axis)
    return np.reshape(_back_through(g, flat, axis) * delayed(z, axis, 1), a.shape)


cumprod = primitive(
    _cumprod, lambda g, z, a, axis: _cumprod_back(g, z, a, axis),
    numpy=(np.cumprod,), analytic=True,
    doc="The products of the first 1, 2, 3, ... elements along ``axis``; the gradient is exact where some are 0.",
)


def _logcumsumexp(a: Any, axis: int | None = None) -> Any:
    flat, axis = _along(inexact(a), axis)
    if flat.dtype == np.float16:  # in which a long sum would stand still
        return np.logaddexp.accumulate(flat.astype(np.float32), axis).astype(np.float16)
    return np.logaddexp.accumulate(flat, axis)


def _logcumsumexp_back(g: Any, z: Any, a: Any, axis: int | None) -> Any:
    flat, axis = _along(a, axis)
    # All exponents are at most 0. Where nothing but -inf came so far, 0 stands in for z: -inf - -inf is no number.
    finite = np.where(z == -math.inf, 0, z)
    kept = np.exp(delayed(z, axis, -math.inf) - finite)  # the share of exp(z[i]) that was there before
    return np.reshape(np.exp(flat - finite) * _back_through(g, kept, axis), a.shape)


logcumsumexp = primitive(
    _logcumsumexp, lambda g, z, a, axis: _logcumsumexp_back(g, z, a, axis),
    doc="log(cumsum(exp(a))) along ``axis``, without overflow; where all are -inf the gradient is 0.",
)


# -- running extremes -------------------------------------------------------------------------------


def _run_cumsum(x: Any, keys: Any, axis: int = -1, reverse: bool = False) -> Any:
    if np.shape(x) != np.shape(keys):
        raise ShapeError(f"run_cumsum: one key for each element, got shapes {np.shape(x)} and {np.shape(keys)}")
    return kernels.run_cumsum(summable(as_array(x)), keys, axis, reverse)


run_cumsum: Primitive = moving(
    _run_cumsum, lambda g, keys, axis, reverse: run_cumsum(g, keys, axis, not reverse), None,
    analytic=True,
    doc="The cumulative sum of x along ``axis`` that starts again wherever the next key differs from the last.\n\n"
    "``keys`` has the shape of x; with ``reverse`` the sums run from the last element to the first.",
)


def _cummax(a: Any, axis: int | None = None) -> Any:
    flat, axis = _along(as_array(a), axis)
    return np.maximum.accumulate(flat, axis)


def _cummin(a: Any, axis: int | None = None) -> Any:
    flat, axis = _along(as_array(a), axis)
    return np.minimum.accumulate(flat, axis)


def _share_of_later(g: Any, z: Any, a: Any, axis: int | None) -> Any:
    """Each result's gradient, divided evenly among the elements up to there that equal it (or are NaN as it is)."""
    flat, axis = _along(a, axis)
    best = (flat == z) | np.isnan(flat)
    tied = run_cumsum(best.astype(g.dtype), z, axis)
    return np.reshape(np.where(best, run_cumsum(g / tied, z, axis, reverse=True), 0), a.shape)


cummax = routing(
    _cummax, lambda g, z, a, axis: _share_of_later(g, z, a, axis),
    real=True,
    doc="The maxima of the first 1, 2, 3, ... elements along ``axis``; equal ones share each gradient evenly.",
)
cummin = routing(
    _cummin, lambda g, z, a, axis: _share_of_later(g, z, a, axis),
    real=True,
    doc="The minima of the first 1, 2, 3, ... elements along ``axis``; equal ones share each gradient evenly.",
)


# -- made of these ------------------------------------------------------------------------------------


@derived(np.nancumsum)
def nancumsum(a: Any, axis: int | None = None) -> Any:
    """The cumulative sum along ``axis`` with NaN as 0; the gradient of a NaN is 0."""
    return np.cumsum(np.where(np.isnan(a), 0, a), axis)


@derived(np.nancumprod)
def nancumprod(a: Any, axis: int | None = None) -> Any:
    """The cumulative product along ``axis`` with NaN as 1; the gradient of a NaN is 0."""
    return np.cumprod(np.where(np.isnan(a), 1, a), axis)


def _cumulative(scan: Any, x: Any, axis: int | None, first: float | None) -> Any:
    """NumPy's cumulative_sum or cumulative_prod: the axis is named unless there is but one."""
    x = given(x)
    if axis is None and len(x.shape) > 1:
        raise ShapeError(f"for an array of shape {x.shape}, axis= says along which axis to accumulate")
    x = np.reshape(x, x.shape or (1,))
    axis = normalize_axis_index(0 if axis is None else axis, len(x.shape))
    z = scan(x, axis)
    if first is None:
        return z
    shape = [1 if a == axis else size for a, size in enumerate(z.shape)]
    return np.concatenate([np.full(shape, first, z.dtype), z], axis)


@derived(*([np.cumulative_sum] if hasattr(np, "cumulative_sum") else []))
def cumulative_sum(x: Any, /, *, axis: int | None = None, include_initial: bool = False) -> Any:
    """The sums of the first 1, 2, 3, ... elements along ``axis``; with ``include_initial`` 0 comes before them.

    The axis of an array with several must be named; else ``ShapeError``.
    """
    return _cumulative(np.cumsum, x, axis, 0 if include_initial else None)


@derived(*([np.cumulative_prod] if hasattr(np, "cumulative_prod") else []))
def cumulative_prod(x: Any, /, *, axis: int | None = None, include_initial: bool = False) -> Any:
    """The products of the first 1, 2, 3, ... elements along ``axis``; with ``include_initial`` 1 comes before them.

    The axis of an array with several must be named; else ``ShapeError``.
    """
    return _cumulative(np.cumprod, x, axis, 1 if include_initial else None)


# -- differences and integrals ------------------------------------------------------------------------


def _edge(a: Any, values: Any, axis: int) -> Any:
    """What diff puts before or after an array; a single number is repeated."""
    values = beside(a, values)
    if len(values.shape):
        return values
    return np.broadcast_to(values, [1 if n == axis else size for n, size in enumerate(a.shape)])


@derived(np.diff)
def diff(a: Any, n: int = 1, axis: int = -1, prepend: Any = None, append: Any = None, dim: Any = None) -> Any:
    """The differences of neighbours along ``axis``, taken n times; ``prepend`` and ``append`` extend it first.

    Raises ``HyperparameterError`` for a negative n.
    """
    if dim is not None:
        refuse_keywords("diff", ["dim"])
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
    ends = [None if x is None else np.reshape(beside(flat, x), -1) for x in (to_begin, to_end)]
    parts = [x for x in (ends[0], differences, ends[1]) if x is not None]
    return np.concatenate(parts) if len(parts) > 1 else differences


def _steps(x: Any, ndim: int, axis: int) -> Any:
    """The distances of neighbouring coordinates; those of one line lie along ``axis`` of an array of ``ndim`` axes."""
    if len(x.shape) != 1:
        return diff(x, axis=axis)
    return np.reshape(x[1:] - x[:-1], [-1 if n == axis else 1 for n in range(ndim)])


def _spacing(f: Any, spacing: Any, axis: int) -> Any:
    """What lies between neighbours along ``axis``: one number, or an array that broadcasts to the differences."""
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
    slopes = tuple(_slope(f, _spacing(f, h, a), a, edge_order) for a, h in zip(axes, spacings, strict=True))
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
