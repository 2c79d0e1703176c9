"""Densities and shares of standard variables, exact in both tails: what the table of families is made of."""

from __future__ import annotations

import importlib
import math
from collections.abc import Callable
from typing import Any

import numpy as np

from minigrad.core.conversion import detached
from minigrad.core.stands import numpy_function
from minigrad.distributions.family import Continuous
from minigrad.ops.activations import log_expit
from minigrad.ops.densities import log_beta, log_poisson
from minigrad.ops.elementwise import sigmoid
from minigrad.ops.error_functions import erfcinv, log_ndtr, ndtri, ndtri_exp, owens_t
from minigrad.ops.incomplete_functions import (
    betainc,
    betaincc,
    betainccinv,
    betaincinv,
    gammainc,
    gammaincc,
    gammainccinv,
    gammaincinv,
    points,
)
from minigrad.ops.log_shares import log_betainc, log_gammainc, log_gammaincc
from minigrad.ops.special import betaln, erf, erfc, erfinv, gammaln, logit, ndtr, xlogy
from minigrad.ops.student import log_stdtr, stdtr, stdtrit, student_density

_Function = Callable[..., Any]

LOG_2 = math.log(2)
ROOT_HALF = math.sqrt(0.5)
_HALF_LOG = 0.5 * math.log(2 * math.pi)


def log_rest(y: Any) -> Any:
    """log(1 - exp(-y)) for y > 0, exact for small and for large y."""
    small = y < LOG_2
    near, far = np.where(small, y, 1.0), np.where(small, 1.0, y)
    return np.where(small, np.log(-np.expm1(-near)), np.log1p(-np.exp(-far)))


def exp_of_rest(log: Any) -> Any:
    """exp(log), at most a large float64: it stands beside a power that is 0, and 0 * inf would be NaN."""
    return np.exp(np.minimum(log, 700.0))


def log_of(share: Any, rest: Any) -> Any:
    """The logarithm of a share, by the rest where that is smaller."""
    small = share < 0.5
    return np.where(small, np.log(np.where(small, share, 1.0)), np.log1p(-np.where(small, 0.0, rest)))


def _symmetric(logpdf: _Function, cdf: _Function, logcdf: _Function, ppf: _Function) -> Continuous:
    """A variable z that is distributed as -z is."""
    return Continuous(
        logpdf=logpdf,
        cdf=cdf,
        sf=lambda z, *shapes: cdf(-z, *shapes),
        logcdf=logcdf,
        logsf=lambda z, *shapes: logcdf(-z, *shapes),
        ppf=ppf,
        isf=lambda q, *shapes: -ppf(q, *shapes),
    )


# -- without shapes -----------------------------------------------------------------------------

NORMAL = _symmetric(logpdf=lambda z: z * z * -0.5 - _HALF_LOG, cdf=ndtr, logcdf=log_ndtr, ppf=ndtri)

EXPONENTIAL = Continuous(
    logpdf=lambda z: -z,
    cdf=lambda z: -np.expm1(-z),
    sf=lambda z: np.exp(-z),
    logcdf=log_rest,
    logsf=lambda z: -z,
    ppf=lambda q: -np.log1p(-q),
    isf=lambda q: -np.log(q),
)

LOGISTIC = _symmetric(logpdf=lambda z: log_expit(z) + log_expit(-z), cdf=sigmoid, logcdf=log_expit, ppf=logit)

UNIFORM = Continuous(
    logpdf=lambda z: z * 0.0,
    cdf=lambda z: z * 1.0,
    sf=lambda z: 1 - z,
    logcdf=np.log,
    logsf=lambda z: np.log1p(-z),
    ppf=lambda q: q * 1.0,
    isf=lambda q: 1 - q,
)

HALF_NORMAL = Continuous(
    logpdf=lambda z: z * z * -0.5 + (LOG_2 - _HALF_LOG),
    cdf=lambda z: erf(z * ROOT_HALF),
    sf=lambda z: erfc(z * ROOT_HALF),
    logcdf=lambda z: log_of(erf(z * ROOT_HALF), erfc(z * ROOT_HALF)),
    logsf=lambda z: np.where(z < 1, np.log1p(-erf(np.minimum(z, 1.0) * ROOT_HALF)), log_ndtr(-z) + LOG_2),
    ppf=lambda q: erfinv(q) / ROOT_HALF,
    isf=lambda q: erfcinv(q) / ROOT_HALF,
)


def _cauchy_share(z: Any) -> Any:
    return np.arctan2(1.0, -z) / math.pi


def _cauchy_quantile(q: Any) -> Any:
    """-cot(pi q), by a tangent where that is exact."""
    low, high = q < 0.25, q > 0.75
    middle = np.tan(math.pi * (np.where(low | high, 0.5, q) - 0.5))
    edge = 1 / np.tan(math.pi * np.where(low, q, np.where(high, 1 - q, 0.25)))
    return np.where(low, -edge, np.where(high, edge, middle))


CAUCHY = _symmetric(
    logpdf=lambda z: np.log(np.hypot(z, 1.0)) * -2 - math.log(math.pi),
    cdf=_cauchy_share,
    logcdf=lambda z: log_of(_cauchy_share(z), _cauchy_share(-z)),
    ppf=_cauchy_quantile,
)


def _half_cauchy_quantile(q: Any, rest: Any) -> Any:
    low = q < 0.5
    near, far = (np.tan(math.pi / 2 * np.where(choice, x, 0.5)) for choice, x in ((low, q), (~low, rest)))
    return np.where(low, near, 1 / far)


HALF_CAUCHY = Continuous(
    logpdf=lambda z: CAUCHY.logpdf(z) + LOG_2,
    cdf=lambda z: np.arctan(z) * (2 / math.pi),
    sf=lambda z: np.arctan2(1.0, z) * (2 / math.pi),
    logcdf=lambda z: log_of(np.arctan(z) * (2 / math.pi), np.arctan2(1.0, z) * (2 / math.pi)),
    logsf=lambda z: log_of(np.arctan2(1.0, z) * (2 / math.pi), np.arctan(z) * (2 / math.pi)),
    ppf=lambda q: _half_cauchy_quantile(q, 1 - q),
    isf=lambda q: _half_cauchy_quantile(1 - q, q),
)


def _laplace_share(z: Any) -> Any:
    half = np.exp(np.where(z < 0, z, -z)) / 2  # not np.abs, whose slope at 0 is 0
    return np.where(z < 0, half, 1 - half)


def _laplace_log_share(z: Any) -> Any:
    return np.where(z < 0, z - LOG_2, np.log1p(np.exp(np.where(z < 0, z, -z)) / -2))


def _laplace_quantile(q: Any) -> Any:
    low = q < 0.5
    return np.where(low, np.log(2 * np.where(low, q, 0.5)), -np.log(2 - 2 * np.where(low, 0.5, q)))


LAPLACE = _symmetric(
    logpdf=lambda z: -np.abs(z) - LOG_2, cdf=_laplace_share, logcdf=_laplace_log_share, ppf=_laplace_quantile
)

# -- with shapes --------------------------------------------------------------------------------

GAMMA = Continuous(
    logpdf=lambda z, a: log_poisson(a - 1, z),
    cdf=lambda z, a: gammainc(a, z),
    sf=lambda z, a: gammaincc(a, z),
    logcdf=lambda z, a: log_gammainc(a, z),
    logsf=lambda z, a: log_gammaincc(a, z),
    ppf=lambda q, a: gammaincinv(a, q),
    isf=lambda q, a: gammainccinv(a, q),
    powers=lambda z, a: z ** (a - 1) * np.exp(-z - gammaln(a)),
)

BETA = Continuous(
    logpdf=lambda z, a, b: log_beta(a, b, z),
    cdf=lambda z, a, b: betainc(a, b, z),
    sf=lambda z, a, b: betaincc(a, b, z),
    logcdf=lambda z, a, b: log_betainc(a, b, z),
    logsf=lambda z, a, b: _log_beside(log_betainc(b, a, 1 - z), betainc(a, b, z)),
    ppf=lambda q, a, b: betaincinv(a, b, q),
    isf=lambda q, a, b: betainccinv(a, b, q),
    powers=lambda z, a, b: z ** (a - 1) * (1 - z) ** (b - 1) * exp_of_rest(-betaln(a, b)),
)

STUDENT = _symmetric(
    logpdf=lambda z, df: student_density(df, z),
    cdf=lambda z, df: stdtr(df, z),
    logcdf=lambda z, df: log_stdtr(df, z),
    ppf=lambda q, df: stdtrit(df, q),
)


def _log_beside(log_share: Any, rest: Any) -> Any:
    """The logarithm of a share, by the rest where that is small: 1 - rest would round to 1."""
    small = rest < 0.5
    return np.where(small, np.log1p(-np.where(small, rest, 0.25)), log_share)


def _parts_of_f(z: Any, m: Any, n: Any) -> tuple[Any, Any]:
    """The share x of one chi square in the sum of both, and y = 1 - x, each exact."""
    whole = m * z + n
    return m * z / whole, n / whole


def _f_share(z: Any, m: Any, n: Any, upper: bool) -> Any:
    x, y = _parts_of_f(z, m, n)
    low = x < 0.5
    near, far = np.where(low, x, 0.5), np.where(low, 0.5, y)
    one, other = (betaincc, betainc) if upper else (betainc, betaincc)
    return np.where(low, one(m / 2, n / 2, near), other(n / 2, m / 2, far))


def _f_density(z: Any, m: Any, n: Any) -> Any:
    end = z == 0  # where all that goes by way of x would be infinite
    at_end, z = np.where(end, z, 1.0), np.where(end, 1.0, z)
    x, y = _parts_of_f(z, m, n)
    inside = log_beta(m / 2, n / 2, x, y) + np.log(m * n) - 2 * np.log(m * z + n)
    return np.where(end, xlogy(m / 2 - 1, at_end) + _f_rest(at_end, m, n), inside)


def _f_rest(z: Any, m: Any, n: Any) -> Any:
    """What the logarithm of the density has beside a power of z."""
    return np.log(m / n) * m / 2 - np.log1p(z * m / n) * (m + n) / 2 - betaln(m / 2, n / 2)


def _f_quantile(q: Any, m: Any, n: Any, upper: bool) -> Any:
    one, other = (betainccinv, betaincinv) if upper else (betaincinv, betainccinv)
    x, y = one(m / 2, n / 2, q), other(n / 2, m / 2, q)
    low = x < 0.5
    return np.where(low, x, 1 - y) / np.where(low, 1 - x, y) * (n / m)


F = Continuous(
    logpdf=_f_density,
    cdf=lambda z, m, n: _f_share(z, m, n, False),
    sf=lambda z, m, n: _f_share(z, m, n, True),
    logcdf=lambda z, m, n: _log_beside(log_betainc(m / 2, n / 2, _parts_of_f(z, m, n)[0]), _f_share(z, m, n, True)),
    logsf=lambda z, m, n: _log_beside(log_betainc(n / 2, m / 2, _parts_of_f(z, m, n)[1]), _f_share(z, m, n, False)),
    ppf=lambda q, m, n: _f_quantile(q, m, n, False),
    isf=lambda q, m, n: _f_quantile(q, m, n, True),
    powers=lambda z, m, n: z ** (m / 2 - 1) * exp_of_rest(_f_rest(z, m, n)),
)

# -- parts of the normal distribution -----------------------------------------------------------


def log_mass(a: Any, b: Any) -> Any:
    """The logarithm of the share of the standard normal distribution between a < b, exact in both tails."""
    right = a > 0
    low, high = np.where(right, -b, a), np.where(right, -a, b)
    around = high > 0
    middle = (erf(np.where(around, high, 1.0) * ROOT_HALF) + erf(np.where(around, low, -1.0) * -ROOT_HALF)) / 2
    more, less = (log_ndtr(np.where(around, safe, x)) for safe, x in ((-1.0, high), (-2.0, low)))
    return np.where(around, np.log(middle), more + log_rest(more - less))


def _truncated_quantile(q: Any, a: Any, b: Any, upper: bool) -> Any:
    """From the side on which the mass is, with the logarithm of the share up to there."""
    right = a > 0
    own, other = (np.log1p(-q), np.log(q)) if upper else (np.log(q), np.log1p(-q))
    start = log_ndtr(np.where(right, -b, a))
    z = ndtri_exp(np.logaddexp(start, np.where(right, other, own) + log_mass(a, b)))
    return np.where(right, -z, z)


def _log_part(part: Any, rest: Any, whole: Any) -> Any:
    """The logarithm of a part of the mass, by the rest where that is smaller; all are logarithms."""
    small = rest < whole - LOG_2
    return np.where(small, np.log1p(-np.exp(np.where(small, rest - whole, -1.0))), part - whole)


TRUNCATED = Continuous(
    logpdf=lambda z, a, b: NORMAL.logpdf(z) - log_mass(a, b),
    cdf=lambda z, a, b: np.exp(log_mass(a, z) - log_mass(a, b)),
    sf=lambda z, a, b: np.exp(log_mass(z, b) - log_mass(a, b)),
    logcdf=lambda z, a, b: _log_part(log_mass(a, z), log_mass(z, b), log_mass(a, b)),
    logsf=lambda z, a, b: _log_part(log_mass(z, b), log_mass(a, z), log_mass(a, b)),
    ppf=lambda q, a, b: _truncated_quantile(q, a, b, False),
    isf=lambda q, a, b: _truncated_quantile(q, a, b, True),
)


def _skew_density(z: Any, a: Any) -> Any:
    return NORMAL.logpdf(z) + log_ndtr(a * z) + LOG_2


def _skew_tail(z: Any, a: Any) -> Any:
    """The logarithm of the share below z, which is below the mode: an integral relative to the density."""
    v, weight = points(z.dtype)
    width = 1 / (1 + np.abs(z) + np.abs(a) * (1 + np.abs(a * z)))
    at, shape, step = (np.expand_dims(x, -1) for x in (z, a, width))
    down = _skew_density(at - v * step, shape) - _skew_density(at, shape)
    with np.errstate(under="ignore"):
        total = np.sum(np.exp(down) * (weight * step), -1)
    return _skew_density(z, a) + np.log(total)


def _skew_small(z: Any, a: Any) -> Any:
    """The logarithm of the share below z, exact where it is at most a half."""
    share = ndtr(z) - 2 * owens_t(z, a)
    small = share < 1e-3
    tail = _skew_tail(np.where(small, z, -4.0), np.where(small, a, 0.0))
    return np.where(small, tail, np.log(np.where(small, 1.0, share)))


def _skew_log_share(z: Any, a: Any) -> Any:
    more = ndtr(z) - 2 * owens_t(z, a) > 0.5
    below = _skew_small(np.where(more, 0.0, z), np.where(more, 0.0, a))
    above = _skew_small(np.where(more, -z, 0.0), np.where(more, -a, 0.0))
    return np.where(more, np.log1p(-np.exp(above)), below)


def _skew_share(z: Any, a: Any) -> Any:
    return np.exp(_skew_log_share(z, a))


@numpy_function
def skew_quantile(q: Any, a: Any) -> Any:
    """SciPy's number below which a share q is."""
    z = importlib.import_module("scipy.stats").skewnorm.ppf(q, a)
    return np.asarray(z).astype(np.result_type(q, a))[()]


def _skew_quantile(q: Any, a: Any) -> Any:
    """SciPy's number, and two of Newton's steps from it, which give it derivatives of three orders."""
    z = skew_quantile(detached(q), detached(a))
    for _ in range(2):
        z = z - (_skew_share(z, a) - q) * np.exp(-_skew_density(z, a))
    return z


SKEW_NORMAL = Continuous(
    logpdf=_skew_density,
    cdf=_skew_share,
    sf=lambda z, a: _skew_share(-z, -a),
    logcdf=_skew_log_share,
    logsf=lambda z, a: _skew_log_share(-z, -a),
    ppf=_skew_quantile,
    isf=lambda q, a: -_skew_quantile(q, -a),
)
