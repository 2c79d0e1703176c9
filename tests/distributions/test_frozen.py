"""A distribution with fixed parameters has its family's methods."""

import numpy as np
import pytest

import minigrad as mg

X = np.array([0.3, 1.5])


@pytest.mark.parametrize("method", ["logpdf", "pdf", "cdf", "logcdf", "sf", "logsf"])
def test_methods_of_a_continuous_one(method):
    frozen = mg.stats.gamma(2.0, scale=1.5)
    want = getattr(mg.stats.gamma, method)(X, 2.0, scale=1.5)
    np.testing.assert_array_equal(getattr(frozen, method)(X), want)


def test_quantiles_samples_and_whole_numbers():
    frozen = mg.stats.norm(1.0, 2.0)
    np.testing.assert_array_equal(frozen.ppf([0.2, 0.7]), mg.stats.norm.ppf([0.2, 0.7], 1.0, 2.0))
    np.testing.assert_array_equal(frozen.isf([0.2, 0.7]), mg.stats.norm.isf([0.2, 0.7], 1.0, 2.0))
    one, other = (f(size=3, random_state=np.random.default_rng(0)) for f in (frozen.rvs, mg.stats.norm(1.0, 2.0).rvs))
    np.testing.assert_array_equal(one, other)
    counts = mg.stats.poisson(mu=3.0)
    np.testing.assert_array_equal(counts.logpmf([1, 2]), mg.stats.poisson.logpmf([1, 2], 3.0))
    np.testing.assert_array_equal(counts.pmf([1, 2]), mg.stats.poisson.pmf([1, 2], 3.0))
    vectors = mg.stats.multivariate_normal(np.zeros(2), 2.0)
    np.testing.assert_array_equal(vectors.logpdf(X), mg.stats.multivariate_normal.logpdf(X, np.zeros(2), 2.0))
    assert mg.stats.dirichlet(np.ones(3)).rvs(4).shape == (4, 3)


def test_gradients_go_to_the_parameters():
    t = mg.tensor(2.0, requires_grad=True)
    mg.stats.gamma(t).logpdf(X).sum().backward()
    np.testing.assert_allclose(t.grad, mg.grad(lambda a: mg.stats.gamma.logpdf(X, a).sum())(2.0), rtol=1e-5)


def test_parameters_are_looked_at_when_they_are_given():
    with pytest.raises(TypeError, match="a is missing"):
        mg.stats.gamma()
    with pytest.raises(TypeError, match="sigma is no other"):
        mg.stats.norm(sigma=2.0)
