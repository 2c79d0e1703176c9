"""The table of continuous families: each is a standard one, of a variable that is a function of its own.

z is the variable, y = to(z) the standard one, and the others are shapes.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from minigrad.distributions.family import Continuous, Family, positive
from minigrad.distributions.shares import (
    BETA,
    CAUCHY,
    EXPONENTIAL,
    GAMMA,
    HALF_CAUCHY,
    HALF_NORMAL,
    LAPLACE,
    LOGISTIC,
    NORMAL,
    SKEW_NORMAL,
    STUDENT,
    TRUNCATED,
    UNIFORM,
    F,
)
from minigrad.ops.densities import log_poisson
from minigrad.ops.special import gammaln, xlogy
from minigrad.ops.student import half_step

Function = Callable[..., Any]
INF = math.inf


def no_shapes(*_shapes: Any) -> tuple[Any, ...]:
    """The shapes of a standard family that has none."""
    return ()


def rising(
    base: Continuous, to: Function, log_slope: Function, back: Function, of: Function = no_shapes,
    powers: Function | None = None,
) -> Continuous:
    """The family of z, where ``y = to(z)`` rises and is of the family ``base``; ``of`` gives the shapes of that."""
    return Continuous(
        logpdf=lambda z, *s: base.logpdf(to(z, *s), *of(*s)) + log_slope(z, *s),
        cdf=lambda z, *s: base.cdf(to(z, *s), *of(*s)), sf=lambda z, *s: base.sf(to(z, *s), *of(*s)),
        logcdf=lambda z, *s: base.logcdf(to(z, *s), *of(*s)), logsf=lambda z, *s: base.logsf(to(z, *s), *of(*s)),
        ppf=lambda q, *s: back(base.ppf(q, *of(*s)), *s), isf=lambda q, *s: back(base.isf(q, *of(*s)), *s),
        powers=powers,
    )


def falling(*parts: Any, **more: Any) -> Continuous:
    """The same where y falls: what is below z is above y."""
    f = rising(*parts, **more)
    return f._replace(cdf=f.sf, sf=f.cdf, logcdf=f.logsf, logsf=f.logcdf, ppf=f.isf, isf=f.ppf)


def _exp(x: Any) -> Any:
    with np.errstate(over="ignore"):  # inf is right
        return np.exp(x)


def _power(x: Any, p: Any) -> Any:
    with np.errstate(over="ignore"):
        return np.power(x, p)


def _half_square(z: Any, *_shapes: Any) -> Any:
    return z * z / 2


def _root(y: Any, *_shapes: Any) -> Any:
    return np.sqrt(2 * y)


def _is_ordered(a: Any, b: Any) -> Any:
    return a < b


#: Half of the degrees of freedom, a shape of the gamma distribution.
def _half(df: Any) -> tuple[Any]:
    return (df / 2,)


def _same(*shapes: Any) -> tuple[Any, ...]:
    return shapes


def _chi_density(z: Any, df: Any) -> Any:
    """By the density of Poisson where df is large, else term by term, which has a limit at z = 0."""
    large = (df > 20) & (z > 0)
    far, many = np.where(large, z, 4.0), np.where(large, df, 20.0)
    saddle = log_poisson((many - 1) / 2, far * far / 2) + half_step(many / 2) + math.log(2) / 2
    z, df = np.where(large, 1.0, z), np.where(large, 1.0, df)
    with np.errstate(divide="ignore"):  # of z = 0 it is -inf, which is right
        few = xlogy(df - 1, z) - z * z / 2 - (df / 2 - 1) * math.log(2) - gammaln(df / 2)
    return np.where(large, saddle, few)


def _fisk_density(z: Any, c: Any) -> Any:
    """log(c z^(c - 1) / (1 + z^c)^2), by the power that is at most 1."""
    low = z < 1
    near, far = np.where(low, z, 0.5), np.where(low, 1.0, z)
    with np.errstate(divide="ignore"):
        rising = xlogy(c - 1, near) - 2 * np.log1p(np.power(near, c))
    log = np.log(far)
    return np.log(c) + np.where(low, rising, -(c + 1) * log - 2 * np.log1p(np.exp(-c * log)))


def _log(z: Any) -> Any:
    with np.errstate(divide="ignore"):
        return np.log(z)


TABLE: tuple[Family, ...] = (
    Family("norm", NORMAL, {}),
    Family("expon", EXPONENTIAL, {}, low=0.0, inner=1.0),
    Family("uniform", UNIFORM, {}, low=0.0, high=1.0, inner=0.5),
    Family("logistic", LOGISTIC, {}),
    Family("cauchy", CAUCHY, {}),
    Family("halfcauchy", HALF_CAUCHY, {}, low=0.0, inner=1.0),
    Family("laplace", LAPLACE, {}),
    Family("halfnorm", HALF_NORMAL, {}, low=0.0, inner=1.0),
    Family("gamma", GAMMA, {"a": 2.0}, positive, low=0.0, inner=1.0),
    Family("beta", BETA, {"a": 2.0, "b": 3.0}, positive, low=0.0, high=1.0, inner=0.5),
    Family("t", STUDENT, {"df": 5.0}, positive),
    Family("f", F, {"dfn": 4.0, "dfd": 7.0}, positive, low=0.0, inner=1.0),
    Family("skewnorm", SKEW_NORMAL, {"a": 1.5}, np.isfinite),
    Family(
        "truncnorm", TRUNCATED, {"a": -1.0, "b": 2.0}, _is_ordered, low=lambda a, _b: a, high=lambda _a, b: b,
        inner=lambda a, b: np.clip(0.0, a, b),
    ),
    Family(
        "chi2",
        rising(
            GAMMA, lambda z, _df: z / 2, lambda _z, _df: -math.log(2), lambda y, _df: 2 * y, _half,
            powers=lambda z, df: z ** (df / 2 - 1) * np.exp(-(z + df * math.log(2)) / 2 - gammaln(df / 2)),
        ),
        {"df": 4.0}, positive, low=0.0, inner=1.0,
    ),
    Family(
        "chi",
        rising(GAMMA, _half_square, lambda z, _df: _log(z), _root, _half)._replace(
            logpdf=_chi_density,
            powers=lambda z, df: z ** (df - 1) * np.exp(-z * z / 2 - (df / 2 - 1) * math.log(2) - gammaln(df / 2)),
        ),
        {"df": 4.0}, positive, low=0.0, inner=1.0,
    ),
    Family(
        "maxwell",
        rising(GAMMA, _half_square, _log, _root, lambda: (1.5,))._replace(
            logpdf=lambda z: 2 * _log(z) - z * z / 2 + math.log(2 / math.pi) / 2,
            powers=lambda z: z**2 * np.exp(-z * z / 2) * math.sqrt(2 / math.pi),
        ),
        {}, low=0.0, inner=1.0,
    ),
    Family(
        "rayleigh", rising(EXPONENTIAL, _half_square, _log, _root, powers=lambda z: z * np.exp(-z * z / 2)), {},
        low=0.0, inner=1.0,
    ),
    Family(
        "invgamma", falling(GAMMA, lambda z, _a: 1 / z, lambda z, _a: -2 * np.log(z), lambda y, _a: 1 / y, _same),
        {"a": 2.0}, positive, low=0.0, inner=1.0, closed=False,
    ),
    Family(
        "lognorm",
        rising(NORMAL, lambda z, s: np.log(z) / s, lambda z, s: -np.log(z) - np.log(s), lambda y, s: _exp(s * y)),
        {"s": 0.7}, positive, low=0.0, inner=1.0, closed=False,
    ),
    Family(
        "weibull_min",
        rising(
            EXPONENTIAL, _power, lambda z, c: np.log(c) + xlogy(c - 1, z), lambda y, c: _power(y, 1 / c),
            powers=lambda z, c: c * z ** (c - 1) * np.exp(-(z**c)),
        ),
        {"c": 1.7}, positive, low=0.0, inner=1.0,
    ),
    Family(
        "weibull_max",
        falling(
            EXPONENTIAL,
            lambda z, c: _power(-z, c),
            lambda z, c: np.log(c) + xlogy(c - 1, 0.0 - z),  # 0 and not -0 at the end
            lambda y, c: -_power(y, 1 / c),
            powers=lambda z, c: c * (-z) ** (c - 1) * np.exp(-((-z) ** c)),
        ),
        {"c": 1.7}, positive, high=0.0, inner=-1.0,
    ),
    Family(
        "pareto",
        rising(EXPONENTIAL, lambda z, b: b * np.log(z), lambda z, b: np.log(b) - np.log(z), lambda y, b: _exp(y / b)),
        {"b": 2.5}, positive, low=1.0, inner=2.0,
    ),
    Family(
        "lomax",
        rising(
            EXPONENTIAL,
            lambda z, c: c * np.log1p(z), lambda z, c: np.log(c) - np.log1p(z), lambda y, c: np.expm1(y / c),
        ),
        {"c": 2.5}, positive, low=0.0, inner=1.0,
    ),
    Family(
        "powerlaw",
        falling(
            EXPONENTIAL, lambda z, a: -a * np.log(z), lambda z, a: np.log(a) - np.log(z), lambda y, a: np.exp(-y / a)
        )._replace(  # 0 is in the support
            logpdf=lambda z, a: np.log(a) + xlogy(a - 1, z), powers=lambda z, a: a * z ** (a - 1)
        ),
        {"a": 1.7}, positive, low=0.0, high=1.0, inner=0.5,
    ),
    Family("gumbel_r", falling(EXPONENTIAL, lambda z: _exp(-z), lambda z: -z, lambda y: -np.log(y)), {}),
    Family("gumbel_l", rising(EXPONENTIAL, _exp, lambda z: z, np.log), {}),
    Family(
        "fisk",
        rising(
            LOGISTIC, lambda z, c: c * np.log(z), lambda z, c: np.log(c) - np.log(z), lambda y, c: _exp(y / c)
        )._replace(logpdf=_fisk_density, powers=lambda z, c: c * z ** (c - 1) / (1 + z**c) ** 2),
        {"c": 2.5}, positive, low=0.0, inner=1.0,
    ),
    Family(
        "loguniform",
        rising(
            UNIFORM,
            lambda z, a, b: np.log(z / a) / np.log(b / a),
            lambda z, a, b: -np.log(z) - np.log(np.log(b / a)),
            lambda y, a, b: a * _exp(y * np.log(b / a)),
        ),
        {"a": 0.5, "b": 3.0},
        lambda a, b: (a > 0) & (a < b) & (b < INF),
        low=lambda a, _b: a, high=lambda _a, b: b, inner=lambda a, b: np.sqrt(a * b),
    ),
)
