"""Orthogonal polynomials at a point, with SciPy. Imported when one is asked for.

The derivative of each is a polynomial of the next lower degree, of the same family or of Gegenbauer's: exact at the
ends of the interval too, where the formulas of textbooks divide by 1 - x². The degree ``n`` is whole, from 0 on.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from minigrad.core.conversion import as_array
from minigrad.core.primitive import REALS, elementwise
from minigrad.core.table import Primitive, no_derivative
from minigrad.ops.elementwise import inexact
from minigrad.ops.special import of_scipy, scipy_value

__all__ = [
    "eval_chebyc", "eval_chebys", "eval_chebyt", "eval_chebyu", "eval_gegenbauer", "eval_genlaguerre", "eval_hermite",
    "eval_hermitenorm", "eval_jacobi", "eval_laguerre", "eval_legendre", "eval_sh_chebyt", "eval_sh_chebyu",
    "eval_sh_legendre",
]

ABOVE_HALF, ABOVE_MINUS_1 = (0.5, math.inf), (-1.0, math.inf)


def _of_degree(name: str, n: Any, *arrays: Any) -> Any:
    """A polynomial in the dtype of x: SciPy gives float64 for whole degrees of float32."""
    *parameters, x = arrays
    x = inexact(x)
    return scipy_value(name, as_array(n), *[as_array(p).astype(x.dtype) for p in parameters], x).astype(x.dtype)[()]


def _lower(polynomial: Callable[..., Any], n: Any, *arrays: Any) -> Any:
    """The polynomial of degree n - 1, which is 0 for n = 0."""
    return np.where(n == 0, 0.0, polynomial(np.where(n == 0, 1, n) - 1, *arrays))


eval_gegenbauer: Primitive = elementwise(
    of_scipy("eval_gegenbauer", "n alpha x", _of_degree), no_derivative, no_derivative,
    lambda g, n, alpha, x: g * (2 * alpha * _lower(eval_gegenbauer, n, alpha + 1.0, x)),
    domain=(REALS, ABOVE_HALF, REALS), real=True, doc="Gegenbauer's polynomial of degree n at x.",
)
eval_legendre = elementwise(
    of_scipy("eval_legendre", "n x", _of_degree), no_derivative, lambda g, n, x: g * _lower(eval_gegenbauer, n, 1.5, x),
    domain=(REALS, REALS), real=True, doc="Legendre's polynomial of degree n at x.",
)
eval_chebyu: Primitive = elementwise(
    of_scipy("eval_chebyu", "n x", _of_degree),
    no_derivative, lambda g, n, x: g * (2 * _lower(eval_gegenbauer, n, 2.0, x)),
    domain=(REALS, REALS), real=True, doc="Chebyshev's polynomial of the second kind of degree n at x.",
)
eval_chebyt = elementwise(
    of_scipy("eval_chebyt", "n x", _of_degree), no_derivative, lambda g, n, x: g * (n * _lower(eval_chebyu, n, x)),
    domain=(REALS, REALS), real=True, doc="Chebyshev's polynomial of the first kind of degree n at x.",
)
eval_chebys: Primitive = elementwise(
    of_scipy("eval_chebys", "n x", _of_degree),
    no_derivative, lambda g, n, x: g * _lower(eval_gegenbauer, n, 2.0, x / 2),
    domain=(REALS, REALS), real=True, doc="eval_chebyu(n, x / 2)",
)
eval_chebyc = elementwise(
    of_scipy("eval_chebyc", "n x", _of_degree), no_derivative, lambda g, n, x: g * (n * _lower(eval_chebys, n, x)),
    domain=(REALS, REALS), real=True, doc="2 eval_chebyt(n, x / 2)",
)
eval_sh_legendre = elementwise(
    of_scipy("eval_sh_legendre", "n x", _of_degree),
    no_derivative, lambda g, n, x: g * (2 * _lower(eval_gegenbauer, n, 1.5, 2 * x - 1)),
    domain=(REALS, REALS), real=True, doc="eval_legendre(n, 2 x - 1)",
)
eval_sh_chebyu: Primitive = elementwise(
    of_scipy("eval_sh_chebyu", "n x", _of_degree),
    no_derivative, lambda g, n, x: g * (4 * _lower(eval_gegenbauer, n, 2.0, 2 * x - 1)),
    domain=(REALS, REALS), real=True, doc="eval_chebyu(n, 2 x - 1)",
)
eval_sh_chebyt = elementwise(
    of_scipy("eval_sh_chebyt", "n x", _of_degree),
    no_derivative, lambda g, n, x: g * (2 * n * _lower(eval_sh_chebyu, n, x)),
    domain=(REALS, REALS), real=True, doc="eval_chebyt(n, 2 x - 1)",
)
eval_hermite: Primitive = elementwise(
    of_scipy("eval_hermite", "n x", _of_degree),
    no_derivative, lambda g, n, x: g * (2 * n * _lower(eval_hermite, n, x)),
    domain=(REALS, REALS), real=True, doc="Hermite's polynomial of degree n at x, orthogonal under exp(-x²).",
)
eval_hermitenorm: Primitive = elementwise(
    of_scipy("eval_hermitenorm", "n x", _of_degree),
    no_derivative, lambda g, n, x: g * (n * _lower(eval_hermitenorm, n, x)),
    domain=(REALS, REALS), real=True, doc="Hermite's polynomial of degree n at x, orthogonal under exp(-x² / 2).",
)
eval_genlaguerre: Primitive = elementwise(
    of_scipy("eval_genlaguerre", "n alpha x", _of_degree), no_derivative, no_derivative,
    lambda g, n, alpha, x: g * -_lower(eval_genlaguerre, n, alpha + 1.0, x),
    domain=(REALS, ABOVE_MINUS_1, REALS), real=True, doc="The generalised polynomial of Laguerre of degree n at x.",
)
eval_laguerre = elementwise(
    of_scipy("eval_laguerre", "n x", _of_degree),
    no_derivative, lambda g, n, x: g * -_lower(eval_genlaguerre, n, 1.0, x),
    domain=(REALS, REALS), real=True, doc="Laguerre's polynomial of degree n at x.",
)
eval_jacobi: Primitive = elementwise(
    of_scipy("eval_jacobi", "n alpha beta x", _of_degree), no_derivative, no_derivative, no_derivative,
    lambda g, n, alpha, beta, x: g
    * ((n + alpha + beta + 1) / 2 * _lower(eval_jacobi, n, alpha + 1.0, beta + 1.0, x)),
    domain=(REALS, ABOVE_MINUS_1, ABOVE_MINUS_1, REALS), real=True, doc="Jacobi's polynomial of degree n at x.",
)
