"""Every row of minigrad/ops/determinants.py has the properties that a row must have."""

import itertools

import numpy as np
import pytest

import minigrad as mg
from minigrad.ops import determinants
from tests.ops.families import properties_of

test_properties = properties_of(determinants)


def by_minors(a, order):
    """The derivatives of the determinant from its definition: what is left of each product without some factors."""
    n = len(a)
    found = np.zeros((n, n) * order, a.dtype)
    for columns in itertools.permutations(range(n)):
        sign = np.linalg.det(np.eye(n, dtype=float)[list(columns)])
        for rows in itertools.permutations(range(n), order):
            rest = [a[i, columns[i]] for i in range(n) if i not in rows]
            found[sum(((i, columns[i]) for i in rows), ())] += sign * np.prod(rest)
    return found


SINGULAR = {
    "rank 2 of 3": np.diag([1.0, 2.0, 0.0]),
    "rank 1 of 3": np.ones((3, 3)),
    "zeros": np.zeros((3, 3)),
    "rank 2 of 4": np.arange(16.0).reshape(4, 4) / 8,
    "small": 1e-6 * np.arange(16.0).reshape(4, 4),
    "invertible": np.array([[2.0, 1, 0], [1, 3, 1], [0.5, 0, 1]]),
    "complex": np.array([[1, 1j, 0], [1j, -1, 0], [0, 0, 0]]),
    "two rows": np.ones((2, 2)),
    "one": np.zeros((1, 1)),
}


@pytest.mark.parametrize("name", SINGULAR)
@pytest.mark.parametrize("order", [3, 4])
def test_higher_derivatives_are_exact_for_singular_matrices_too(name, order):
    a = SINGULAR[name]
    rng = np.random.default_rng(0)
    directions = [rng.normal(size=a.shape) for _ in range(order - 1)]
    x = mg.tensor(a, requires_grad=True)
    z = mg.linalg.det(x)
    g = mg.autograd.grad(z.real if a.dtype.kind == "c" else z, [x], create_graph=True)[0]
    for direction in directions:
        g = np.conjugate(g) if a.dtype.kind == "c" else g  # what is handed out is the conjugate
        s = (g * direction).sum()
        g = mg.autograd.grad(s.real if a.dtype.kind == "c" else s, [x], create_graph=True)[0]
    want = by_minors(a, order)
    for direction in directions:
        want = np.tensordot(direction, want, 2)
    np.testing.assert_allclose(np.conjugate(g.data), want, rtol=1e-10, atol=1e-10)


def test_the_fourth_order_in_batches_of_singular_matrices():
    """Steps around a matrix must not meet where it cancels with its direction, as ones and ones do."""
    f = mg.linalg.det
    for _ in range(4):
        f = mg.jacobian(f)
    np.testing.assert_allclose(f(mg.ones((2, 2), dtype="float64")).data, 0, atol=1e-12)
