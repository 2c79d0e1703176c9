"""SciPy's softmax and logsumexp: any axes, weights of terms, numbers of any size."""

import numpy as np
import pytest

import minigrad as mg
from minigrad.ops.scipy_reductions import log_softmax, logsumexp, softmax
from minigrad.testing import check_gradients

special = pytest.importorskip("scipy.special", reason="the reference is SciPy (pip install scipy)")

X = np.random.default_rng(0).normal(size=(2, 3, 4)) * 5
B = np.random.default_rng(1).uniform(0.5, 2, size=(3, 4))


@pytest.mark.parametrize("axis", [None, 0, -1, (0, 2), (0, 1, 2)])
@pytest.mark.parametrize("make", [np.asarray, mg.tensor])
def test_values_are_scipy_s(axis, make):
    for own, theirs in ((softmax, special.softmax), (log_softmax, special.log_softmax), (logsumexp, special.logsumexp)):
        np.testing.assert_allclose(np.asarray(own(make(X), axis)), theirs(X, axis), rtol=1e-12)
    np.testing.assert_allclose(
        np.asarray(logsumexp(make(X), axis, B, True)), special.logsumexp(X, axis, B, True), rtol=1e-12
    )


def test_gradients():
    check_gradients(lambda x: log_softmax(x, (0, 1)), X)
    check_gradients(lambda x, b: logsumexp(x, -1, b), X, B)


@pytest.mark.parametrize("x", [[1e4, -1e4], [-np.inf, -np.inf], [np.inf, 0.0]])
def test_numbers_of_any_size(x):
    with np.errstate(all="ignore"):
        np.testing.assert_array_equal(np.asarray(logsumexp(np.array(x))), special.logsumexp(x))


def test_a_term_that_counts_nothing_may_be_of_any_size():
    np.testing.assert_allclose(np.asarray(logsumexp(np.array([1e9, 1.0]), b=np.array([0.0, 2.0]))), 1 + np.log(2))
