"""Functions of a whole matrix that are made of its exponential, and its logarithm, under the names of SciPy."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from minigrad.core.primitive import primitive
from minigrad.core.stands import numpy_function
from minigrad.core.table import Primitive, derived
from minigrad.ops.linalg import inv, matrix_power, side, solve, transposed
from minigrad.ops.matrix_equations import warned
from minigrad.ops.matrix_functions import corner, each, expm, sqrtm, square_root

__all__ = ["coshm", "cosm", "fractional_matrix_power", "logm", "sinhm", "sinm", "tanhm", "tanm"]


#: Where this norm of a - 1 is reached by square roots, an approximation of order [8/8] has all digits of a float64.
_NEAR = 0.25


def _log_of_one(a: Any) -> Any:
    """The principal logarithm of one matrix; NaN where that of a real one is complex, or there is none."""
    if not np.isfinite(a).all():
        return np.full_like(a, math.nan)
    unit = np.eye(len(a), dtype=a.dtype)
    if (a == np.conjugate(a.T)).all():
        w, v = np.linalg.eigh(a)
        valid = np.abs(w) > len(w) * np.finfo(w.dtype).eps * np.abs(w).max(initial=0)
        valid = valid if a.dtype.kind == "c" else valid & (w > 0)
        logs = np.log(np.where(valid, w, 1).astype(a.dtype)) * np.where(valid, 1, math.nan)
        return (v * logs) @ np.conjugate(v.T)
    x, roots = a - unit, 0
    while np.abs(x).sum(0).max() > _NEAR and roots < 100:
        a, roots = square_root(a), roots + 1
        x = np.linalg.solve(a + unit, x)  # this is a - 1, which by itself would have lost digits
    if not np.isfinite(x).all():
        return np.full_like(a, math.nan)
    z = np.zeros_like(a)
    for t, weight in zip(*np.polynomial.legendre.leggauss(8), strict=True):
        z += weight / 2 * np.linalg.solve(unit + (t + 1) / 2 * x, x)
    return z * 2.0**roots


@numpy_function
def logarithm(a: Any) -> Any:
    """The principal logarithm of each matrix: Higham, Functions of Matrices, 2008, by square roots and quadrature."""
    return each(_log_of_one, a)


def _logm(a: Any) -> Any:
    side("logm", a)
    return warned(
        logarithm(a), a,
        "eigenvalues that are negative or 0 encountered in logm: the logarithm of a real matrix is complex there, or "
        "there is none, and it is NaN here. Write logm(a.astype(complex))",
    )


logm: Primitive = primitive(
    _logm, lambda g, a: corner(logm, transposed(a), g),
    name="logm", holomorphic=True,
    doc="The principal logarithm of each square matrix, the inverse of ``expm``. Gradients of every order are exact, "
    "also at equal eigenvalues. Of real a with negative eigenvalues the logarithm is complex, and NaN here: write "
    "logm(a.astype(complex)); singular a have none. A matrix that is not symmetric (Hermitian) needs SciPy. Raises "
    "``ShapeError``.",
)


@derived()
def fractional_matrix_power(a: Any, t: float) -> Any:
    """The matrix to the real power t: ``expm(t * logm(a))``, of whole t a product. NaN and errors as in ``logm``."""
    side("fractional_matrix_power", a)
    if t == int(t):
        return matrix_power(a, int(t))
    if t in (0.5, -0.5):
        return sqrtm(a) if t > 0 else inv(sqrtm(a))
    return expm(logm(a) * t)


def _exp_of_i(a: Any) -> Any:
    """exp(i a) for real a, whose real part is the cosine and whose imaginary part the sine."""
    side("cosm", a)
    return expm(a * 1j)


@derived()
def cosm(a: Any) -> Any:
    """The cosine of each square matrix, not that of its elements."""
    return (_exp_of_i(a) + expm(a * -1j)) / 2 if np.iscomplexobj(a) else np.real(_exp_of_i(a))


@derived()
def sinm(a: Any) -> Any:
    """The sine of each square matrix, not that of its elements."""
    return (_exp_of_i(a) - expm(a * -1j)) * -0.5j if np.iscomplexobj(a) else np.imag(_exp_of_i(a))


@derived()
def tanm(a: Any) -> Any:
    """The tangent of each square matrix: ``solve(cosm(a), sinm(a))``."""
    return solve(cosm(a), sinm(a))


@derived()
def coshm(a: Any) -> Any:
    """The hyperbolic cosine of each square matrix, not that of its elements."""
    side("coshm", a)
    return (expm(a) + expm(np.negative(a))) / 2


@derived()
def sinhm(a: Any) -> Any:
    """The hyperbolic sine of each square matrix, not that of its elements."""
    side("sinhm", a)
    return (expm(a) - expm(np.negative(a))) / 2


@derived()
def tanhm(a: Any) -> Any:
    """The hyperbolic tangent of each square matrix: ``solve(coshm(a), sinhm(a))``."""
    return solve(coshm(a), sinhm(a))
