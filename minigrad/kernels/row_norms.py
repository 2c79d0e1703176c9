"""Rows with mean 0 and variance 1, and the way back: what layers and groups are normalised by.

A row is what the last axes of an array hold. NumPy takes a step with one number for each row, or for each place in a
row, in twice the time of a step with two whole arrays, and a sum of products in half of it. So sums of products come
first, and the steps after them are few and in place.

A weight or bias has a shape that broadcasts to x: some neighbouring sizes of x, and then sizes of 1.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from minigrad.core.stands import numpy_function
from minigrad.kernels.normalisation import inverse_deviation, is_near, moments

#: Neighbours with one weight below which the weight is repeated for each: steps over short runs are slow.
SHORT = 32


def _rows(x: Any, axes: int) -> Any:
    """x as a matrix of rows; a view where x lies in the order of its axes."""
    place = x.ndim - axes
    return np.ascontiguousarray(x).reshape(math.prod(x.shape[:place]), math.prod(x.shape[place:]))


def _run(shape: tuple[int, ...], x_shape: tuple[int, ...]) -> int:
    """How many neighbours share a number of a weight of this shape."""
    ones = next((n for n, size in enumerate(reversed(shape)) if size != 1), len(shape))
    return math.prod(x_shape[len(x_shape) - ones :])


def _near_zero(rows: Any, mean: Any, rms: Any) -> tuple[Any, Any]:
    """Rows, and what is left of their means to take off: all, or none where one is large beside its deviation."""
    return (rows, mean) if is_near(mean, rms) else (rows - mean[:, None], np.zeros_like(mean))


@numpy_function
def row_norm(x: Any, weight: Any, bias: Any, axes: int, eps: float) -> tuple[Any, Any, Any]:
    """(x - mean) * rms * weight + bias, where the mean and rms, 1 / sqrt(var + eps), are of the last ``axes``.

    Gives both too, with sizes of 1 in these axes. ``weight`` and ``bias``, of one shape, may be None.
    """
    operands = [a for a in (weight, bias) if a is not None]
    rows, shape = _rows(x, axes), (*x.shape[: x.ndim - axes], *(1,) * axes)
    z = np.empty(x.shape, np.result_type(x, *operands))
    with np.errstate(over="ignore", invalid="ignore"):
        mean, var = moments(rows[None])
        rms = inverse_deviation(rows[None], mean, var, eps)
        if x.size:
            _scaled(z.reshape(rows.shape), *_near_zero(rows, mean, rms), rms, weight, bias, x.shape)
    return z, mean.reshape(shape), rms.reshape(shape)


def _scaled(z: Any, rows: Any, mean: Any, rms: Any, weight: Any, bias: Any, x_shape: tuple[int, ...]) -> None:
    """z becomes (rows - mean) * rms * weight + bias."""
    run = next((_run(a.shape, x_shape) for a in (weight, bias) if a is not None), 1)
    if run < SHORT:
        np.multiply(rows, rms[:, None], out=z)
        z -= (mean * rms)[:, None]
        for operand, step in ((weight, np.multiply), (bias, np.add)):
            if operand is not None:
                line = np.repeat(operand, run)
                step(z.reshape(-1, line.size), line, out=z.reshape(-1, line.size))
        return
    count = rows.shape[1] // run
    scale = _weighted(np.repeat(rms, count), np.multiply, weight)
    shift = _weighted(-(np.repeat(mean, count) * scale), np.add, bias)
    lines = z.reshape(-1, run)
    np.multiply(rows.reshape(-1, run), scale[:, None], out=lines)
    lines += shift[:, None]


def _weighted(numbers: Any, step: Any, weight: Any) -> Any:
    """A number for each run, times a weight, or plus a bias, that repeats."""
    return numbers if weight is None else step(numbers.reshape(-1, weight.size), weight.reshape(-1)).reshape(-1)


def _times(y: Any, weight: Any, x_shape: tuple[int, ...]) -> Any:
    """Rows of y times a weight."""
    run = _run(weight.shape, x_shape)
    if run < SHORT:
        line = np.repeat(weight, run)
        return (y.reshape(-1, line.size) * line).reshape(y.shape)
    lines = y.reshape(-1, run)
    return (lines * np.tile(weight.reshape(-1), len(lines) // weight.size)[:, None]).reshape(y.shape)


@numpy_function
def row_pullback(y: Any, x: Any, mean: Any, rms: Any, weight: Any, axes: int) -> Any:
    """rms * (v - mean(v) - x_hat * mean(v * x_hat)) over the last ``axes``: v = y * weight, x_hat = (x - mean) * rms.

    Arrays y and x of one shape; mean, rms and weight, or None, as those of ``row_norm``.
    """
    rows, others, mean, rms = _rows(x, axes), _rows(y, axes), mean.reshape(-1), rms.reshape(-1)
    if not x.size:
        return np.zeros(x.shape, np.result_type(*[a for a in (y, x, rms, weight) if a is not None]))
    rows, rest = _near_zero(rows, mean, rms)
    others = others if weight is None else _times(others, weight, x.shape)
    count = rows.shape[1]
    sums, products = np.einsum("rl->r", others), np.vecdot(others, rows)
    # In this order no factor is far from 1, also where x is very large or small.
    slope = -(rms * (rms * ((products - rest * sums) / count)))
    z = np.empty(x.shape, np.result_type(rows, others, rms))
    lines = z.reshape(rows.shape)
    np.multiply(rows, slope[:, None], out=lines)
    lines += (-sums / count - slope * rest)[:, None]
    lines += others
    lines *= rms[:, None]
    return z


@numpy_function
def row_product(y: Any, x: Any, mean: Any, rms: Any, axes: int, shape: tuple[int, ...]) -> Any:
    """The sum of y * (x - mean) * rms for each number of a weight of this shape, as long as a row or longer."""
    rows, others, mean, rms = _rows(x, axes), _rows(y, axes), mean.reshape(-1), rms.reshape(-1)
    if not x.size:
        return np.zeros(shape, np.result_type(y, x, rms))
    rows, rest = _near_zero(rows, mean, rms)
    run, size = _run(shape, x.shape), math.prod(shape)
    if run >= SHORT:
        pairs, lines, count = rows.reshape(-1, run), others.reshape(-1, run), rows.shape[1] // run
        products = np.vecdot(lines, pairs) - np.repeat(rest, count) * np.einsum("rl->r", lines)
        return (products * np.repeat(rms, count)).reshape(-1, size).sum(0).reshape(shape)
    length = rows.shape[1]
    groups = size * run // length  # the rows that the weight covers
    total = _rows_added(rms, others * rows, groups) - _rows_added(rms * rest, others, groups)
    return total.reshape(size, run).sum(1).reshape(shape)


def _rows_added(factors: Any, rows: Any, groups: int) -> Any:
    """The sum of the rows of each group times a factor of each row, as products with BLAS."""
    return np.matmul(factors.reshape(-1, groups).T[:, None], rows.reshape(-1, groups, rows.shape[1]).swapaxes(0, 1))
