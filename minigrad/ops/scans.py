"""Operations along an axis in which each element depends on those before it: sums, products, recurrences, differences.

An ``axis`` of None means the flattened array, as in NumPy's ``cumsum``.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.lib.array_utils import normalize_axis_index

from minigrad.core.conversion import as_array
from minigrad.core.primitive import moving, primitive, routing
from minigrad.core.table import Primitive, derived
from minigrad.errors import ShapeError
from minigrad.kernels import scans as kernels
from minigrad.ops.along import backwards, delayed, given, narrowed, summable, widened
from minigrad.ops.elementwise import inexact

__all__ = [
    "cummax", "cummin", "cumprod", "cumsum", "cumulative_prod", "cumulative_sum", "linear_recurrence", "logcumsumexp",
    "nancumprod", "nancumsum",
]


def _along(a: Any, axis: int | None) -> tuple[Any, int]:
    """The array and the axis to go along: the flattened array for None, and for a single number."""
    if axis is not None:
        axis = normalize_axis_index(axis, max(len(a.shape), 1))
    return (np.reshape(a, -1), 0) if axis is None or not len(a.shape) else (a, axis)


# -- linear recurrences: the calculus of scans ----------------------------------------------------


def _back_through(g: Any, w: Any, axis: int) -> Any:
    """r[i] = g[i] + w[i + 1] r[i + 1]: a gradient carried from the last element to the first."""
    w = np.broadcast_to(w, g.shape)
    return backwards(linear_recurrence(backwards(g, axis), delayed(backwards(w, axis), axis, 0), axis), axis)


linear_recurrence: Primitive = primitive(
    lambda x, w, axis=-1: kernels.linear_recurrence(summable(as_array(x)), summable(as_array(w)), axis),
    lambda g, w, axis: _back_through(g, w, axis),
    lambda g, z, w, axis: _back_through(g, w, axis) * delayed(z, axis, 0),
    name="linear_recurrence", analytic=True,
    doc="z[i] = x[i] + w[i] z[i - 1] along ``axis``, where z[-1] = 0: an average that forgets, a discounted return.\n\n"
    "x and w broadcast together; w[0] has no effect.",
)


def _cumulated(function: Any, ufunc: Any, a: Any, axis: int | None) -> Any:
    """``function`` of NumPy's, by rows of a plain array; what records calls, or is one for many, sees the function."""
    is_plain = type(a) is np.ndarray and axis is not None and a.dtype.kind in "fc"
    return kernels.accumulated(ufunc, a, axis) if is_plain else function(a, axis)


def _cumsum_back(g: Any, a_shape: tuple[int, ...], axis: int | None) -> Any:
    axis = 0 if axis is None or not a_shape else axis
    wide = backwards(widened(g), axis)  # in float16 a sum of many ones stays at 2048
    return np.reshape(narrowed(backwards(cumsum(wide, axis), axis), g), a_shape)


cumsum: Primitive = moving(
    lambda a, axis=None: _cumulated(np.cumsum, np.add, a, axis),
    lambda g, a_shape, axis: _cumsum_back(g, a_shape, axis),
    name="cumsum",
    numpy=(np.cumsum,), analytic=True, doc="The sums of the first 1, 2, 3, ... elements along ``axis``.",
)


def _cumprod_back(g: Any, z: Any, a: Any, axis: int | None) -> Any:
    # z[i] = a[i] z[i - 1] is a recurrence: no division by a, so zeros are like other numbers.
    flat, axis = _along(a, axis)
    return np.reshape(_back_through(g, flat, axis) * delayed(z, axis, 1), a.shape)


cumprod = primitive(
    lambda a, axis=None: _cumulated(np.cumprod, np.multiply, a, axis),
    lambda g, z, a, axis: _cumprod_back(g, z, a, axis),
    name="cumprod", numpy=(np.cumprod,), analytic=True,
    doc="The products of the first 1, 2, 3, ... elements along ``axis``; the gradient is exact where some are 0.",
)


def _logcumsumexp(a: Any, axis: int | None = None) -> Any:
    flat, axis = _along(inexact(a), axis)
    if flat.dtype == np.float16:  # in which a long sum would stand still
        return np.logaddexp.accumulate(flat.astype(np.float32), axis).astype(np.float16)
    return kernels.accumulated(np.logaddexp, flat, axis)


def _logcumsumexp_back(g: Any, z: Any, a: Any, axis: int | None) -> Any:
    flat, axis = _along(a, axis)
    # All exponents are at most 0. Where nothing but -inf came so far, 0 stands in for z: -inf - -inf is no number.
    finite = np.where(z == -math.inf, 0, z)
    share = np.exp(delayed(z, axis, -math.inf) - finite)  # the share of exp(z[i]) that was there before
    return np.reshape(np.exp(flat - finite) * _back_through(g, share, axis), a.shape)


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
    return kernels.accumulated(np.maximum, flat, axis)


def _cummin(a: Any, axis: int | None = None) -> Any:
    flat, axis = _along(as_array(a), axis)
    return kernels.accumulated(np.minimum, flat, axis)


def _share_of_later(g: Any, z: Any, a: Any, axis: int | None) -> Any:
    """Each result's gradient, divided evenly among the elements up to there that equal it (or are NaN as it is)."""
    flat, axis = _along(a, axis)
    wide = widened(g)  # float16 has no large counts, and no sums of many
    best = (flat == z) | np.isnan(flat)
    tied = run_cumsum(best.astype(wide.dtype), z, axis)
    shares = narrowed(run_cumsum(wide / tied, z, axis, reverse=True), g)
    return np.reshape(np.where(best, shares, 0), a.shape)


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
