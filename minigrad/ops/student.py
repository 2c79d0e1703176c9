"""Student's t distribution, with SciPy: its shares and their inverse, with derivatives in the degrees of freedom.

Imported when one is asked for.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from minigrad.core.primitive import REALS, elementwise
from minigrad.core.table import Primitive, derived
from minigrad.ops.densities import stirling
from minigrad.ops.elementwise import POSITIVE
from minigrad.ops.incomplete_functions import SHARES, by_shape_of_beta
from minigrad.ops.log_shares import log_betainc
from minigrad.ops.special import gammaln, of_scipy

__all__ = ["stdtr", "stdtrit"]


def half_step(x: Any) -> Any:
    """gammaln(x + 1/2) - gammaln(x), whose large parts cancel."""
    large = x > 10
    far, near = np.where(large, x, 11.0), np.where(large, 1.0, x)
    rise = far * np.log1p(0.5 / far) - 0.5 + np.log(far) / 2 + stirling(far + 0.5) - stirling(far)
    return np.where(large, rise, gammaln(near + 0.5) - gammaln(near))


@derived(domain=(POSITIVE, REALS))
def student_density(df: Any, t: Any) -> Any:
    """The logarithm of the density of Student's t distribution of ``df`` degrees of freedom, of any size."""
    root = np.sqrt(df)
    stretched = np.abs(t) / root
    far = stretched > 1e8
    log_square = np.where(far, 2 * np.log(np.where(far, stretched, 1.0)), np.log1p(np.where(far, 0.0, t / root) ** 2))
    return half_step(df / 2) - np.log(df * math.pi) / 2 - (df + 1) / 2 * log_square


def _by_freedom(df: Any, t: Any) -> Any:
    """The derivative of stdtr by df: by the shape of a share of beta, and by where that is taken."""
    tiny = np.abs(t) < 1e-15  # there it is linear in t, and what it is made of has a root
    u = np.where(tiny, 1e-15, t)
    whole = df + u * u
    change = by_shape_of_beta(df / 2, 0.5 + 0 * df, df / whole, 1, u * u / whole)
    slope = np.sign(u) * change / -4 - np.exp(student_density(df, u)) * u / (2 * df)
    return slope * np.where(tiny, t / 1e-15, 1.0)


stdtr: Primitive = elementwise(
    of_scipy("stdtr", "df t"),
    lambda g, df, t: g * _by_freedom(df, t),
    lambda g, df, t: g * np.exp(student_density(df, t)),
    domain=(POSITIVE, REALS), real=True,
    doc="The share of Student's t distribution of df degrees of freedom below t.",
)
stdtrit: Primitive = elementwise(
    of_scipy("stdtrit", "df p"),
    lambda g, z, df: -g * (_by_freedom(df, z) * np.exp(-student_density(df, z))),
    lambda g, z, df: g * np.exp(-student_density(df, z)),
    domain=(POSITIVE, SHARES), real=True,
    doc="The t below which a share p of Student's t distribution of df degrees of freedom is.",
)


@derived(domain=(POSITIVE, REALS))
def log_stdtr(df: Any, t: Any) -> Any:
    """log(stdtr(df, t)), exact in the tail."""
    stretched = t / np.sqrt(df)
    beyond = stretched < -1e10
    small = ~beyond & (t < 0) & ((stdtr(df, np.minimum(t, 0.0)) < 1e-4) | (stretched < -1))
    far, many = np.where(beyond, t, -1.0), np.where(beyond, df, 1.0)
    power = student_density(many, far) + np.log(-far) - np.log(many)  # there the density is a power
    tail, freedom = np.where(small, t, -1.0), np.where(small, df, 1.0)
    log_tail = log_betainc(freedom / 2, 0.5 + 0 * freedom, freedom / (freedom + tail * tail)) - math.log(2)
    near = np.where(small | beyond, 0.0, t)
    share = stdtr(np.where(small | beyond, 1.0, df), np.where(near < 0, near, -near))  # np.abs has no slope at 0
    rest = np.where(near < 0, np.log(share), np.log1p(-share))
    return np.where(beyond, power, np.where(small, log_tail, rest))
