"""Shares and densities far out, against mpmath: a few units in the last places of their logarithms."""

import numpy as np
import pytest

import minigrad as mg

mp = pytest.importorskip("mpmath")


def mass(f, start, *steps):
    """The logarithm of an integral of a density that falls from ``start`` on in these steps."""
    return mp.log(mp.quad(f, [start + step for step in (0, *steps)]))


def beta(a, b, x):
    """The logarithm of the share of the beta distribution below x."""
    return mp.log(mp.betainc(a, b, 0, x, regularized=True))


def gamma(a, low, high):
    """The logarithm of the share of the gamma distribution in between."""
    return mp.log(mp.gammainc(a, low, high, regularized=True))


def student(t, df):
    """The logarithm of the share of Student's distribution below t < 0."""
    return beta(mp.mpf(df) / 2, mp.mpf(0.5), df / (df + mp.mpf(t) ** 2)) - mp.log(2)


def student_density(t, df):
    df, t = mp.mpf(df), mp.mpf(t)
    gammas = mp.loggamma((df + 1) / 2) - mp.loggamma(df / 2)
    return gammas - mp.log(df * mp.pi) / 2 - (df + 1) / 2 * mp.log(1 + t * t / df)


def normal(a, b):
    """The logarithm of the share of the normal distribution in between."""
    return mp.log(mp.ncdf(-mp.mpf(a)) - mp.ncdf(-mp.mpf(b)))


def skewed(z, a):
    steps = [mp.mpf(2) ** k / 200 for k in range(8)]
    return mass(lambda v: 2 * mp.npdf(z - v) * mp.ncdf(a * (z - v)), mp.mpf(0), *steps)


def poisson(k, mu):
    k, mu = mp.mpf(k), mp.mpf(mu)
    return k * mp.log(mu) - mu - mp.loggamma(k + 1)


CASES = [
    ("norm.logcdf", (-40.0,), lambda z: mp.log(mp.ncdf(z))),
    ("norm.logsf", (30.0,), lambda z: mp.log(mp.ncdf(-z))),
    ("lognorm.logcdf", (1e-12, 0.5), lambda z, s: mp.log(mp.ncdf(mp.log(mp.mpf(z)) / s))),
    ("halfnorm.logsf", (1e-9,), lambda z: mp.log(mp.erfc(mp.mpf(z) / mp.sqrt(2)))),
    ("halfnorm.logsf", (45.0,), lambda z: mp.log(mp.erfc(mp.mpf(z) / mp.sqrt(2)))),
    ("t.logcdf", (-1e5, 3.0), student),
    ("t.logcdf", (-1e200, 0.5), student),
    ("t.logcdf", (-50.0, 100.0), student),
    ("t.logcdf", (-40.0, 1e6), student),
    ("t.logpdf", (2.0, 1e7), student_density),
    ("t.logpdf", (1e200, 0.5), student_density),
    ("gamma.logsf", (2000.0, 3.0), lambda x, a: gamma(a, x, mp.inf)),
    ("gamma.logcdf", (1e-3, 200.0), lambda x, a: gamma(a, 0, x)),
    ("chi2.logsf", (5000.0, 7.0), lambda x, df: gamma(df / 2, x / 2, mp.inf)),
    ("beta.logcdf", (1e-4, 300.0, 2.0), lambda x, a, b: beta(a, b, x)),
    ("f.logsf", (1e9, 4.0, 90.0), lambda x, m, n: beta(n / 2, m / 2, mp.mpf(n) / (n + m * x))),
    ("cauchy.logcdf", (-1e200,), lambda z: -mp.log(-mp.pi * mp.mpf(z))),
    ("laplace.logsf", (900.0,), lambda z: -z - mp.log(2)),
    ("logistic.logcdf", (-900.0,), mp.mpf),
    ("gumbel_l.logsf", (7.0,), lambda z: -mp.exp(z)),
    ("gumbel_r.logcdf", (-6.0,), lambda z: -mp.exp(-z)),
    ("truncnorm.logcdf", (40.001, 40.0, 41.0), lambda z, a, b: normal(a, z) - normal(a, b)),
    (
        "truncnorm.logpdf",
        (0.5, -1e-9, 2.0),
        lambda z, a, b: mp.log(mp.npdf(z)) - mp.log(mp.ncdf(b) - mp.ncdf(mp.mpf(a))),
    ),
    ("skewnorm.logcdf", (-4.0, 5.0), skewed),
    ("poisson.logpmf", (1e6, 1.001e6), poisson),
    ("poisson.logsf", (700.0, 3.0), lambda k, mu: gamma(k + 1, 0, mu)),
    ("binom.logsf", (990.0, 1000.0, 0.125), lambda k, n, p: beta(k + 1, n - k, mp.mpf(p))),
    ("nbinom.logcdf", (0.0, 900.0, 0.125), lambda _, n, p: n * mp.log(mp.mpf(p))),
    ("geom.logsf", (1e6, 0.01), lambda k, p: k * mp.log(1 - mp.mpf(p))),
]


@pytest.mark.parametrize(("name", "given", "want"), CASES, ids=[f"{name}{given}" for name, given, _ in CASES])
def test_logarithms_in_the_tails(name, given, want):
    family, method = name.split(".")
    f = getattr(getattr(mg.stats, family), method)
    with mp.workdps(60):
        np.testing.assert_allclose(f(*given), float(want(*given)), rtol=2e-13)
    assert np.isfinite(mg.grad(f, argnums=tuple(range(len(given))))(*given)).all()


@pytest.mark.parametrize(
    ("name", "z", "shapes"),
    [
        ("f.logsf", 1e-15, (1.5, 2.5)),
        ("f.logsf", 1e-17, (1.5, 2.5)),
        ("f.logcdf", 1e12, (2.0, 0.65)),
        ("beta.logsf", 1e-20, (2.0, 3.0)),
    ],
)
def test_the_logarithm_of_a_share_that_rounds_to_1(name, z, shapes):
    """By what is left of 1, value and slope."""
    family, method = name.split(".")
    first, second = (mp.mpf(shape) / (2 if family == "f" else 1) for shape in shapes)

    def share(t):
        at = shapes[0] * t / (shapes[0] * t + shapes[1]) if family == "f" else t
        part = mp.betainc(first, second, 0, at, regularized=True)
        return mp.log(part if method == "logcdf" else 1 - part)

    with mp.workdps(60):
        value, slope = float(share(mp.mpf(z))), float(mp.diff(share, mp.mpf(z)))
    ours = getattr(getattr(mg.stats, family), method)
    np.testing.assert_allclose(ours(z, *shapes), value, rtol=1e-13)
    np.testing.assert_allclose(mg.grad(ours)(z, *shapes), slope, rtol=1e-8)
