"""Channels of images (N, C, *sizes) with mean 0 and variance 1, and the way back: few passes over the memory.

A pass is a sum, a product of two arrays that is summed as it is made, or a step of arithmetic on a piece that lies in
the cache. Where a channel's mean is not far from 0, measured by its deviation, sums of x and of x * x give both; else x
less its mean is made first, as of numbers that agree in their first digits, squares would lose the others.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from minigrad.core.stands import numpy_function

#: Elements of a piece: two or three arrays of it lie in a second-level cache.
PIECE = 65_536

#: A mean square, in units of the variance, up to which the variance is the difference of mean square and square mean.
FAR = 4.0


def _order(x: Any) -> tuple[int, ...]:
    """The axes of x in the order of memory, the longest step first."""
    return tuple(sorted(range(x.ndim), key=lambda axis: -abs(x.strides[axis])))


def _by_channel(x: Any, order: tuple[int, ...]) -> Any:
    """x (N, C, *sizes) as (before, C, after), with its axes in this order; a view where x lies so without gaps."""
    moved = np.ascontiguousarray(x.transpose(order))
    place = order.index(1)
    before = int(np.prod(moved.shape[:place], dtype=np.int64))
    return moved.reshape(before, moved.shape[place], moved.size // max(before * moved.shape[place], 1))


def _images(z: Any, shape: tuple[int, ...], order: tuple[int, ...]) -> Any:
    """The inverse of ``_by_channel``."""
    return z.reshape([shape[axis] for axis in order]).transpose(np.argsort(order))


def _pieces(shape: tuple[int, ...]) -> Iterator[tuple[slice, slice]]:
    """Slices of the first two axes of (before, C, after)."""
    before, channels, after = shape
    wide = max(1, min(channels, PIECE // max(after, 1)))
    rows = max(1, PIECE // max(wide * after, 1))
    for row in range(0, before, rows):
        for channel in range(0, channels, wide):
            yield slice(row, row + rows), slice(channel, channel + wide)


def _count(x: Any) -> int:
    """How many numbers a channel of (before, C, after) has; 1 where there are none."""
    before, _, after = x.shape
    count: int = max(before * after, 1)
    return count


def _column(numbers: Any) -> Any:
    return numbers[:, None]


def _sums(x: Any) -> Any:
    return np.einsum("acb->c", x)


def _products(x: Any, y: Any) -> Any:
    if len(x) == 1:  # by BLAS, in half the time
        return np.vecdot(x[0], y[0])
    return np.einsum("acb,acb->c", x, y)


def is_near(mean: Any, rms: Any) -> bool:
    """Whether no mean is large beside the deviation, 1 / rms."""
    with np.errstate(over="ignore", invalid="ignore"):  # what is beyond the dtype is large
        return bool(((mean * rms) ** 2 < FAR - 1).all())


def _about(x: Any, mean: Any, y: Any = None) -> tuple[Any, Any]:
    """The sums of x - mean, and of its products with y or else with itself, for each channel."""
    total, products = np.zeros_like(mean), np.zeros_like(mean)
    for rows, channels in _pieces(x.shape):
        part = x[rows, channels] - _column(mean[channels])
        total[channels] += _sums(part)
        products[channels] += _products(part, part if y is None else y[rows, channels])
    return total, products


def moments(x: Any) -> tuple[Any, Any]:
    """Mean and variance of each channel of (before, C, after)."""
    count = _count(x)
    mean, square = _sums(x) / count, _products(x, x) / count
    var = square - mean * mean
    if (square <= FAR * var).all():
        return mean, var
    rest, square = _about(x, mean)
    rest = rest / count  # what rounding has left of the mean
    return mean + rest, np.maximum(square / count - rest * rest, 0)


def inverse_deviation(x: Any, mean: Any, var: Any, eps: float) -> Any:
    """1 / sqrt(var + eps), also where squares are too large for the dtype, or too small beside no eps."""
    limits = np.finfo(var.dtype)
    total = var + eps
    if ((total > limits.tiny / limits.eps) & (total < np.inf)).all():
        return 1 / np.sqrt(total)
    centred = x - _column(mean)
    largest = np.maximum(np.max(np.abs(centred), (0, 2), initial=0), np.sqrt(max(eps, 0.0)).astype(var.dtype))
    unit = np.where((largest > 0) & (largest < np.inf), largest, 1)
    centred /= _column(unit)
    return 1 / np.sqrt(_products(centred, centred) / _count(x) + eps / unit / unit) / unit


def channel_deviation(x: Any, mean: Any, var: Any, eps: float) -> Any:
    """1 / sqrt(var + eps) of each channel of x (N, C, *sizes), with its mean and variance: an array (C,)."""
    return inverse_deviation(_by_channel(x, _order(x)), mean, var, eps)


@numpy_function
def channel_moments(x: Any) -> tuple[Any, Any]:
    """Mean and variance of each channel of x (N, C, *sizes), of all N and sizes: two arrays (C,)."""
    with np.errstate(over="ignore", invalid="ignore"):
        return moments(_by_channel(x, _order(x)))


def _scaled(z: Any, x: Any, mean: Any, scale: Any, rows: Any, channels: Any) -> Any:
    """A piece of z, which becomes (x - mean) * scale of each channel, or x * scale where the mean is None."""
    part = z[rows, channels]
    if mean is None:
        np.multiply(x[rows, channels], _column(scale[channels]), out=part)
    else:
        np.subtract(x[rows, channels], _column(mean[channels]), out=part)
        part *= _column(scale[channels])
    return part


@numpy_function
def channel_norm(x: Any, weight: Any, bias: Any, eps: float) -> tuple[Any, Any, Any]:
    """(x - mean) * rms * weight + bias of each channel of x (N, C, *sizes), the mean, and rms: 1 / sqrt(var + eps)."""
    order = _order(x)
    lines = _by_channel(x, order)
    with np.errstate(over="ignore", invalid="ignore"):
        mean, var = moments(lines)
        rms = inverse_deviation(lines, mean, var, eps)
        scale = rms if weight is None else rms * weight
        operands = [a for a in (x, weight, bias) if a is not None]
        z = np.empty(lines.shape, np.result_type(*operands))
        near = is_near(mean, rms)
        shift = bias if not near else -(mean * scale) if bias is None else bias - mean * scale
        for rows, channels in _pieces(lines.shape):
            part = _scaled(z, lines, None if near else mean, scale, rows, channels)
            if shift is not None:
                part += _column(shift[channels])
    return _images(z, x.shape, order), mean, rms


def _products_about(y: Any, x: Any, mean: Any, rms: Any, sums: Any) -> Any:
    """The sum of y * (x - mean) for each channel, where that of y is ``sums``."""
    return _products(y, x) - mean * sums if is_near(mean, rms) else _about(x, mean, y)[1]


@numpy_function
def channel_product(y: Any, x: Any, mean: Any, rms: Any) -> Any:
    """The sum of y * (x - mean) * rms for each channel of images (N, C, *sizes): an array (C,)."""
    order = _order(x)
    y, x = _by_channel(y, order), _by_channel(x, order)
    return _products_about(y, x, mean, rms, _sums(y)) * rms


@numpy_function
def channel_pullback(y: Any, x: Any, mean: Any, rms: Any, weight: Any) -> Any:
    """rms * weight * (y - mean(y) - x_hat * mean(y * x_hat)) for each channel, where x_hat is (x - mean) * rms.

    Arrays y and x (N, C, *sizes), mean, rms and weight (C,), or None for a weight of 1.
    """
    shape, order = x.shape, _order(x)
    y, x = _by_channel(y, order), _by_channel(x, order)
    count, near = _count(x), is_near(mean, rms)
    sums = _sums(y)
    # In this order no factor is far from 1, also where x is very large or small.
    slope = -(rms * (rms * (_products_about(y, x, mean, rms, sums) / count)))
    shift = -sums / count - slope * mean if near else -sums / count
    scale = rms if weight is None else rms * weight
    z = np.empty(x.shape, np.result_type(y, x, scale))
    for rows, channels in _pieces(x.shape):
        part = _scaled(z, x, None if near else mean, slope, rows, channels)
        part += _column(shift[channels])
        part += y[rows, channels]
        part *= _column(scale[channels])
    return _images(z, shape, order)
