"""Bessel functions of real order, and Airy's and Struve's, with SciPy. Imported when one is asked for.

A derivative with respect to the order ``v`` is refused: no formula for it is made of such functions.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from minigrad.core.conversion import as_array
from minigrad.core.primitive import REALS, elementwise
from minigrad.core.table import Primitive, derived, no_derivative
from minigrad.ops.elementwise import POSITIVE, inexact
from minigrad.ops.gamma_functions import rgamma
from minigrad.ops.special import i0, iv, of_scipy, scipy_value

__all__ = [
    "airy", "i0e", "i1", "i1e", "ive", "j0", "j1", "jv", "k0", "k0e", "k1", "k1e", "kn", "kv", "kve", "modstruve",
    "struve", "y0", "y1", "yn", "yv",
]


def _of_order(name: str, v: Any, x: Any) -> Any:
    """A function of an order and x, in the dtype of x: an array of whole numbers would promote float32."""
    x = inexact(x)
    return scipy_value(name, as_array(v).astype(x.dtype), x)


jv: Primitive = elementwise(
    of_scipy("jv", "v x", _of_order), no_derivative, lambda g, v, x: g * ((jv(v - 1.0, x) - jv(v + 1.0, x)) / 2),
    domain=(REALS, POSITIVE), real=True, doc="The Bessel function of the first kind of order v; for whole v of any x.",
)
yv: Primitive = elementwise(
    of_scipy("yv", "v x", _of_order), no_derivative, lambda g, v, x: g * ((yv(v - 1.0, x) - yv(v + 1.0, x)) / 2),
    domain=(REALS, POSITIVE), real=True, doc="The Bessel function of the second kind of order v.",
)
yn = elementwise(
    of_scipy("yn", "n x", _of_order),
    no_derivative, lambda g, n, x: g * ((yv(np.trunc(n) - 1, x) - yv(np.trunc(n) + 1, x)) / 2),
    domain=(REALS, POSITIVE), real=True, doc="The Bessel function of the second kind of a whole order n.",
)
kv: Primitive = elementwise(
    of_scipy("kv", "v x", _of_order), no_derivative, lambda g, v, x: g * ((kv(v - 1.0, x) + kv(v + 1.0, x)) / -2),
    domain=(REALS, POSITIVE), real=True, doc="The modified Bessel function of the second kind of order v.",
)
kn = elementwise(
    of_scipy("kn", "n x", _of_order),
    no_derivative, lambda g, n, x: g * ((kv(np.trunc(n) - 1, x) + kv(np.trunc(n) + 1, x)) / -2),
    domain=(REALS, POSITIVE), real=True, doc="The modified Bessel function of the second kind of a whole order n.",
)
ive: Primitive = elementwise(
    of_scipy("ive", "v x", _of_order),
    no_derivative, lambda g, z, v, x: g * ((ive(v - 1.0, x) + ive(v + 1.0, x)) / 2 - np.sign(x) * z),
    domain=(REALS, POSITIVE), real=True, doc="iv(v, x) exp(-|x|), with a kink at 0: its gradient there is that of iv.",
)
kve: Primitive = elementwise(
    of_scipy("kve", "v x", _of_order),
    no_derivative, lambda g, z, v, x: g * (z - (kve(v - 1.0, x) + kve(v + 1.0, x)) / 2),
    domain=(REALS, POSITIVE), real=True, doc="kv(v, x) exp(x).",
)

# -- orders 0 and 1 -----------------------------------------------------------------------------

j0: Primitive = elementwise(
    of_scipy("j0"), lambda g, x: g * -j1(x),
    real=True, doc="The Bessel function of the first kind of order 0.",
)
j1: Primitive = elementwise(
    of_scipy("j1"), lambda g, x: g * ((j0(x) - jv(2, x)) / 2),
    real=True, doc="The Bessel function of the first kind of order 1.",
)
y0: Primitive = elementwise(
    of_scipy("y0"), lambda g, x: g * -y1(x),
    domain=(POSITIVE,), real=True, doc="The Bessel function of the second kind of order 0.",
)
y1: Primitive = elementwise(
    of_scipy("y1"), lambda g, x: g * ((y0(x) - yv(2, x)) / 2),
    domain=(POSITIVE,), real=True, doc="The Bessel function of the second kind of order 1.",
)
i0e: Primitive = elementwise(
    of_scipy("i0e"), lambda g, z, x: g * (i1e(x) - np.sign(x) * z),
    domain=(POSITIVE,), real=True, doc="i0(x) exp(-|x|); at its kink, 0, the gradient is 0.",
)
i1: Primitive = elementwise(
    of_scipy("i1"), lambda g, x: g * ((i0(x) + iv(2, x)) / 2),
    real=True, doc="The modified Bessel function of the first kind of order 1.",
)
i1e: Primitive = elementwise(
    of_scipy("i1e"), lambda g, z, x: g * ((i0e(x) + ive(2, x)) / 2 - np.sign(x) * z),
    domain=(POSITIVE,), real=True, doc="i1(x) exp(-|x|).",
)
k0: Primitive = elementwise(
    of_scipy("k0"), lambda g, x: g * -k1(x),
    domain=(POSITIVE,), real=True, doc="The modified Bessel function of the second kind of order 0.",
)
k1: Primitive = elementwise(
    of_scipy("k1"), lambda g, x: g * ((k0(x) + kv(2, x)) / -2),
    domain=(POSITIVE,), real=True, doc="The modified Bessel function of the second kind of order 1.",
)
k0e: Primitive = elementwise(
    of_scipy("k0e"), lambda g, z, x: g * (z - k1e(x)),
    domain=(POSITIVE,), real=True, doc="k0(x) exp(x).",
)
k1e: Primitive = elementwise(
    of_scipy("k1e"), lambda g, z, x: g * (z - (k0e(x) + kve(2, x)) / 2),
    domain=(POSITIVE,), real=True, doc="k1(x) exp(x).",
)

# -- Airy and Struve ----------------------------------------------------------------------------


airy_part: Primitive = elementwise(
    lambda x, part=0: scipy_value("airy", inexact(x), part=part),
    lambda g, x, part: g * (airy_part(x, part + 1) if part in (0, 2) else x * airy_part(x, part - 1)),
    name="airy_part", real=True, doc="One of Ai(x), Ai'(x), Bi(x), Bi'(x), by its number from 0 on.",
)


@derived(domain=(REALS,))
def airy(x: Any) -> tuple[Any, Any, Any, Any]:
    """Airy's functions and their derivatives, Ai(x), Ai'(x), Bi(x), Bi'(x); each can be differentiated."""
    return airy_part(x, 0), airy_part(x, 1), airy_part(x, 2), airy_part(x, 3)


def _first_power(v: Any, x: Any) -> Any:
    """(x / 2)^v / (sqrt(pi) gamma(v + 3/2)): what the relations of Struve functions have beside those of Bessel's."""
    return np.power(x / 2, v) * rgamma(v + 1.5) / math.sqrt(math.pi)


struve: Primitive = elementwise(
    of_scipy("struve", "v x", _of_order),
    no_derivative, lambda g, v, x: g * ((struve(v - 1.0, x) - struve(v + 1.0, x) + _first_power(v, x)) / 2),
    domain=(REALS, POSITIVE), real=True, doc="Struve's function of order v.",
)
modstruve: Primitive = elementwise(
    of_scipy("modstruve", "v x", _of_order), no_derivative,
    lambda g, v, x: g * ((modstruve(v - 1.0, x) + modstruve(v + 1.0, x) + _first_power(v, x)) / 2),
    domain=(REALS, POSITIVE), real=True, doc="The modified Struve function of order v.",
)
