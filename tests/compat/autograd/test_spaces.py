"""``vspace``: the space of arrays like one, as programs use it that build Jacobians by hand."""

import numpy as np
import pytest

from minigrad.compat.autograd import core, differential_operators, grad, jacobian, make_vjp
from minigrad.compat.autograd.extend import VSpace, vspace
from minigrad.errors import DTypeError


@pytest.mark.parametrize("value", [2.0, 3, np.ones((2, 3), np.float32), np.zeros(4, np.complex128), np.zeros((0, 2))])
def test_a_basis_spans_the_space(value):
    space = vspace(value)
    basis = list(space.standard_basis())
    assert len(basis) == space.size
    assert (space.shape, space.ndim) == (np.shape(value), np.ndim(value))
    assert space.iscomplex == np.iscomplexobj(value)
    assert all(vspace(x) == space and x.dtype == space.dtype for x in [*basis, space.zeros(), space.ones()])
    np.testing.assert_array_equal(sum(basis, space.zeros()), space.ones())
    products = np.array([[space.inner_prod(x, y) for y in basis] for x in basis])
    np.testing.assert_array_equal(products.reshape(space.size, space.size), np.eye(space.size))
    x = space.randn()
    assert vspace(x) == space
    np.testing.assert_array_equal(space.add(x, space.scalar_mul(space.covector(np.conj(x)), 2.0)), x + 2 * x)


def test_a_jacobian_by_hand_and_inside_of_a_gradient():
    def f(x):
        return x**2 * x[0]

    x = np.array([1.0, 2.0])
    pull, z = make_vjp(f)(x)
    rows = np.stack([pull(row) for row in core.vspace(z).standard_basis()])
    np.testing.assert_allclose(rows, jacobian(f)(x))
    assert grad(lambda x: (x * differential_operators.vspace(x).ones()).sum())(x).tolist() == [1, 1]
    assert vspace(x) != vspace(x[:1])
    for value in ("text", [1.0, 2.0], (1.0, x), [[1.0], [2.0, 3.0]], {"a": 1.0}):
        with pytest.raises(DTypeError, match="structures"):
            VSpace(value)
    with pytest.raises(DTypeError, match="text"):
        vspace(["text"])


STRUCTURES = [
    (1.0, np.ones((2, 1), np.float32)),
    [1.0, (2.0, [np.ones(2)])],
    {"a": 1.0, "b": {"c": np.zeros(2, np.complex128)}},
    (),
]


@pytest.mark.parametrize("value", STRUCTURES, ids=["tuple", "list", "dict", "nothing"])
def test_the_space_of_a_structure_is_that_of_its_parts_together(value):
    space = vspace(value)
    basis = list(space.standard_basis())
    assert len(basis) == space.size
    assert space.iscomplex == isinstance(value, dict)
    assert space != vspace([value])
    assert all(vspace(x) == space for x in [*basis, space.zeros(), space.ones(), space.randn()])
    products = [[space.inner_prod(x, y) for y in basis] for x in basis]
    np.testing.assert_array_equal(np.reshape(products, (space.size, space.size)), np.eye(space.size))
    x, total = space.randn(), space.zeros()
    for direction in basis:
        total = space.add(total, direction)
    difference = space.add(total, space.scalar_mul(space.ones(), -1.0))
    assert space.inner_prod(difference, difference) == 0
    again = space.covector(space.covector(x))
    assert space.inner_prod(x, x) == space.inner_prod(again, x) >= 0
