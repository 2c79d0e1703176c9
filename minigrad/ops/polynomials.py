"""Polynomials by their coefficients, the highest power first: arithmetic, derivatives, roots, and fits to data."""

from __future__ import annotations

import operator
from typing import Any

import numpy as np

from minigrad.core.conversion import alike, detached
from minigrad.core.members import everywhere, is_true
from minigrad.core.table import derived
from minigrad.errors import HyperparameterError, ShapeError
from minigrad.ops.along import beside, first_true, floating, given
from minigrad.ops.eigenvalues import eigvals
from minigrad.ops.least_squares import lstsq
from minigrad.ops.linalg import inv
from minigrad.ops.statistics import vander
from minigrad.support.user_warnings import warn

__all__ = [
    "poly", "polyadd", "polyder", "polydiv", "polyfit", "polygrid2d", "polyint", "polymul", "polysub", "polyval2d",
    "roots",
]

# -- arithmetic -------------------------------------------------------------------------------------


def _both(a1: Any, a2: Any) -> list[Any]:
    """Two lists of coefficients as arrays; Python's numbers take the dtype of the other."""
    return [np.atleast_1d(a) for a in alike([_coefficients(a1), _coefficients(a2)])]


def _coefficients(p: Any) -> Any:
    """Coefficients; those of ``np.poly1d`` too."""
    return p.coeffs if isinstance(p, np.poly1d) else p


def _in_front(a: Any, count: int) -> Any:
    return np.concatenate([np.zeros(count, a.dtype), a]) if count > 0 else a


@derived(np.polyadd)
def polyadd(a1: Any, a2: Any) -> Any:
    """The coefficients of the sum of two polynomials."""
    a1, a2 = _both(a1, a2)
    return _in_front(a1, len(a2) - len(a1)) + _in_front(a2, len(a1) - len(a2))


@derived(np.polysub)
def polysub(a1: Any, a2: Any) -> Any:
    """The coefficients of the difference of two polynomials."""
    a1, a2 = _both(a1, a2)
    return _in_front(a1, len(a2) - len(a1)) - _in_front(a2, len(a1) - len(a2))


@derived(np.polymul)
def polymul(a1: Any, a2: Any) -> Any:
    """The coefficients of the product of two polynomials, without the leading coefficients that are 0."""
    return np.convolve(*[_trimmed(a) for a in _both(a1, a2)])


def _trimmed(a: Any) -> Any:
    """Coefficients from the first on that is not 0; of none the last."""
    first = first_true(detached(a) != 0)
    return a[len(a) - 1 if first is None else first :]


@derived(np.polydiv)
def polydiv(u: Any, v: Any) -> tuple[Any, Any]:
    """The quotient and the remainder of two polynomials; without the leading coefficients that vanish."""
    u, v = [floating(a) for a in _both(u, v)]
    dtype = np.result_type(u.dtype, v.dtype)
    rest, quotient, degree = u.astype(dtype), [], len(v) - 1
    for k in range(len(u) - degree):
        share = rest[k] / v[0]
        quotient.append(share)
        rest = rest - np.concatenate([np.zeros(k, dtype), share * v, np.zeros(len(u) - k - len(v), dtype)])
    first = first_true(np.abs(detached(rest)) > 1e-8)
    return np.stack(quotient) if quotient else np.zeros(1, dtype), rest[-1 if first is None else first :]


# -- calculus ---------------------------------------------------------------------------------------


def _order(name: str, m: Any) -> int:
    order: int = operator.index(m)
    if order < 0:
        raise HyperparameterError(f"{name}(m={m}): the order is 0 or more")
    return order


@derived(np.polyder)
def polyder(p: Any, m: int = 1) -> Any:
    """The coefficients of the derivative of order m. Raises ``HyperparameterError`` for a negative one."""
    p = given(_coefficients(p))
    for _ in range(_order("polyder", m)):
        p = p[:-1] * np.arange(len(p) - 1, 0, -1).astype(p.dtype)
    return p


@derived(np.polyint)
def polyint(p: Any, m: int = 1, k: Any = None) -> Any:
    """The coefficients of the integral of order m; ``k`` are the constants of integration, one for each order.

    Raises ``HyperparameterError`` for a negative order, ``ShapeError`` for too few constants.
    """
    p = floating(_coefficients(p))
    m = _order("polyint", m)
    constants = np.atleast_1d(beside(p, np.zeros(m, np.float64) if k is None else k))
    if len(constants) == 1 and m > 1:
        constants = np.repeat(constants, m)
    if len(constants) < m:
        raise ShapeError(f"polyint of order {m} takes one constant, or {m}; got {len(constants)}")
    for n in range(m):
        p = np.concatenate([p / np.arange(len(p), 0, -1).astype(p.dtype), constants[n : n + 1].astype(p.dtype)])
    return p


# -- series in two variables, the lowest power first --------------------------------------------------


def _rising(x: Any, c: Any) -> Any:
    """c[0] + c[1] x + c[2] x**2 + ..., where what c has behind its first axis broadcasts with x."""
    z = c[-1] + x * 0
    for n in range(len(c) - 2, -1, -1):
        z = c[n] + z * x
    return z


def _of_two(x: Any, y: Any, c: Any) -> tuple[Any, Any, Any]:
    x, y, c = alike([x, y, c])
    if c.ndim < 2:
        raise ShapeError(f"a series in two variables has coefficients (n, m, ...), got shape {c.shape}")
    return x, y, np.reshape(c, c.shape + (1,) * x.ndim)


@derived("numpy.polynomial.polynomial.polyval2d")
def polyval2d(x: Any, y: Any, c: Any) -> Any:
    """The sum of ``c[i, j] * x**i * y**j`` at points of one shape; further axes of c come first in the result.

    All three have gradients. Raises ``ShapeError`` for x and y of different shapes.
    """
    if np.shape(x) != np.shape(y):
        raise ShapeError(f"polyval2d takes x and y of one shape, got {np.shape(x)} and {np.shape(y)}")
    x, y, c = _of_two(x, y, c)
    return _rising(y, _rising(x, c))


@derived("numpy.polynomial.polynomial.polygrid2d")
def polygrid2d(x: Any, y: Any, c: Any) -> Any:
    """The sum of ``c[i, j] * x**i * y**j`` for each of x with each of y: shape ``c.shape[2:] + x.shape + y.shape``."""
    x, y, c = _of_two(x, y, c)
    columns = _rising(x, c)
    return _rising(y, np.reshape(columns, columns.shape + (1,) * y.ndim))


# -- roots ------------------------------------------------------------------------------------------


@derived(np.poly)
def poly(seq_of_zeros: Any) -> Any:
    """The coefficients of the polynomial with these roots, or of the characteristic one of a square matrix.

    Where complex roots come in conjugate pairs the result is real. Raises ``ShapeError`` for another shape.
    """
    zeros = np.atleast_1d(floating(seq_of_zeros))
    if zeros.ndim == 2 and zeros.shape[0] == zeros.shape[1] != 0:
        zeros = eigvals(zeros)
    elif zeros.ndim != 1:
        raise ShapeError(f"poly takes roots as a vector, or a square matrix; got shape {zeros.shape}")
    if not zeros.size:
        return 1.0
    a = np.ones(1, zeros.dtype)
    for n in range(len(zeros)):
        a = np.convolve(a, np.concatenate([np.ones(1, zeros.dtype), -zeros[n : n + 1]]))
    if a.dtype.kind == "c":
        plain = detached(zeros)
        if everywhere(np.sort(plain) == np.sort(np.conjugate(plain))):
            return np.real(a)
    return a


@derived(np.roots)
def roots(p: Any) -> Any:
    """The roots of a polynomial, as eigenvalues of a matrix: complex, unless all are real. Raises ``ShapeError``."""
    p = np.atleast_1d(floating(_coefficients(p)))
    if p.ndim != 1:
        raise ShapeError(f"roots takes a vector of coefficients, got shape {p.shape}")
    there = detached(p) != 0
    first, at_zero = first_true(there), first_true(there[::-1])
    if first is None or at_zero is None:
        return np.zeros(0, np.float64)
    p = p[first : len(p) - at_zero]
    if len(p) == 1:
        return np.zeros(at_zero, p.dtype)
    first = -p[1:] / p[0]
    z = eigvals(np.concatenate([np.reshape(first, (1, -1)), np.eye(len(p) - 2, len(p) - 1, dtype=p.dtype)]))
    return np.concatenate([z, np.zeros(at_zero, z.dtype)])


# -- fits -------------------------------------------------------------------------------------------


@derived(np.polyfit)
def polyfit(
    x: Any, y: Any, deg: int, rcond: float | None = None, full: bool = False, w: Any = None, cov: Any = False
) -> Any:
    """The polynomial of degree ``deg`` with the least sum of ``(w * (y - p(x)))**2``: its coefficients.

    x, y and the weights w have gradients. y (n,) or (n, k) holds one or several sets of values. With ``cov`` the
    covariance matrix of the coefficients comes second ("unscaled": for weights that are 1 over the deviations); with
    ``full`` come the residuals, the rank, the singular values and rcond, as in NumPy. Raises ``ShapeError`` and
    ``HyperparameterError`` for what does not fit.
    """
    deg = operator.index(deg)
    x, y = [floating(a) for a in alike([x, y])]
    if deg < 0:
        raise HyperparameterError(f"polyfit(deg={deg}): the degree is 0 or more")
    if x.ndim != 1 or not x.size or y.ndim not in (1, 2) or len(x) != len(y):
        raise ShapeError(f"polyfit takes x (n,) and y (n,) or (n, k), with n > 0; got shapes {x.shape} and {y.shape}")
    rcond = len(x) * float(np.finfo(x.dtype).eps) if rcond is None else rcond
    powers, values = vander(x, deg + 1), y
    if w is not None:
        w = floating(beside(x, w))
        if w.shape != x.shape:
            raise ShapeError(f"polyfit takes one weight for each of {len(x)} points, got shape {w.shape}")
        powers, values = powers * w[:, None], values * (w[:, None] if y.ndim == 2 else w)
    scale = np.sqrt(np.sum(powers * powers, 0))
    powers = powers / scale
    fit = lstsq(powers, values, rcond)
    coefficients = fit.solution / (scale[:, None] if y.ndim == 2 else scale)
    if full:
        return coefficients, fit.residuals, fit.rank, fit.singular_values, rcond
    if is_true(fit.rank != deg + 1, np.any):
        warn("Polyfit may be poorly conditioned", np.exceptions.RankWarning)
    if not cov:
        return coefficients
    spread = inv(np.matmul(powers.T, powers)) / np.outer(scale, scale)
    factor: Any = 1
    if not (isinstance(cov, str) and cov == "unscaled"):
        if len(x) <= deg + 1:
            raise HyperparameterError("polyfit: for a scaled covariance there must be more points than coefficients")
        factor = fit.residuals / (len(x) - deg - 1)
    return coefficients, (spread if y.ndim == 1 else spread[:, :, None]) * factor
