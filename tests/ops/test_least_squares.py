"""Every row of minigrad/ops/least_squares.py has the properties that a row must have."""

import numpy as np
import pytest

import minigrad as mg
from minigrad.ops import least_squares
from minigrad.testing import check_gradients
from tests.ops.families import properties_of

test_properties = properties_of(least_squares)

RNG = np.random.default_rng(0)
L = mg.linalg


def normal(*shape):
    return RNG.normal(size=shape)


def leaf(x):
    return mg.tensor(np.array(x, float), requires_grad=True)


def same(got, want):
    np.testing.assert_allclose(got.data if isinstance(got, mg.Tensor) else got, want, rtol=1e-10, atol=1e-12)


def test_lstsq_names_its_parts():
    a, b = normal(4, 2), normal(4, 3)
    for a_, b_ in ((a, b), (a, b[:, 0]), (a.T, b[:2]), (np.ones((4, 2)), b)):
        got, want = np.linalg.lstsq(leaf(a_), leaf(b_)), np.linalg.lstsq(a_, b_)
        for one, two in zip(got, want, strict=True):
            same(one, two)
    check_gradients(lambda a, b: [*(fit := L.lstsq(a, b))[:2], fit.singular_values], a, b)


@pytest.mark.parametrize("rcond", [-1, 0, 1e-3, 0.5, 1.0, 99])
def test_lstsq_of_lower_rank_takes_rcond_as_numpy_does(rcond):
    """What lies outside of (0, 1) stands for the precision of the dtype."""
    a, b = np.array([[1.0, 2], [2, 4], [3, 6]]), np.array([1.0, 2, 3.1])
    for one, two in zip(L.lstsq(leaf(a), leaf(b), rcond), np.linalg.lstsq(a, b, rcond), strict=True):
        same(one, two)


@pytest.mark.parametrize("dtypes", [("f4", "f8"), ("f4", "i8"), ("f8", "f4"), ("i8", "f4"), ("f4", "c16")])
def test_lstsq_of_two_dtypes_is_as_precise_as_numpys(dtypes):
    """A float32 ``a`` beside a float64 ``b`` had a pseudo-inverse of 7 digits, and float32 singular values."""
    a, b = (normal(6, 3) * 9).astype(dtypes[0]), (normal(6) * 9).astype(dtypes[1])
    for got, want in zip(L.lstsq(mg.tensor(a), mg.tensor(b)), np.linalg.lstsq(a, b), strict=True):
        same(got, want)
        assert np.asarray(want).dtype == got.dtype


def test_singular_values_have_their_gradient():
    """They were plain arrays: a penalty on the condition of a fit had the gradient 0, without a word."""
    a, b = normal(4, 2), normal(4)
    values = lambda a: L.lstsq(a, b).singular_values  # noqa: E731
    check_gradients(lambda a: np.log(values(a)[0] / values(a)[1]), a)
    assert mg.grad(lambda a: np.linalg.lstsq(a, b)[3].sum())(a).any()
