"""Derivatives from function values alone, to hold the formulas against, and what stands in their way."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

Along = Callable[[float], float]
Arrays = list[np.ndarray]

#: The step of the differences, along directions whose elements are at most 1. Five points leave an
#: error of h⁴ f⁽⁵⁾ / 30, which is nothing here, and the rounding of f divided by h, about 1e-12; a
#: larger step would balance the two and straddle more kinks.
STEP = 1e-4


def five_point(phi: Along, h: float = STEP) -> float:
    """phi'(0) from four values around 0: the central difference extrapolated once, (4 D(h) - D(2h)) / 3."""
    with np.errstate(all="ignore"):  # a step may leave the domain: the result is NaN then
        return (8 * (phi(h) - phi(-h)) - (phi(2 * h) - phi(-2 * h))) / (12 * h)


def complex_step(phi: Callable[[Any], Any], h: float = 1e-30) -> float:
    """phi'(0) as the imaginary part of phi(ih) / h, exact to rounding where phi is analytic.

    Squire and Trapp, Using complex variables to estimate derivatives of real functions, 1998.
    """
    return float(np.imag(phi(1j * h))) / h


def one_sided(phi: Along, h: float) -> tuple[float, float]:
    """The slopes of phi on the left and on the right of 0."""
    with np.errstate(all="ignore"):
        here = phi(0.0)
        return (here - phi(-h)) / h, (phi(h) - here) / h


def obstacle(phi: Along, h: float = STEP) -> str:
    """What keeps differences at 0 from being a derivative: "kink", "jump", "noise", or "" for nothing.

    The slopes on both sides differ by something that shrinks with the step where phi is smooth, stays
    at a kink, and grows where the value itself is uncertain: by rounding, or by a jump.
    """
    (left, right), (nearer_left, nearer_right) = one_sided(phi, h), one_sided(phi, h / 100)
    large, small = abs(right - left), abs(nearer_right - nearer_left)
    steep, steeper = max(abs(left), abs(right)), max(abs(nearer_left), abs(nearer_right))
    size = 1 + abs(phi(0.0))
    if max(small, steeper) > 1e-6 * size and (steeper > 5 * steep or small > 5 * large > 1e-6 * size):
        # A value that moves by more than float32 can round did not move by rounding.
        return "jump" if steeper * h / 100 > 1e-5 * size else "noise"
    return "kink" if small > 0.1 * large and small > 1e-6 * (size + steep) else ""


def in_real_numbers(
    f: Callable[..., Any], arrays: Arrays, names: Sequence[str]
) -> tuple[Callable[..., Any], Arrays, Sequence[str]]:
    """A function of complex arrays as one of their real and imaginary parts, with these and their names."""
    is_complex = [x.dtype.kind == "c" for x in arrays]
    if not any(is_complex):
        return f, arrays, names

    def of_parts(*xs: Any) -> Any:
        each = iter(xs)
        return f(*[next(each) + 1j * next(each) if flag else next(each) for flag in is_complex])

    parts, named = [], []
    for x, name, flag in zip(arrays, names, is_complex, strict=True):
        parts += [x.real.copy(), x.imag.copy()] if flag else [x]
        named += [f"the real part of {name}", f"the imaginary part of {name}"] if flag else [name]
    return of_parts, parts, named


def dot(a: Sequence[Any], b: Sequence[Any]) -> Any:
    """The sum of all products of the elements of two lists of arrays."""
    return sum((np.sum(x * y) for x, y in zip(a, b, strict=True)), 0.0)


def magnitude(a: Sequence[Any], b: Sequence[Any]) -> float:
    """The scale of rounding: the products of ``dot`` before they cancel in its sum."""
    return float(dot([np.abs(x) for x in a], [np.abs(y) for y in b]))


def direction(rng: np.random.Generator, shape: tuple[int, ...]) -> np.ndarray:
    """Elements of either sign between 0.5 and 1: none is lost beside another, none is a long step."""
    return np.asarray(rng.uniform(0.5, 1, shape) * rng.choice([-1.0, 1.0], shape))


def steps(arrays: Arrays) -> list[tuple[Arrays, float]]:
    """Lengths to scale a direction with, and the step along it, in the order in which to try them.

    At least absolute, for sums with larger numbers; relative, for x near 0 where the domain ends; and
    short, for a kink that is not at x but near it.
    """
    sizes = [np.where(np.isfinite(x), np.abs(x), 1) for x in arrays]
    absolute = [np.maximum(size, 1) for size in sizes]
    return [(absolute, STEP), ([np.where(size == 0, 1, size) for size in sizes], STEP), (absolute, STEP / 100)]
