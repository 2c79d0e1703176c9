"""All distributions: values are SciPy's, gradients with respect to every argument are right."""

import importlib

import numpy as np
import pytest
import scipy.stats

from minigrad.compat.autograd import grad
from minigrad.compat.autograd.scipy import stats
from minigrad.compat.autograd.test_util import check_grads
from minigrad.compat.autograd.values import getval
from minigrad.errors import UnsupportedError

X = np.array([0.15, 0.4, 0.9])
C = np.array([[2.0, 0.3], [0.3, 1.0]])

#: For each distribution its arguments, and which of them are differentiated; for cdfs, where a formula knows fewer.
CASES = {
    "norm": ((4 * X - 2, 0.3, 1.2), (0, 1, 2), (0, 1, 2)),
    "t": ((4 * X - 2, 3.3, 0.3, 1.2), (0, 1, 2, 3), (0, 2, 3)),
    "beta": ((X, 1.5, 2.2, -0.1, 1.3), (0, 1, 2, 3, 4), (0, 3, 4)),
    "gamma": ((X, 1.5, -0.1, 1.3), (0, 1, 2, 3), (0, 2, 3)),
    "chi2": ((X, 3.5, -0.1, 1.3), (0, 1, 2, 3), (0, 2, 3)),
    "poisson": ((np.array([0.0, 2.0, 5.0]), 1.7), (1,), (1,)),
    "dirichlet": ((X / X.sum(), np.array([1.5, 0.7, 2.0])), (1,), (1,)),
    "multivariate_normal": ((np.stack([X, -X]).T, np.array([0.2, -0.1]), C), (0, 1, 2), (0, 1, 2)),
}
NAMES = ("pdf", "cdf", "sf", "logpdf", "logcdf", "logsf", "pmf", "logpmf")
FUNCTIONS = [(name, f) for name in CASES for f in NAMES if hasattr(getattr(stats, name), f)]


@pytest.mark.parametrize(("name", "function"), FUNCTIONS)
def test_values_and_gradients(name, function):
    args, places, fewer = CASES[name]
    f = getattr(importlib.import_module(f"minigrad.compat.autograd.scipy.stats.{name}"), function)
    want = getattr(getattr(scipy.stats, name), function)(*args)
    np.testing.assert_array_equal(f(*args), want)
    seen = []

    def watched(*args):
        z = f(*args)
        seen.append(getval(z))
        return z

    check_grads(watched, fewer if "cdf" in function else places)(*args)
    np.testing.assert_allclose(seen[0], want, rtol=1e-12)


def test_outside_of_the_support_the_density_is_0():
    x = np.array([-1.0, 0.5, 2.0])
    assert grad(lambda x: stats.beta.pdf(x, 2.0, 2.0).sum())(x)[[0, 2]].tolist() == [0, 0]
    assert grad(lambda x: stats.gamma.pdf(x, 2.0).sum())(x)[0] == 0
    assert grad(lambda mu: stats.poisson.pmf(np.array([-1.0, 0.5]), mu).sum())(2.0) == 0
    assert grad(lambda mu: stats.poisson.cdf(np.array([-1.0]), mu).sum())(2.0) == 0


@pytest.mark.parametrize(("mean", "cov"), [(0.0, 2.0), (None, 2.0), (np.zeros(2), np.array([1.0, 2.0]))])
def test_covariances_that_are_no_matrix(mean, cov):
    x = np.array([0.3, -0.4])
    np.testing.assert_allclose(
        grad(lambda x: stats.multivariate_normal.logpdf(x, mean, cov).sum())(x), -x / np.asarray(cov), rtol=1e-14
    )


def test_entropy_and_singular_covariances():
    check_grads(lambda cov: stats.multivariate_normal.entropy(np.zeros(2), cov))(C)
    singular, x = np.ones((2, 2)), np.array([0.5, 0.5])
    f = lambda x, cov: stats.multivariate_normal.logpdf(x, np.zeros(2), cov, True)  # noqa: E731
    check_grads(f)(x, singular)
    with pytest.raises(UnsupportedError, match="singular"):
        grad(f, 1)(x, singular)
    with pytest.raises(np.linalg.LinAlgError):
        grad(lambda x: stats.multivariate_normal.logpdf(x, np.zeros(2), singular))(x)


def test_shares_that_do_not_add_up_are_scipys_error():
    with pytest.raises(ValueError, match=r"simplex|sum to 1"):
        grad(lambda a: stats.dirichlet.logpdf(X, a))(np.ones(3))
    leaves_one_out = grad(lambda a: stats.dirichlet.logpdf(X[:2], a))(np.ones(3))
    whole = grad(lambda a: stats.dirichlet.logpdf(np.array([*X[:2], 1 - X[:2].sum()]), a))(np.ones(3))
    np.testing.assert_allclose(leaves_one_out, whole)
