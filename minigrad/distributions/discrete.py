"""The table of families of whole numbers: k is one, and the others are shapes."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from minigrad.distributions.family import Discrete, Family
from minigrad.distributions.shares import exp_of_rest, log_rest
from minigrad.ops.densities import log_binomial, log_choose, log_poisson
from minigrad.ops.incomplete_functions import betainc, betaincc, gammainc, gammaincc
from minigrad.ops.log_shares import log_betainc, log_gammainc, log_gammaincc
from minigrad.ops.special import gammaln, scipy_value, xlog1py

INF = math.inf


def _share(p: Any) -> Any:
    return (p >= 0) & (p <= 1)


POISSON = Discrete(
    logpmf=lambda k, mu: log_poisson(k, mu), powers=lambda k, mu: mu**k * np.exp(-mu - gammaln(k + 1)),
    cdf=lambda k, mu: gammaincc(k + 1, mu), sf=lambda k, mu: gammainc(k + 1, mu),
    logcdf=lambda k, mu: log_gammaincc(k + 1, mu), logsf=lambda k, mu: log_gammainc(k + 1, mu),
    ppf=lambda q, mu: scipy_value("pdtrik", q, mu),
)

BINOMIAL = Discrete(
    logpmf=lambda k, n, p: log_binomial(k, n, p),
    powers=lambda k, n, p: exp_of_rest(log_choose(k, n - k)) * p**k * (1 - p) ** (n - k),
    cdf=lambda k, n, p: betaincc(k + 1, n - k, p), sf=lambda k, n, p: betainc(k + 1, n - k, p),
    logcdf=lambda k, n, p: log_betainc(n - k, k + 1, 1 - p), logsf=lambda k, n, p: log_betainc(k + 1, n - k, p),
    ppf=lambda q, n, p: scipy_value("bdtrik", q, n, p),
)


def _of_one(name: str) -> Any:
    """A function of a single trial."""
    return lambda k, p: getattr(BINOMIAL, name)(k, np.ones_like(k), p)


BERNOULLI = Discrete(
    **{name: _of_one(name) for name in ("logpmf", "powers", "cdf", "sf", "logcdf", "logsf")},
    ppf=lambda q, p: np.where(q > 1 - p, 1.0, 0.0),
)

GEOMETRIC = Discrete(
    logpmf=lambda k, p: np.log(p) + xlog1py(k - 1, -p), powers=lambda k, p: p * (1 - p) ** (k - 1),
    cdf=lambda k, p: -np.expm1(xlog1py(k, -p)), sf=lambda k, p: np.exp(xlog1py(k, -p)),
    logcdf=lambda k, p: log_rest(-xlog1py(k, -p)), logsf=lambda k, p: xlog1py(k, -p),
    ppf=lambda q, p: np.log1p(-q) / np.log1p(-np.minimum(p, 1 - 1e-16)),
)

NEGATIVE_BINOMIAL = Discrete(
    logpmf=lambda k, n, p: log_binomial(n, n + k, p) + np.log(n / (n + k)),
    powers=lambda k, n, p: exp_of_rest(log_choose(k, n - 1)) * p**n * (1 - p) ** k,
    cdf=lambda k, n, p: betainc(n, k + 1, p), sf=lambda k, n, p: betaincc(n, k + 1, p),
    logcdf=lambda k, n, p: log_betainc(n, k + 1, p), logsf=lambda k, n, p: log_betainc(k + 1, n, 1 - p),
    ppf=lambda q, n, p: scipy_value("nbdtrik", q, n, p),
)

TABLE: tuple[Family, ...] = (
    Family("poisson", POISSON, {"mu": 3.0}, lambda mu: (mu >= 0) & (mu < INF), low=0.0, inner=1.0),
    Family(
        "binom", BINOMIAL, {"n": 5.0, "p": 0.4},
        lambda n, p: (n >= 0) & (np.floor(n) == n) & _share(p),
        low=0.0, high=lambda n, _p: n, inner=0.0,
    ),
    Family("bernoulli", BERNOULLI, {"p": 0.4}, _share, low=0.0, high=1.0, inner=0.0),
    Family("geom", GEOMETRIC, {"p": 0.4}, lambda p: (p > 0) & (p <= 1), low=1.0, inner=1.0),
    Family(
        "nbinom", NEGATIVE_BINOMIAL, {"n": 5.0, "p": 0.4}, lambda n, p: (n > 0) & (p > 0) & (p <= 1), low=0.0, inner=1.0
    ),
)
