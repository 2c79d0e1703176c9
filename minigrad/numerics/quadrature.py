"""Integrals of samples: the rules of ``scipy.integrate`` for numbers along an axis."""

from __future__ import annotations

from typing import Any

import numpy as np

from minigrad.core.failures import named
from minigrad.errors import ShapeError
from minigrad.ops.along import part, together
from minigrad.ops.differences import trapezoid

__all__ = ["cumulative_simpson", "cumulative_trapezoid", "simpson", "trapezoid"]


def _samples(y: Any, x: Any, dx: Any) -> tuple[Any, Any, Any]:
    """The samples, and their places or the distance."""
    y, other = together(y, dx if x is None else x)
    return (y, None, other) if x is None else (y, other, 1.0)


def _steps(name: str, y: Any, x: Any, dx: Any, axis: int) -> Any:
    """The distances of the samples, with as many axes as y, or the one distance of all."""
    if x is None:
        return dx
    n = y.shape[axis]
    if x.ndim == 1:
        x = np.reshape(x, [n if a == axis % y.ndim else 1 for a in range(y.ndim)]) if x.shape[0] == n else x
    if x.ndim != y.ndim or x.shape[axis] != n:
        raise ShapeError(f"{name} of {n} samples takes as many x, in one axis or in those of y, got shape {x.shape}")
    return np.diff(x, axis=axis)


@named
def cumulative_trapezoid(y: Any, x: Any = None, dx: Any = 1.0, axis: int = -1, initial: float | None = None) -> Any:
    """The integral up to each sample but the first, by trapezoids; with ``initial=0`` up to the first too.

    ``x`` are the places of the samples, in one axis or in those of y; without it they are ``dx`` apart. Raises
    ``ShapeError``.

    >>> mg.integrate.cumulative_trapezoid(mg.tensor([0.0, 1.0, 4.0]))
    tensor([0.5, 3. ])
    """
    y, x, dx = _samples(y, x, dx)
    if y.shape[axis] == 0:
        raise ShapeError("cumulative_trapezoid takes one sample or more")
    steps = _steps("cumulative_trapezoid", y, x, dx, axis)
    sums = np.cumsum((part(y, axis, 1, None) + part(y, axis, None, -1)) / 2 * steps, axis)
    return _begun(sums, axis, initial)


def _begun(sums: Any, axis: int, initial: Any) -> Any:
    if initial is None:
        return sums
    if np.ndim(initial) or initial != 0:
        raise ValueError(f"initial is None or 0, got {initial!r:.40}: add what the integral begins with to the result")
    shape = [1 if a == axis % sums.ndim else n for a, n in enumerate(sums.shape)]
    return np.concatenate([np.zeros(shape, sums.dtype), sums], axis)


@named
def simpson(y: Any, *, x: Any = None, dx: Any = 1.0, axis: int = -1) -> Any:
    """The integral by parabolas through three samples each; of an even number the last step is a part of one.

    ``x`` are the places of the samples, in one axis or in those of y; without it they are ``dx`` apart. Cartwright,
    Simpson's rule cumulative integration with MS Excel and irregularly-spaced data, 2017. Raises ``ShapeError``.

    >>> mg.integrate.simpson(mg.tensor([0.0, 1.0, 4.0])).round(4)
    tensor(2.6667)
    """
    y, x, dx = _samples(y, x, dx)
    n = y.shape[axis]
    if n < 3:
        return trapezoid(y, x, dx, axis) if n else np.sum(y, axis)
    steps = _steps("simpson", y, x, dx, axis)
    last = n - 1 if n % 2 else n - 2
    total = np.sum(_over_two(y, steps, axis, 0, last), axis)
    if n % 2:
        return total
    return total + np.sum(_last(y, steps, axis, n), axis)


def _pick(steps: Any, axis: int, start: int, stop: int | None, step: int | None = None) -> Any:
    """Some of the distances, or the one of all."""
    return part(steps, axis, start, stop, step) if np.ndim(steps) else steps


def _over_two(y: Any, steps: Any, axis: int, start: int, stop: int) -> Any:
    """The integral over each pair of steps."""
    first, middle, last = (part(y, axis, start + k, stop + k - 1 + (k > 0), 2) for k in range(3))
    h, k = _pick(steps, axis, start, stop, 2), _pick(steps, axis, start + 1, stop + 1, 2)
    whole = h + k
    return whole / 6 * (first * (2 - k / h) + middle * (whole * whole / (h * k)) + last * (2 - h / k))


def _last(y: Any, steps: Any, axis: int, n: int) -> Any:
    """The integral over the last step, of the parabola through the last three samples."""
    a, b, c = (part(y, axis, n - k, n - k + 1) for k in (3, 2, 1))
    h, k = (_pick(steps, axis, n - i, n - i + 1) for i in (3, 2))
    return _second(a, b, c, h, k)


def _second(a: Any, b: Any, c: Any, h: Any, k: Any) -> Any:
    """The integral over the second of two steps h and k, of the parabola through three samples."""
    outer = c * ((2 * k * k + 3 * h * k) / (6 * (h + k))) + b * ((k * k + 3 * h * k) / (6 * h))
    return outer - a * (k * k * k / (6 * h * (h + k)))


@named
def cumulative_simpson(y: Any, *, x: Any = None, dx: Any = 1.0, axis: int = -1, initial: float | None = None) -> Any:
    """The integral up to each sample but the first, by parabolas through three samples each.

    With ``initial=0`` up to the first too. Arguments and errors as in ``simpson``.

    >>> mg.integrate.cumulative_simpson(mg.tensor([0.0, 1.0, 4.0])).round(4)
    tensor([0.3333, 2.6667])
    """
    y, x, dx = _samples(y, x, dx)
    n = y.shape[axis]
    if n < 3:
        return cumulative_trapezoid(y, x, dx, axis, initial)
    steps = _steps("cumulative_simpson", y, x, dx, axis)
    a, b, c = part(y, axis, None, -2), part(y, axis, 1, -1), part(y, axis, 2, None)
    h, k = _pick(steps, axis, 0, -1), _pick(steps, axis, 1, None)
    second, first = _second(a, b, c, h, k), _second(c, b, a, k, h)
    # Steps 0, 2, 4 ... are the first of their parabola, and steps 1, 3, 5 ... the second; so is the last one.
    even = np.reshape(np.arange(n - 2) % 2 == 0, [-1 if i == axis % y.ndim else 1 for i in range(y.ndim)])
    inner = np.where(part(even, axis, 1, None), part(first, axis, 1, None), part(second, axis, None, -1))
    over = np.concatenate([part(first, axis, 0, 1), inner, part(second, axis, -1, None)], axis)
    return _begun(np.cumsum(over, axis), axis, initial)
