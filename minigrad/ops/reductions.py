"""Operations that reduce axes: ``axis`` is an int, a tuple of ints, or None for all of them.

Where several elements are the maximum or minimum, they share the gradient evenly.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Callable
from typing import Any

import numpy as np

from minigrad.core.members import everywhere
from minigrad.core.primitive import moving, primitive, routing
from minigrad.core.table import derived
from minigrad.ops.along import backwards, delayed, narrowed, widened
from minigrad.ops.elementwise import inexact
from minigrad.ops.lengths import per_length

__all__ = ["amax", "amin", "logsumexp", "max", "mean", "min", "prod", "ptp", "std", "sum", "var"]


Shape = tuple[int, ...]

#: The largest number of float16.
_MOST_OF_HALF = 65504


def axes_of(axis: Any, ndim: int) -> tuple[int, ...]:
    """``axis`` as a tuple of non-negative axis numbers."""
    if axis is None or not ndim:  # NumPy lets a single number have an axis 0
        return tuple(range(ndim))
    return tuple([a % ndim for a in (axis if isinstance(axis, tuple) else (axis,))])


def expanded(z: Any, shape: Shape, axis: Any) -> Any:
    """A reduced array with its reduced axes back as axes of size 1, so that it broadcasts to ``shape``."""
    axes = axes_of(axis, len(shape))
    return np.reshape(z, tuple([1 if a in axes else size for a, size in enumerate(shape)]))


def spread(g: Any, shape: Shape, axis: Any) -> Any:
    """A reduced array repeated along the axes over which it was reduced."""
    if axis is None:  # of all axes nothing is left that would have to find its place
        return np.broadcast_to(g, shape)
    return np.broadcast_to(expanded(g, shape, axis), shape)


def _count(shape: Shape, axis: Any) -> int:
    """How many elements go into each result."""
    return math.prod([shape[a] for a in axes_of(axis, len(shape))])


_add_up: Any = np.add.reduce


def total(a: Any, axis: Any = None, keepdims: bool = False) -> Any:
    """``np.sum``; of a plain array without the microsecond that its wrapper takes."""
    if type(a) is np.ndarray:
        return _add_up(a, axis, None, None, keepdims)
    return np.sum(a, axis, keepdims=keepdims)


#: Counts up to which a float32 holds each.
_EXACT = 1 << 24


def average(a: Any, axis: Any = None, keepdims: bool = False) -> Any:
    """``np.mean``, to the same bits; of a plain array of float32 or float64 without the most of what is not the sum."""
    if type(a) is np.ndarray and a.dtype.char in "fd" and 0 < a.size <= _EXACT:
        sums = _add_up(a, axis, None, None, keepdims)
        return sums / (a.size // sums.size)
    return np.mean(a, axis, keepdims=keepdims)


sum = moving(
    lambda a, axis=None, keepdims=False: total(a, axis, keepdims),
    lambda g, a_shape, axis: spread(g, a_shape, axis),
    name="sum", numpy=(np.sum,), analytic=True, doc="The sum over ``axis``.",
)


def _quotient(g: Any, count: int) -> Any:
    """g / count; a count that float16 does not have is as good as its inverse, which it has."""
    return g * (1 / count) if count > _MOST_OF_HALF and g.dtype == np.float16 else g / count


mean = moving(
    lambda a, axis=None, keepdims=False: average(a, axis, keepdims),
    lambda g, a_shape, axis: spread(_quotient(g, _count(a_shape, axis)), a_shape, axis),
    name="mean", numpy=(np.mean,), analytic=True, doc="The mean over ``axis``.",
)


def _share(g: Any, z: Any, a: Any, axis: Any) -> Any:
    """``g`` divided evenly among the elements of ``a`` that equal the result z (or are NaN as it is)."""
    best = (a == expanded(z, a.shape, axis)) | np.isnan(a)
    return expanded(g, a.shape, axis) * (best / np.sum(best, axes_of(axis, a.ndim), keepdims=True)).astype(a.dtype)


max = routing(
    lambda a, axis=None, keepdims=False: np.max(a, axis, keepdims=keepdims),
    lambda g, z, a, axis: _share(g, z, a, axis),
    name="max", numpy=(np.max, np.amax), doc="The maximum over ``axis``.",
)
min = routing(
    lambda a, axis=None, keepdims=False: np.min(a, axis, keepdims=keepdims),
    lambda g, z, a, axis: _share(g, z, a, axis),
    name="min", numpy=(np.min, np.amin), doc="The minimum over ``axis``.",
)
amax, amin = max, min


@derived(np.ptp)
def ptp(a: Any, axis: Any = None, keepdims: bool = False) -> Any:
    """From peak to peak: the maximum less the minimum over ``axis``."""
    return max(a, axis, keepdims) - min(a, axis, keepdims)


def product_of_others(a: Any, axis: Any) -> Any:
    """For each element the product of the others over ``axis``: without a division, so that zeros are exact."""
    axes = axes_of(axis, len(a.shape))
    order = [n for n in range(len(a.shape)) if n not in axes] + list(axes)
    moved = np.transpose(a, order)
    flat = np.reshape(moved, (*moved.shape[: len(order) - len(axes)], _count(a.shape, axis)))
    before = delayed(np.cumprod(flat, -1), -1, 1)
    after = backwards(delayed(np.cumprod(backwards(flat, -1), -1), -1, 1), -1)
    return np.transpose(np.reshape(before * after, moved.shape), [order.index(n) for n in range(len(order))])


prod = primitive(
    lambda a, axis=None, keepdims=False: np.prod(a, axis, keepdims=keepdims),
    lambda g, a, axis: expanded(g, a.shape, axis) * product_of_others(a, axis),
    name="prod",
    numpy=(np.prod,), analytic=True, doc="The product over ``axis``; the gradient is exact where elements are 0.",
)


def _deviation(a: Any, axis: Any, ddof: float) -> Any:
    """(a - mean) / (n - ddof); NaN, as the variance is, where there are too few elements."""
    degrees = _count(a.shape, axis) - ddof
    a = widened(a)
    share = 1 / degrees if degrees > 0 else math.nan
    with np.errstate(over="ignore"):
        mean = average(a, axis, True)
    if a.size and not everywhere(np.isfinite(mean)):  # a sum that overflows, of numbers that do not
        part = a * share
        away = part - np.sum(part / _count(a.shape, axis), axis, keepdims=True)
    else:
        away = (a - mean) * share
    return np.conjugate(away) if away.dtype.kind == "c" else away  # the direction in which abs(a - mean) grows


var = primitive(
    lambda a, axis=None, ddof=0, keepdims=False: narrowed(np.var(widened(a), axis, ddof=ddof, keepdims=keepdims), a),
    lambda g, a, axis, ddof: 2 * (expanded(g, a.shape, axis) * _deviation(a, axis, ddof)),
    name="var", numpy=(np.var,), holomorphic=True,
    doc="The variance over ``axis``: the mean squared deviation, divided by n - ddof.",
)


@functools.lru_cache(maxsize=16)
def least_square(dtype: np.dtype) -> float:
    """Beside a sum of squares above this, squares that vanish do no harm. Asking NumPy takes as long as a small sum."""
    information = np.finfo(dtype)
    return float(information.tiny) / float(information.eps)


def _safe(z: Any) -> Any:
    """Whether roots of sums of squares, and the like, have their digits: no square overflowed, and none vanished."""
    least = math.sqrt(least_square(z.dtype))
    if isinstance(z, np.generic):  # the usual case, in a tenth of the time
        return least < float(z) < math.inf
    return everywhere((z > least) & (z < math.inf))


def of_any_size(x: Any, axis: Any, keepdims: bool, size_of: Callable[[Any], Any]) -> Any:
    """``size_of`` x over ``axis``, a function with f(c x) = c f(x) for c > 0, where its squares would leave the range.

    Then it is that of x in units of its largest element. float16 is computed in float32.
    """
    x = inexact(x)
    if x.dtype.char == "e":
        return of_any_size(x.astype(np.float32), axis, keepdims, size_of).astype(np.float16)
    with np.errstate(over="ignore", under="ignore"):
        z = size_of(x)
    if not x.size or x.dtype.kind == "c" or _safe(z):
        return z
    largest = np.fmax.reduce(np.abs(x), axes_of(axis, x.ndim), keepdims=True)
    unit = np.where((largest > 0) & (largest < math.inf), largest, 1)
    # A power of two: dividing by it rounds nothing. The logarithm of the largest numbers rounds up to that of infinity.
    unit = np.exp2(np.minimum(np.floor(np.log2(unit)), np.finfo(x.dtype).maxexp - 1))
    return size_of(x / unit) * (unit if keepdims else np.reshape(unit, z.shape))


def std_slope(g: Any, z: Any, a: Any, deviation: Any, axis: Any) -> Any:
    """g / z times the deviation, and 0 where all elements are equal: the smallest subgradient.

    Their mean may be off by a rounding, which leaves a tiny z and deviations as large as it.
    """
    if not a.size:
        return g * deviation
    equal = z <= np.finfo(a.dtype).eps * np.max(np.abs(a), axis, keepdims=True)
    return per_length(deviation, g, np.where(equal, 0, z))


std = primitive(
    lambda a, axis=None, ddof=0, keepdims=False:
        of_any_size(a, axis, keepdims, lambda a: np.std(a, axis, ddof=ddof, keepdims=keepdims)),
    lambda g, z, a, axis, ddof: (
        std_slope(expanded(g, a.shape, axis), expanded(z, a.shape, axis), a, _deviation(a, axis, ddof), axis)
    ),
    name="std",
    numpy=(np.std,), holomorphic=True, doc="The standard deviation over ``axis``; where it is 0 its gradient is 0.",
)


def _logsumexp(a: Any, axis: Any = None, keepdims: bool = False) -> tuple[Any, Any]:
    """The logarithm, and the softmax of a, which has its exponentials."""
    a = inexact(a)
    if a.dtype == np.float16:  # a sum of many would leave its range
        z, shares = _logsumexp(a.astype(np.float32), axis, keepdims)
        return z.astype(np.float16), shares.astype(np.float16)
    # exp never overflows after the largest element is subtracted; an infinite one must stay in.
    largest: Any = 0.0  # of no elements, whose sum is 0
    if np.size(a):
        largest = np.max(np.real(a), axis, keepdims=True)
        largest = np.where(np.isfinite(largest), largest, 0)
    # log(0) is right where all elements are -inf, and a difference that overflows is -inf, whose exp is 0.
    with np.errstate(divide="ignore", over="ignore", invalid="ignore"):
        parts = np.exp(a - largest)
        total = np.sum(parts, axis, keepdims=True)
        z = np.log(total) + largest
        shares = parts / np.where(total == 0, 1, total)  # elements that are all -inf have no softmax: 0, not NaN
    return z if keepdims else np.squeeze(z, axes_of(axis, np.ndim(a))), shares


shares = primitive(
    lambda a, axis=None, keepdims=False: _logsumexp(a, axis)[1],
    lambda g, z, axis: z * (g - np.sum(g * z, axes_of(axis, z.ndim), keepdims=True)),
    name="shares", analytic=True,
    doc="The softmax of a over all of ``axis``, several axes too; 0 where all elements are -inf.",
)

logsumexp = primitive(
    _logsumexp, lambda g, shares, a_shape, axis: expanded(g, a_shape, axis) * shares, residuals={"shares": shares},
    analytic=True, doc="log(sum(exp(a))) over ``axis``, without overflow; the gradient is the softmax of a.",
)
