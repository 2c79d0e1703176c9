"""Derivatives of SciPy's special functions where formulas of textbooks cancel or divide by 0, against mpmath's."""

import math

import numpy as np
import pytest

import minigrad as mg

mpmath = pytest.importorskip("mpmath")
special = pytest.importorskip("scipy.special")
mp = mpmath.mp.clone()
mp.dps = 50


def log_ndtr(x):
    return mp.log(mp.erfc(-x / mp.sqrt(2)) / 2)


def stretched(x, lmbda):
    """Box and Cox's transform of a number with logarithm x."""
    return mp.expm1(lmbda * x) / lmbda


def grown(y, lmbda):
    return mp.exp(mp.log1p(lmbda * y) / lmbda)


SEVEN, THREE = mp.mpf(0.7), mp.mpf(3)

#: What is called, the same in many digits, and where.
ROWS = {
    "erfcx": (special.erfcx, lambda x: mp.exp(x * x) * mp.erfc(x), [-3, 0, 5, 11.9, 12.1, 1e3, 1e8]),
    "dawsn": (special.dawsn, lambda x: mp.sqrt(mp.pi) / 2 * mp.exp(-x * x) * mp.erfi(x), [-25, 0, 5, 11.9, 12.1, 500]),
    "log_ndtr": (special.log_ndtr, log_ndtr, [-1e4, -30, -3, 0, 8]),
    "ndtri": (special.ndtri, lambda x: mp.sqrt(2) * mp.erfinv(2 * x - 1), [1e-3, 0.5, 0.99]),
    "rgamma": (special.rgamma, mp.rgamma, [-20, -3, -1.5, 0, 0.3, 0.5, 3]),
    "gamma": (special.gamma, mp.gamma, [-1.5, 0.3, 5]),
    "exprel": (special.exprel, lambda x: mp.expm1(x) / x, [-50, -1e-3, 1e-8, 3, 40]),
    "boxcox": (lambda x: special.boxcox(3.0, x), lambda x: stretched(mp.log(3), x), [-2, -1e-7, 1e-9, 3]),
    "boxcox1p": (lambda x: special.boxcox1p(2.0, x), lambda x: stretched(mp.log(3), x), [-2, -1e-7, 1e-9, 3]),
    "inv_boxcox": (lambda x: special.inv_boxcox(0.7, x), lambda x: grown(SEVEN, x), [-0.5, 1e-9, 3, 50]),
    "inv_boxcox1p": (lambda x: special.inv_boxcox1p(0.7, x), lambda x: grown(SEVEN, x) - 1, [-0.5, 1e-9, 3, 50]),
    "pseudo_huber": (
        lambda x: special.pseudo_huber(x, 0.7),
        lambda x: x * x * (mp.sqrt(1 + (SEVEN / x) ** 2) - 1),
        [0.01, 1, 1e3],
    ),
    "ellipk": (special.ellipk, mp.ellipk, [-1e3, -1, -1e-9, 1e-9, 0.3, 0.99999]),
    "ellipe": (special.ellipe, mp.ellipe, [-1e3, -1, -1e-9, 1e-9, 0.3, 0.99999]),
    "ellipkm1": (special.ellipkm1, lambda x: mp.ellipk(1 - x), [1e-5, 0.49, 0.51, 1, 30]),
    "spence": (special.spence, lambda x: mp.polylog(2, 1 - x), [1e-4, 0.49, 0.51, 1.001, 1.49, 1.51]),
    "si": (lambda x: special.sici(x)[0], mp.si, [1e-8, 3, 30]),
    "shi": (lambda x: special.shichi(x)[0], mp.shi, [-3, 1e-8, 20]),
    "expn": (lambda x: special.expn(1, x), lambda x: mp.expint(1, x), [0.1, 3, 30]),
    "jv": (lambda x: special.jv(0.5, x), lambda x: mp.besselj(0.5, x), [0.1, 3, 30]),
    "j1": (special.j1, lambda x: mp.besselj(1, x), [-2, 1e-9, 30]),
    "i0e": (special.i0e, lambda x: mp.exp(-x) * mp.besseli(0, x), [0.1, 3, 50]),
    "kve": (lambda x: special.kve(1.5, x), lambda x: mp.exp(x) * mp.besselk(1.5, x), [0.1, 3, 50]),
    "zeta": (lambda x: special.zeta(2.5, x), lambda x: mp.zeta(2.5, x), [0.1, 1, 30]),
    "zeta, by its exponent": (lambda x: special.zeta(x, 0.7), lambda x: mp.zeta(x, mp.mpf(0.7)), [1.001, 2.5, 9]),
    "struve": (lambda x: special.struve(0, x), lambda x: mp.struveh(0, x), [0.1, 3, 10]),
    "eval_legendre": (lambda x: special.eval_legendre(5, x), lambda x: mp.legendre(5, x), [-1, 0.25, 1, 2]),
    "eval_chebyt": (lambda x: special.eval_chebyt(5, x), lambda x: mp.chebyt(5, x), [-1, 0.25, 1, 2]),
}


def exact(f, x, order):
    """The derivative of this order, in many digits."""
    x = mp.mpf(x)
    step = mp.mpf(10) ** -12 * min(1, abs(x) or 1)
    return float(mp.re(mp.diff(f, x, order, h=step) if order else f(x)))


@pytest.mark.parametrize("name", ROWS)
def test_value_and_derivatives_of_two_orders(name):
    function, f, places = ROWS[name]
    for place in places:
        x = mg.tensor(np.float64(place), requires_grad=True)
        value = function(x)
        (first,) = mg.autograd.grad(value, [x], create_graph=True)
        (second,) = mg.autograd.grad(first, [x])
        found = [float(t.data) for t in (value, first, second)]
        for order, (got, rtol) in enumerate(zip(found, (1e-13, 1e-12, 1e-11), strict=True)):
            want = exact(f, place, order)
            assert math.isclose(got, want, rel_tol=rtol), (place, order, got, want)


#: A call, and its gradient there: at ends of intervals, kinks and poles.
ENDS = [
    (lambda x: special.gammainc(1.0, x), 0.0, 1.0),
    (lambda x: special.betainc(1.0, 1.0, x), 0.0, 1.0),
    (lambda x: special.betainc(1.0, 1.0, x), 1.0, 1.0),
    (special.i0e, 0.0, 0.0),
    (special.ellipe, 1.0, -math.inf),
    (special.jv, (2, 0.0), 0.0),
    (special.jv, (1, 0.0), 0.5),
    (lambda x: special.eval_hermite(0, x), 0.5, 0.0),
    (special.spence, 0.0, -math.inf),
    (special.exp1, 0.0, -math.inf),
    (special.erfcinv, 0.0, -math.inf),
    (special.log_ndtr, math.inf, 0.0),
]


@pytest.mark.parametrize("row", range(len(ENDS)))
@pytest.mark.filterwarnings("ignore:divide by zero")
def test_gradients_at_the_ends(row):
    function, place, expected = ENDS[row]
    *before, place = place if isinstance(place, tuple) else (place,)
    x = mg.tensor(np.float64(place), requires_grad=True)
    function(*before, x).backward()
    assert x.grad == expected
