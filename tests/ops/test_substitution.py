"""Every row of minigrad/ops/substitution.py has the properties that a row must have; so have gradients made of it."""

import numpy as np
import pytest

import minigrad as mg
from minigrad.ops import substitution
from tests.ops.families import properties_of

test_properties = properties_of(substitution)

RNG = np.random.default_rng(0)


def positive(*shape):
    a = RNG.normal(size=(*shape, shape[-1]))
    return a @ np.swapaxes(a, -1, -2) / shape[-1] + np.eye(shape[-1])


@pytest.mark.parametrize("shape", [(40,), (2, 40), (2, 3, 5)])
@pytest.mark.parametrize("upper", [False, True])
def test_gradients_of_factors_are_those_of_what_they_are_used_for(shape, upper):
    """Of log det and of an inverse, by Cholesky and QR factors and without them; in blocks and in one."""
    a, w = positive(*shape), RNG.normal(size=(*shape, shape[-1]))

    def by_cholesky(a):
        factor = mg.linalg.cholesky(a, upper=upper)
        return 2 * mg.log(mg.linalg.diagonal(factor)).sum()

    def by_qr(a):
        return mg.log(mg.abs(mg.linalg.diagonal(mg.linalg.qr(a).R))).sum()

    expected = mg.grad(lambda a: mg.linalg.slogdet(a).logabsdet.sum())(a)
    for function in (by_cholesky, by_qr):
        np.testing.assert_allclose(mg.grad(function)(a), expected, rtol=1e-8, atol=1e-10)

    def solved(a):
        factor = mg.linalg.cho_factor(a, lower=not upper)
        return (w * mg.linalg.cho_solve(factor, w)).sum()

    symmetric = mg.grad(lambda a: (w * mg.linalg.solve(a, w)).sum())(a)
    symmetric = (symmetric + np.swapaxes(symmetric, -1, -2)) / 2
    np.testing.assert_allclose(mg.grad(solved)(a), symmetric, rtol=1e-8, atol=1e-8)
