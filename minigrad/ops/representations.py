"""How numbers are written down: mantissa and exponent, neighbours, spacing; and complex numbers that are real."""

from __future__ import annotations

from typing import Any

import numpy as np

from minigrad.core.conversion import detached
from minigrad.core.members import everywhere
from minigrad.core.primitive import elementwise, routing
from minigrad.core.table import derived
from minigrad.ops.along import given
from minigrad.ops.elementwise import astype

__all__ = ["frexp", "nextafter", "real_if_close", "sort_complex", "spacing"]

nextafter = elementwise(
    np.nextafter, lambda g: g, lambda g: np.zeros(g.shape, g.dtype),
    doc="The next number after x on the way to y: the gradient goes to x.",
)
spacing = routing(
    np.spacing, lambda g: np.zeros(g.shape, g.dtype),
    domain=((0.5, 1.0),), doc="The distance from x to the next number away from 0, constant between powers of 2.",
)


@derived(np.frexp)
def frexp(x: Any) -> tuple[Any, Any]:
    """(m, e) with x = m * 2**e and abs(m) from 0.5 to 1: e is a plain array of integers, without a gradient."""
    x = np.multiply(x, 1.0)
    exponent = np.frexp(detached(x))[1]
    return np.ldexp(x, -exponent), exponent


@derived(np.real_if_close)
def real_if_close(a: Any, tol: float = 100) -> Any:
    """The real part of complex numbers, if all imaginary parts are below ``tol`` times the precision; else a itself.

    A ``tol`` of at most 1 is the bound itself.
    """
    a = given(a)
    if a.dtype.kind != "c":
        return a
    bound = tol * float(np.finfo(a.dtype).eps) if tol > 1 else tol
    return np.real(a) if everywhere(np.abs(np.imag(detached(a))) < bound) else a


@derived(np.sort_complex)
def sort_complex(a: Any) -> Any:
    """The elements along the last axis as complex numbers, sorted by their real and then by their imaginary parts."""
    a = given(a)
    wide = a.dtype if a.dtype.kind == "c" else np.result_type(a.dtype, np.complex64)
    return astype(np.take_along_axis(a, np.argsort(detached(a), -1), -1), wide)
