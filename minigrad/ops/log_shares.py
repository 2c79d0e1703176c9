"""Logarithms of incomplete gamma and beta functions, exact in both tails, where the shares themselves underflow.

Imported when one is asked for, and need SciPy.
"""

from __future__ import annotations

import functools
import math
from typing import Any

import numpy as np

from minigrad.core.primitive import elementwise
from minigrad.core.table import Primitive
from minigrad.ops.along import nowhere, require_real
from minigrad.ops.densities import log_beta, log_poisson
from minigrad.ops.elementwise import POSITIVE
from minigrad.ops.incomplete_functions import SHARES, beta_sides, gamma_parts, where_known
from minigrad.ops.special import scipy_value

__all__: list[str] = []

#: A share below this comes from the integrals: SciPy's has lost digits there, and underflows further out.
_SMALL = 1e-4


def _log_small(name: str, arguments: Any, share: Any, tail: Any) -> Any:
    """The logarithm of a share of at most a half."""
    small = share < _SMALL
    with np.errstate(divide="ignore"):
        plain = np.log(share)
    if nowhere(small):
        return plain
    if type(small) is np.ndarray:  # of plain arrays, the small ones alone
        logarithm, own = tail(*[np.broadcast_to(y, small.shape)[small] for y in arguments])
        plain[small] = np.where(own, logarithm, plain[small])
        return plain
    safe = [np.where(small, y, other) for y, other in zip(arguments, _SAFE[name], strict=True)]
    logarithm, own = tail(*safe)
    return np.where(small & own, logarithm, plain)


def _log_share(name: str, other: str, *arguments: Any, tails: Any) -> Any:
    """The logarithm of a share, where ``other`` is the rest; ``tails`` give those of small ones."""
    share, rest = scipy_value(name, *arguments), scipy_value(other, *arguments)
    more = share > 0.5
    own = _log_small(name, arguments, np.where(more, 1.0, share), tails[0])
    others = _log_small(name, _complement(name, arguments), np.where(more, rest, 1.0), tails[1])
    logarithm = np.where(more, np.log1p(-np.exp(np.where(more, others, -1.0))), own)
    return logarithm.astype(share.dtype)[()]


def _complement(name: str, arguments: Any) -> Any:
    """The arguments with which the function gives the rest."""
    if name == "betainc":
        a, b, x = arguments
        return b, a, 1 - x
    return arguments


#: Arguments for which the tail can be worked out where it is not asked for.
_SAFE = {"gammainc": (2.0, 1.0), "gammaincc": (1.0, 2.0), "betainc": (2.0, 2.0, 0.1)}


def _log_tail_of_gamma(a: Any, x: Any, side: float) -> Any:
    """The logarithm of the share on a side of x, and whether that is the side of the integrals."""
    inside = (x > 0) & (x < math.inf) & (a > 0)
    a, x = np.where(inside, a, 1.0), np.where(inside, x, 1.0)
    taken, (mass, _) = gamma_parts(a, x)
    return log_poisson(a, x) + np.log(a) + np.log(mass), inside & (taken == side)


def _log_tail_of_beta(a: Any, b: Any, x: Any) -> Any:
    inside = (x > 0) & (a > 0) & (b > 0)
    a, b, x = (np.where(inside, y, safe) for y, safe in ((a, 2.0), (b, 2.0), (x, 0.1)))
    below, log_density, (mass, *_) = beta_sides(a, b, x)
    return log_density + np.log(mass), inside & below


_below = functools.partial(_log_tail_of_gamma, side=1.0)
_above = functools.partial(_log_tail_of_gamma, side=-1.0)


def _alike(name: str, *arguments: Any) -> Any:
    require_real(name, *arguments)
    dtype = np.result_type(*arguments)
    dtype = dtype if dtype.kind == "f" else np.dtype(np.float64)
    return [y.astype(dtype) if hasattr(y, "dtype") else np.asarray(y, dtype) for y in arguments]


def _by_shape_of_log(z: Any, a: Any, x: Any, side: int) -> Any:
    """The derivative of the logarithm of the share below x (side 1) or above (side -1) by a."""

    def slope(z: Any, a: Any, x: Any) -> Any:
        taken, (mass, of_log) = gamma_parts(a, x)
        own = taken == side
        ratio = np.exp(np.where(own, 0.0, log_poisson(a, x) + np.log(a) - z))
        return np.where(own, of_log / mass, -of_log * ratio)

    return where_known(x, (a > 0) & (x >= 0), slope, (z, -1.0), (a, 1.0), (x, 1.0))


def _by_shape_of_log_beta(z: Any, a: Any, b: Any, x: Any, number: int) -> Any:
    """The derivative of log_betainc by a (number 1) or b (number 2)."""

    def slope(z: Any, a: Any, b: Any, x: Any) -> Any:
        below, log_density, integrals = beta_sides(a, b, x)
        ratio = np.exp(np.where(below, 0.0, log_density - z))
        return np.where(below, integrals[number] / integrals[0], -integrals[number] * ratio)

    known = (a > 0) & (b > 0) & (x >= 0) & (x <= 1)
    return where_known(np.where(x == 1, math.inf, x), known, slope, (z, -1.0), (a, 1.0), (b, 1.0), (x, 0.5))


log_gammainc: Primitive = elementwise(
    lambda a, x: _log_share("gammainc", "gammaincc", *_alike("log_gammainc", a, x), tails=(_below, _above)),
    lambda g, z, a, x: g * _by_shape_of_log(z, a, x, 1),
    lambda g, z, a, x: g * np.exp(log_poisson(a - 1, x) - z),
    name="log_gammainc", domain=(POSITIVE, POSITIVE), real=True,
    doc="log(gammainc(a, x)), exact where gammainc underflows.",
)
log_gammaincc: Primitive = elementwise(
    lambda a, x: _log_share("gammaincc", "gammainc", *_alike("log_gammaincc", a, x), tails=(_above, _below)),
    lambda g, z, a, x: g * _by_shape_of_log(z, a, x, -1),
    lambda g, z, a, x: -g * np.exp(log_poisson(a - 1, x) - z),
    name="log_gammaincc", domain=(POSITIVE, POSITIVE), real=True,
    doc="log(gammaincc(a, x)), exact where gammaincc underflows.",
)
log_betainc: Primitive = elementwise(
    lambda a, b, x:
        _log_share("betainc", "betaincc", *_alike("log_betainc", a, b, x), tails=(_log_tail_of_beta,) * 2),
    lambda g, z, a, b, x: g * _by_shape_of_log_beta(z, a, b, x, 1),
    lambda g, z, a, b, x: g * _by_shape_of_log_beta(z, a, b, x, 2),
    lambda g, z, a, b, x: g * np.exp(log_beta(a, b, x) - z),
    name="log_betainc", domain=(POSITIVE, POSITIVE, SHARES), real=True,
    doc="log(betainc(a, b, x)), exact where betainc underflows.",
)
