"""Derivatives from function values alone, to hold the formulas against."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

Along = Callable[[float], float]

#: The step of the differences, along directions whose elements are at most 1. Five points leave an
#: error of h⁴ f⁽⁵⁾ / 30, which is nothing here, and the rounding of f divided by h, about 1e-12; a
#: larger step would balance the two and straddle more kinks.
STEP = 1e-4


def five_point(phi: Along, h: float = STEP) -> float:
    """phi'(0) from four values around 0, for a function that is smooth there."""
    with np.errstate(all="ignore"):  # a step may leave the domain: the result is NaN then
        return (8 * (phi(h) - phi(-h)) - (phi(2 * h) - phi(-2 * h))) / (12 * h)


def complex_step(phi: Callable[[Any], Any], h: float = 1e-30) -> float:
    """phi'(0) as the imaginary part of phi(ih) / h, exact to rounding where phi is analytic.

    Squire and Trapp, Using complex variables to estimate derivatives of real functions, 1998.
    """
    return float(np.imag(phi(1j * h))) / h


def has_kink(phi: Along, h: float = STEP) -> bool:
    """Whether the slopes on both sides of 0 differ, by as much for a small step as for a larger one.

    The one-sided differences of a smooth function approach each other as the step shrinks.
    """

    def gap(step: float) -> float:
        here = phi(0.0)
        return abs((phi(step) - here) - (here - phi(-step))) / step

    with np.errstate(all="ignore"):
        large, small = gap(h), gap(h / 100)
    return small > 0.1 * large and small > 1e-6 * (1 + abs(five_point(phi, h)))
