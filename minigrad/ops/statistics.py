"""Statistics: weighted averages, covariance, reductions that leave out NaN, and polynomials by their coefficients.

A NaN that is left out has the gradient 0.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.lib.array_utils import normalize_axis_tuple

from minigrad.core.conversion import alike, detached
from minigrad.core.members import anywhere, everywhere, is_true
from minigrad.core.table import derived
from minigrad.errors import HyperparameterError, ShapeError
from minigrad.ops.along import beside, floating, given, narrowed, require_real, widened
from minigrad.support.user_warnings import warn

__all__ = ["average", "corrcoef", "cov", "polyval", "vander"]

# -- averages -----------------------------------------------------------------------------------------


def _weights_for(a: Any, weights: Any, axis: Any) -> Any:
    """Weights in the shape of a, or along the axes that they are for. Raises ``ShapeError`` if they do not fit."""
    if weights.shape == a.shape:
        return weights
    if axis is None:
        raise ShapeError(
            f"average: weights of another shape than the values need axis=; got {weights.shape} and {a.shape}"
        )
    axes = normalize_axis_tuple(axis, len(a.shape))
    if weights.shape != tuple([a.shape[n] for n in axes]):
        raise ShapeError(
            f"average over axis={axis} of shape {a.shape}: expected weights of that shape or of "
            f"{tuple([a.shape[n] for n in axes])}, got {weights.shape}"
        )
    in_order = np.transpose(weights, sorted(range(len(axes)), key=axes.__getitem__))
    return np.reshape(in_order, [size if n in axes else 1 for n, size in enumerate(a.shape)])


@derived(np.average)
def average(a: Any, axis: Any = None, weights: Any = None, returned: bool = False, keepdims: bool = False) -> Any:
    """The average over ``axis``, weighted or not: sum(weights * a) / sum(weights).

    ``weights`` have the shape of a, or of the axes named; they have a gradient too, and those of integers take the
    dtype of a. With ``returned`` the sum of the weights comes second. Raises ``ShapeError`` for weights that do not
    fit, ``ZeroDivisionError`` where they sum to 0.
    """
    a = floating(a)
    if weights is None:
        mean = np.mean(a, axis, keepdims=keepdims)
        count = a.size / mean.size if mean.size else 0
        return (mean, np.full(mean.shape, count, mean.dtype)[()]) if returned else mean
    weights = _weights_for(a, beside(a, weights), axis)
    weights = np.broadcast_to(weights, a.shape)
    total = np.sum(widened(weights), axis, keepdims=keepdims)
    if anywhere(total == 0):
        raise ZeroDivisionError("average: the weights sum to zero, so there is nothing to divide by")
    mean = narrowed(np.sum(widened(a) * weights, axis, keepdims=keepdims) / total, a, weights)
    return (mean, narrowed(total, weights)) if returned else mean


# -- covariance -----------------------------------------------------------------------------------------


def _observations(m: Any, rowvar: bool) -> Any:
    """Variables in rows and observations in columns."""
    m = floating(m)
    if len(m.shape) > 2:
        raise ShapeError(f"cov takes variables and observations, at most two axes; got shape {m.shape}")
    if len(m.shape) < 2:
        return np.reshape(m, (1, m.size))
    return m if rowvar else np.transpose(m)


def _together(m: Any, y: Any, rowvar: bool) -> Any:
    """All variables in rows."""
    x = _observations(m, rowvar)
    return x if y is None else np.concatenate([x, _observations(y, rowvar)])


def _observation_weights(x: Any, fweights: Any, aweights: Any) -> Any:
    """The weight of each observation: how often it was made, times how much it counts. None where neither is given."""
    product = None
    for name, each in (("fweights", fweights), ("aweights", aweights)):
        if each is None:
            continue
        require_real(f"cov with {name}", each)
        weights = beside(x, each)
        if weights.shape != x.shape[1:]:
            raise ShapeError(f"cov: {name} have one number for each of {x.shape[1]} observations, got {weights.shape}")
        valid = weights >= 0 if name == "aweights" else (weights >= 0) & (weights == np.rint(weights))
        if not everywhere(valid):
            raise HyperparameterError(f"cov: {name} are not negative, and fweights are whole numbers")
        product = weights if product is None else product * weights
    return product


@derived(np.cov)
def cov(
    m: Any, y: Any = None, rowvar: bool = True, bias: bool = False, ddof: int | None = None,
    fweights: Any = None, aweights: Any = None,
) -> Any:
    """The covariance matrix of variables in the rows of m (in its columns unless ``rowvar``), and of y.

    Divided by n - 1, by n if ``bias``, by n - ddof if that is given. ``fweights`` say how often each observation
    was made, ``aweights`` how much it counts; the latter have a gradient too. float32 stays float32, where NumPy
    gives float64. Raises ``ShapeError`` and ``HyperparameterError`` for what does not fit.
    """
    x = _together(m, y, rowvar)
    given_as, x = x, widened(x)
    if ddof is None:
        ddof = 0 if bias else 1
    elif ddof != int(ddof):
        raise HyperparameterError(f"cov(ddof={ddof}): expected a whole number")
    weights = _observation_weights(x, fweights, aweights)
    if weights is None:
        mean, degrees = np.mean(x, 1, keepdims=True), x.shape[1] - ddof
    else:
        total = np.sum(weights)
        if is_true(total == 0):
            raise ZeroDivisionError("the weights sum to zero, so there is nothing to divide by")
        mean = np.sum(x * weights, 1, keepdims=True) / total
        lost = 1 if aweights is None else np.sum(weights * beside(x, aweights)) / total
        degrees = total - ddof * lost
    if is_true(degrees <= 0):
        warn("Degrees of freedom <= 0 for slice", RuntimeWarning)
        degrees = x.dtype.type(0)
    deviations = x - mean
    weighted = deviations if weights is None else deviations * weights
    across = np.conjugate(weighted.T) if x.dtype.kind == "c" else weighted.T
    return narrowed(np.squeeze(np.matmul(deviations, across) / degrees), given_as)


@derived(np.corrcoef)
def corrcoef(x: Any, y: Any = None, rowvar: bool = True) -> Any:
    """The correlation of variables in the rows of x (in its columns unless ``rowvar``), and of y: from -1 to 1.

    float32 stays float32, where NumPy gives float64. A variable that does not vary has no correlation: NaN.
    """
    together = _together(x, y, rowvar)
    wide = widened(together)
    # A correlation has no unit: in one of its own for each variable no square is out of range.
    size = np.max(np.abs(detached(wide)), 1, keepdims=True, initial=0)
    c = cov(wide / np.where((size > 0) & (size < math.inf), size, 1))
    if not len(c.shape):
        return narrowed(c / c, together)
    each = np.arange(len(c))
    scale = np.sqrt(np.real(c[each, each]))
    c = c / scale[:, None] / scale
    if c.dtype.kind != "c":
        return narrowed(np.clip(c, -1, 1), together)
    return np.clip(np.real(c), -1, 1) + 1j * np.clip(np.imag(c), -1, 1)


# -- polynomials ----------------------------------------------------------------------------------------


@derived(np.polyval)
def polyval(p: Any, x: Any) -> Any:
    """The polynomial p[0] * x**(n-1) + ... + p[n-1] at x, by Horner's rule; both have a gradient."""
    p, x = alike([p, x])  # a number of Python's loses no digits beside float64
    z = np.zeros_like(x)
    for coefficient in p:
        z = z * x + coefficient
    return z


@derived(np.vander)
def vander(x: Any, N: int | None = None, increasing: bool = False) -> Any:
    """The matrix whose rows are the powers x**(N-1) ... x**0 of each element of a vector; N is its length by default.

    With ``increasing`` the powers rise. Raises ``ShapeError`` for anything but a vector.
    """
    x = given(x)
    if len(x.shape) != 1:
        raise ShapeError(f"vander takes a vector, got shape {x.shape}")
    count = len(x) if N is None else N
    ones = np.ones((len(x), min(count, 1)), x.dtype)
    factors = np.broadcast_to(x[:, None], (len(x), max(count - 1, 0)))
    powers = np.cumprod(np.concatenate([ones, factors], 1), 1)
    return powers if increasing else powers[:, ::-1]
