"""Distributions of vectors: SciPy's values, gradients in every parameter, samples, errors."""

import numpy as np
import pytest
from scipy import stats

import minigrad as mg
from minigrad.errors import ShapeError
from minigrad.testing import check_gradients

RNG = np.random.default_rng(6)
A = RNG.normal(size=(3, 3))
COV = A @ A.T + np.eye(3, dtype=float)
MEAN = np.array([0.5, -1.0, 2.0])
X = RNG.normal(size=(4, 3))
ALPHA = np.array([0.7, 2.0, 3.5])
normal, dirichlet = mg.stats.multivariate_normal, mg.stats.dirichlet


@pytest.mark.parametrize(
    ("x", "mean", "cov"),
    [
        (X, MEAN, COV),
        (X[0], MEAN, COV),
        (X, None, COV),
        (X, MEAN, 2.0),
        (X, MEAN, [1.0, 2.0, 3.0]),
        (0.5, 0.2, 2.0),
        (np.stack([X, -X]), MEAN, COV),
    ],
)
def test_normal_densities_are_scipys(x, mean, cov):
    theirs = stats.multivariate_normal
    np.testing.assert_allclose(normal.logpdf(x, mean, cov), theirs.logpdf(x, mean, cov), rtol=1e-12)
    np.testing.assert_allclose(normal.pdf(x, mean, cov), theirs.pdf(x, mean, cov), rtol=1e-12)


def test_normal_gradients():
    check_gradients(lambda x, mean, a: normal.logpdf(x, mean, a @ a.T + np.eye(3, dtype=float)), X, MEAN, A, order=2)
    stack = np.stack([COV, 2 * COV])
    np.testing.assert_allclose(normal.logpdf(X[0], MEAN, stack)[1], normal.logpdf(X[0], MEAN, 2 * COV), rtol=1e-12)


def test_normal_samples():
    x = normal.rvs(MEAN, COV, size=5000, random_state=np.random.default_rng(0))
    assert x.shape == (5000, 3)
    np.testing.assert_allclose(x.mean(0), MEAN, atol=0.1)
    np.testing.assert_allclose(np.cov(x.T), COV, atol=0.3)
    check_gradients(
        lambda mean, a: normal.rvs(mean, a @ a.T + np.eye(3, dtype=float), (2,), np.random.default_rng(1)), MEAN, A
    )
    assert normal.rvs(MEAN, COV, random_state=np.random.default_rng(0)).shape == (3,)


def test_dirichlet_densities_are_scipys():
    x = RNG.dirichlet(ALPHA, size=5).T
    np.testing.assert_allclose(dirichlet.logpdf(x, ALPHA), stats.dirichlet.logpdf(x, ALPHA), rtol=1e-12)
    np.testing.assert_allclose(dirichlet.pdf(x[:-1, 0], ALPHA), stats.dirichlet.pdf(x[:-1, 0], ALPHA), rtol=1e-12)
    check_gradients(lambda x, alpha: dirichlet.logpdf(x / x.sum(0), alpha), x, ALPHA, order=2)


def test_dirichlet_samples():
    x = dirichlet.rvs(ALPHA, size=2000, random_state=np.random.default_rng(3))
    np.testing.assert_allclose(x.sum(-1), 1, rtol=1e-12)
    np.testing.assert_allclose(x.mean(0), ALPHA / ALPHA.sum(), atol=0.03)
    check_gradients(lambda alpha: dirichlet.rvs(alpha, (3,), np.random.default_rng(4)), ALPHA)
    # The mean of a sample moves as the mean does.
    t = mg.tensor(ALPHA, requires_grad=True)
    dirichlet.rvs(t, 3000, np.random.default_rng(5))[:, 0].mean().backward()
    total = ALPHA.sum()
    np.testing.assert_allclose(t.grad, [(total - ALPHA[0]) / total**2, *[-ALPHA[0] / total**2] * 2], atol=0.03)


def test_what_is_wrong():
    with pytest.raises(ShapeError, match="of one dimension"):
        normal.logpdf(X, MEAN[:2], COV)
    with pytest.raises(np.linalg.LinAlgError):
        normal.logpdf(X, MEAN, -COV)
    with pytest.raises(ShapeError, match="n shares"):
        dirichlet.logpdf(np.ones(2) / 5, np.ones(5))
    with pytest.raises(ValueError, match="sum to 1"):
        dirichlet.logpdf(np.ones(3), ALPHA)
    with pytest.raises(ValueError, match="positive alpha"):
        dirichlet.logpdf(np.ones(3) / 3, -ALPHA)


def test_a_share_of_0_has_the_slope_inside():
    alpha, x = np.array([2.0, 3.0, 3.5]), np.array([[0.0, 0.4, 0.6], [0.5, 0.5, 0.0], [0.2, 0.3, 0.5]]).T
    for k in range(3):
        one = mg.grad(dirichlet.pdf, (0, 1))(x[:, k], alpha)
        near = mg.grad(dirichlet.pdf, (0, 1))(np.abs(x[:, k] - 1e-13), alpha)
        for found, inside in zip(one, near, strict=True):
            np.testing.assert_allclose(found, inside, atol=2e-5)
        together = mg.grad(lambda x: dirichlet.pdf(x, alpha).sum())(x)[:, k]
        np.testing.assert_allclose(together, one[0])
    assert dirichlet.pdf(x, 1000 * alpha)[0] == 0


def test_compiled():
    step = mg.compile(mg.grad(lambda mean, x: normal.logpdf(x, mean, COV).sum()), backend="numpy")
    for k in range(4):
        want = mg.grad(lambda mean, x: normal.logpdf(x, mean, COV).sum())(MEAN + k, X)
        np.testing.assert_allclose(step(MEAN + k, X), want, rtol=1e-12)
    assert step.stats()["replayed"] > 0


def test_one_dimension_and_small_alpha():
    for given in (([1.0, 2.0, 3.0],), ([1.0, 2.0, 3.0], [0.0], [[2.0]])):
        np.testing.assert_allclose(normal.logpdf(*given), stats.multivariate_normal.logpdf(*given), rtol=1e-12)
    x = dirichlet.rvs(np.full(3, 1e-4), size=50, random_state=np.random.default_rng(0))
    np.testing.assert_allclose(x.sum(-1), 1)
    with pytest.raises(mg.errors.UnsupportedError, match="has no logpmf"):
        normal(MEAN, COV).logpmf(X)
