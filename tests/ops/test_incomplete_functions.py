"""Incomplete gamma and beta functions: SciPy's values, derivatives in the parameters against mpmath, the edges."""

import numpy as np
import pytest
from scipy import special

import minigrad as mg
from minigrad.ops import incomplete_functions as rows
from tests.ops.families import properties_of

mp = pytest.importorskip("mpmath")
test_properties = properties_of(rows)


def slope(f, x):
    with mp.workdps(60):
        return float(mp.diff(f, x))


@pytest.mark.parametrize("a", [0.02, 0.7, 3.0, 40.0, 900.0])
@pytest.mark.parametrize("ratio", [0.02, 0.5, 0.97, 1.03, 3.0])
def test_the_derivative_of_a_share_of_gamma_in_its_shape(a, ratio):
    x = a * ratio
    want = slope(lambda a: mp.gammainc(a, 0, x, regularized=True), a)
    for name, sign in (("gammainc", 1), ("gammaincc", -1)):
        got = mg.grad(getattr(special, name))(a, x)  # under SciPy's name
        np.testing.assert_allclose(got, sign * want, rtol=1e-11, atol=1e-290)


@pytest.mark.parametrize(("a", "b"), [(0.03, 0.4), (0.6, 30.0), (2.0, 3.0), (80.0, 0.5), (300.0, 200.0)])
@pytest.mark.parametrize("x", [1e-3, 0.3, 0.58, 0.62, 0.97])
def test_the_derivatives_of_a_share_of_beta_in_its_shapes(a, b, x):
    def below(a, b, x):
        return x**a * (1 - x) ** b / (a * mp.beta(a, b)) * mp.hyp2f1(a + b, 1, a + 1, x)

    def share(a, b):
        return below(a, b, mp.mpf(x)) if x * (a + b) < a else -below(b, a, 1 - mp.mpf(x))

    want = slope(lambda a: share(a, mp.mpf(b)), a), slope(lambda b: share(mp.mpf(a), b), b)
    got = mg.grad(special.betainc, argnums=(0, 1))(a, b, x)
    np.testing.assert_allclose(got, want, rtol=1e-9, atol=1e-290)
    turned = mg.grad(special.betaincc, argnums=(0, 1))(a, b, x)
    np.testing.assert_allclose(turned, np.negative(want), rtol=1e-9, atol=1e-290)


@pytest.mark.parametrize("name", ["gammainc", "gammaincc", "betainc", "betaincc"])
def test_the_edges(name):
    shapes = (2.0, 3.0)[: 2 if "beta" in name else 1]
    f = getattr(mg.special, name)
    for x in (0.0, 1.0 if "beta" in name else np.inf):
        assert (np.array(mg.grad(lambda *s, x=x: f(*s, x), argnums=tuple(range(len(shapes))))(*shapes)) == 0).all()
    bad = mg.grad(lambda a: f(a, *shapes[1:], 0.5))(-1.0)
    assert np.isnan(bad)


def test_dtypes_and_compiled():
    t = mg.tensor([0.5, 3.0], requires_grad=True)
    z = mg.special.gammainc(t, 1.0)
    z.sum().backward()
    assert z.dtype == t.grad.dtype == np.float32
    step = mg.compile(mg.grad(lambda a, x: mg.special.betainc(a, 2.0, x).sum()), backend="numpy")
    for k in range(4):
        a, x = np.array([0.5, 3.0]) + k, np.array([0.2, 0.6])
        np.testing.assert_allclose(step(a, x), mg.grad(lambda a, x: special.betainc(a, 2.0, x).sum())(a, x), rtol=1e-14)
    assert step.stats()["replayed"] > 0
