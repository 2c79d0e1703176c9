"""Cubic curves through points, with the arguments of ``scipy.interpolate``: gradients go to the points too."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from minigrad.core.checks import flag, whole
from minigrad.core.conversion import detached
from minigrad.core.failures import named
from minigrad.core.members import everywhere
from minigrad.errors import ShapeError, UnsupportedError
from minigrad.ops.along import together
from minigrad.ops.indexing import read
from minigrad.ops.structured import solve_banded
from minigrad.typing import ArrayLike

__all__ = ["CubicHermiteSpline", "CubicSpline", "PchipInterpolator", "PiecewiseCubic"]


class PiecewiseCubic:
    """A curve that is a cubic between each two of its places ``x``: ``c[k, i] (t - x[i])^(3 - k)`` summed over k.

    ``c`` has the shape ``(4, places - 1, *others)``. Call it to evaluate.

    >>> curve = mg.interpolate.PiecewiseCubic(mg.tensor([[0.0], [1.0], [0.0], [2.0]]), [0.0, 1.0])
    >>> curve(0.5)
    tensor(2.25, dtype=float64)
    """

    def __init__(self, c: Any, x: Any, axis: int = 0, extrapolate: bool = True) -> None:
        self.c, self.x, self.axis, self.extrapolate = c, x, axis, flag("PiecewiseCubic", "extrapolate", extrapolate)

    def __call__(self, x: ArrayLike, nu: int = 0, extrapolate: bool | None = None) -> Any:
        """The curve, or its derivative of order ``nu``, at x of any shape; the axis of the curve becomes those of x.

        Beyond the places the first and last cubic go on, or without ``extrapolate`` the curve is NaN.
        """
        nu, beyond = whole("PiecewiseCubic", "nu", nu, 0), self._extrapolates(extrapolate)
        t, _ = together(x, self.x)
        plain, i = self._place(t)
        h = t - read(self.x, i)
        h = np.reshape(h, (*h.shape, *(1,) * (self.c.ndim - 2)))
        z: Any = 0.0
        for power in range(3, nu - 1, -1):
            z = z * h + read(self.c[3 - power], i) * math.perm(power, nu)
        z = np.zeros_like(read(self.c[0], i)) + 0 * h if nu > 3 else z
        if not beyond:
            z = np.where(np.reshape(self._within(plain), h.shape), z, math.nan)
        first, count = self.axis, np.ndim(plain)
        return np.moveaxis(z, tuple(range(count)), tuple(range(first, first + count))) if first else z

    def derivative(self, nu: int = 1) -> PiecewiseCubic:
        """The curve of the derivative of order ``nu``, up to 3."""
        nu = whole("PiecewiseCubic", "nu", nu, 0)
        rows = [self.c[k - nu] * math.perm(3 - k + nu, nu) if k >= nu else self.c[0] * 0 for k in range(4)]
        return PiecewiseCubic(np.stack(rows), self.x, self.axis, self.extrapolate)

    def integrate(self, a: ArrayLike, b: ArrayLike, extrapolate: bool | None = None) -> Any:
        """The integral from a to b, two numbers.

        Beyond the places the first and last cubic go on, or without ``extrapolate`` the integral is NaN.
        """
        a, b, _ = together(a, b, self.x)
        z = self._whole(b) - self._whole(a)
        if self._extrapolates(extrapolate):
            return z
        return np.where(self._within(detached(a)) & self._within(detached(b)), z, math.nan)

    def _extrapolates(self, extrapolate: Any) -> bool:
        return self.extrapolate if extrapolate is None else flag("PiecewiseCubic", "extrapolate", extrapolate)

    def _place(self, t: Any) -> tuple[Any, Any]:
        """t as plain numbers, and which of the cubics it lies on."""
        plain, places = detached(t), detached(self.x)
        return plain, np.clip(np.searchsorted(places, plain, "right") - 1, 0, len(places) - 2)

    def _within(self, plain: Any) -> Any:
        """Whether plain numbers lie between the first and the last place."""
        places = detached(self.x)
        return (plain >= places[0]) & (plain <= places[-1])

    def _whole(self, t: Any) -> Any:
        """The integral from the first place to t."""
        h = np.reshape(np.diff(self.x), (-1, *(1,) * (self.c.ndim - 2)))
        each = h * (self.c[3] + h * (self.c[2] / 2 + h * (self.c[1] / 3 + h * self.c[0] / 4)))
        before = np.concatenate([each[:1] * 0, np.cumsum(each, 0)])
        _, i = self._place(t)
        u = t - read(self.x, i)
        c = [read(self.c[k], i) for k in range(4)]
        return read(before, i) + u * (c[3] + u * (c[2] / 2 + u * (c[1] / 3 + u * c[0] / 4)))


def _points(name: str, x: Any, y: Any, axis: int) -> tuple[Any, Any, Any, int]:
    """The places, the values with their axis first, and the distances, with as many axes as the values."""
    x, y = together(x, y)
    axis = axis % y.ndim if y.ndim else 0
    if x.ndim != 1 or y.ndim < 1 or x.shape[0] != y.shape[axis] or x.shape[0] < 2:
        raise ShapeError(
            f"{name} takes two places x or more, and as many values along an axis, got {x.shape} and {y.shape}"
        )
    if not everywhere(np.diff(detached(x)) > 0):
        raise ValueError(f"{name} takes places x that rise from each to the next")
    y = np.moveaxis(y, axis, 0)
    return x, y, np.reshape(np.diff(x), (-1, *(1,) * (y.ndim - 1))), axis


def _hermite(x: Any, y: Any, h: Any, slopes: Any, axis: int, extrapolate: Any) -> PiecewiseCubic:
    """The curve of values and slopes."""
    rise = np.diff(y, axis=0) / h
    bend = (slopes[:-1] + slopes[1:] - 2 * rise) / h
    c = np.stack([bend / h, (rise - slopes[:-1]) / h - bend, slopes[:-1], y[:-1]])
    return PiecewiseCubic(c, x, axis, True if extrapolate is None else extrapolate)


@named
def CubicHermiteSpline(
    x: ArrayLike, y: ArrayLike, dydx: ArrayLike, axis: int = 0, extrapolate: bool | None = None
) -> PiecewiseCubic:
    """The curve through values y at places x, with slopes ``dydx`` there.

    >>> curve = mg.interpolate.CubicHermiteSpline([0.0, 1.0], mg.tensor([0.0, 1.0]), [0.0, 0.0])
    >>> curve(0.5)
    tensor(0.5)
    """
    u, v, h, at = _points("CubicHermiteSpline", x, y, axis)
    return _hermite(u, v, h, np.moveaxis(together(dydx, v)[0], at, 0), at, extrapolate)


@named
def PchipInterpolator(x: ArrayLike, y: ArrayLike, axis: int = 0, extrapolate: bool | None = None) -> PiecewiseCubic:
    """The curve through values y at places x that rises and falls where they do: Fritsch and Butland, 1984.

    >>> curve = mg.interpolate.PchipInterpolator([0.0, 1.0, 2.0], mg.tensor([0.0, 1.0, 1.0]))
    >>> curve([0.5, 1.5]).round(4)
    tensor([0.6875, 1.    ])
    """
    u, v, h, at = _points("PchipInterpolator", x, y, axis)
    rise = np.diff(v, axis=0) / h
    if u.shape[0] == 2:
        return _hermite(u, v, h, np.concatenate([rise, rise]), at, extrapolate)
    before, after, same = rise[:-1], rise[1:], detached(rise[:-1]) * detached(rise[1:]) > 0
    one, other = 2 * h[1:] + h[:-1], h[1:] + 2 * h[:-1]
    safe = [np.where(same, m, 1.0) for m in (before, after)]
    middle = np.where(same, (one + other) / (one / safe[0] + other / safe[1]), 0.0)
    ends = [_pchip_end(h[0], h[1], rise[0], rise[1]), _pchip_end(h[-1], h[-2], rise[-1], rise[-2])]
    slopes = np.concatenate([np.expand_dims(ends[0], 0), middle, np.expand_dims(ends[1], 0)])
    return _hermite(u, v, h, slopes, at, extrapolate)


def _pchip_end(h: Any, k: Any, m: Any, n: Any) -> Any:
    """The slope at an end, of the parabola through three points, kept from turning back."""
    d = ((2 * h + k) * m - h * n) / (h + k)
    plain, first, second = detached(d), detached(m), detached(n)
    turned = np.sign(plain) != np.sign(first)
    steep = (np.sign(first) != np.sign(second)) & (np.abs(plain) > 3 * np.abs(first))
    return np.where(turned, 0.0, np.where(steep, 3 * m, d))


@named
def CubicSpline(
    x: ArrayLike, y: ArrayLike, axis: int = 0, bc_type: Any = "not-a-knot", extrapolate: bool | None = None
) -> PiecewiseCubic:
    """The curve through values y at places x whose second derivative does not jump.

    ``bc_type`` says what holds at the ends: "not-a-knot", where the third derivative does not jump at the places next
    to them, "natural", "clamped", or a pair of these or of ``(order, value)`` of a first or second derivative. Needs
    SciPy, for a banded system. Raises ``ShapeError``, and ``UnsupportedError`` for "periodic".

    >>> curve = mg.interpolate.CubicSpline([0.0, 1.0, 2.0, 3.0], mg.tensor([0.0, 1.0, 4.0, 9.0]))
    >>> curve(1.5).round(4)
    tensor(2.25)
    """
    u, v, h, at = _points("CubicSpline", x, y, axis)
    ends = bc_type if isinstance(bc_type, (tuple, list)) else (bc_type, bc_type)
    start, end = (_condition(one, v) for one in ends)
    rise = np.diff(v, axis=0) / h
    if u.shape[0] == 2:
        start, end = ((1, rise[0]) if one is None else one for one in (start, end))
    if u.shape[0] == 3 and start is None and end is None:
        return _hermite(u, v, h, _parabola(h, rise), at, extrapolate)
    first, last = _end_row(start, h, rise, False), _end_row(end, h, rise, True)
    step = np.diff(u)
    one = np.ones(1, u.dtype)
    diagonal = np.concatenate([first[0] * one, 2 * (step[:-1] + step[1:]), last[0] * one])
    upper = np.concatenate([0 * one, first[1] * one, step[:-1]])
    lower = np.concatenate([step[1:], last[1] * one, 0 * one])
    inner = 3 * (h[1:] * rise[:-1] + h[:-1] * rise[1:])
    right = np.concatenate([np.expand_dims(first[2], 0), inner, np.expand_dims(last[2], 0)])
    flat = np.reshape(right, (right.shape[0], -1))
    slopes = np.reshape(solve_banded((1, 1), np.stack([upper, diagonal, lower]), flat), right.shape)
    return _hermite(u, v, h, slopes, at, extrapolate)


def _condition(one: Any, y: Any) -> Any:
    """A condition at an end as the order of a derivative and its value; None for not-a-knot."""
    if isinstance(one, str):
        if one == "periodic":
            raise UnsupportedError(
                "CubicSpline with bc_type='periodic' is not here: write 'natural', or pass slopes to CubicHermiteSpline"
            )
        if one not in ("not-a-knot", "natural", "clamped"):
            raise ValueError(f"bc_type is 'not-a-knot', 'natural', 'clamped' or a pair, got {one!r}")
        return None if one == "not-a-knot" else (2 if one == "natural" else 1, y[0] * 0)
    order, value = one
    if order not in (1, 2):
        raise ValueError(f"bc_type gives a derivative of order 1 or 2, got {order!r}")
    return order, y[0] * 0 + together(value, y)[0]


def _end_row(condition: Any, h: Any, rise: Any, last: bool) -> tuple[Any, Any, Any]:
    """The two elements of the first (last) row of the system for the slopes, and its right side."""
    near, far = (-1, -2) if last else (0, 1)
    flat = np.reshape(h, -1)
    if condition is None:
        whole = h[near] + h[far]
        right = ((h[near] + 2 * whole) * h[far] * rise[near] + h[near] ** 2 * rise[far]) / whole
        return flat[far], flat[near] + flat[far], right
    order, value = condition
    if order == 1:
        return 1.0, 0.0, value
    sign = 1 if last else -1
    return 2 * flat[near], flat[near], value * (sign * 0.5) * h[near] ** 2 + 3 * rise[near] * h[near]


def _parabola(h: Any, rise: Any) -> Any:
    """The slopes of the parabola through three points."""
    bend = (rise[1] - rise[0]) / (h[0] + h[1])
    return np.stack([rise[0] - bend * h[0], rise[0] + bend * h[0], rise[1] + bend * h[1]])
