"""Substitution and elimination against products that give the matrices back."""

import numpy as np
import pytest

from minigrad.kernels.triangular import eliminated, row_order, substituted

RNG = np.random.default_rng(0)


@pytest.mark.parametrize("n", [0, 1, 5, 32, 33, 70])
@pytest.mark.parametrize("columns", [0, 1, 3, 40])
@pytest.mark.parametrize("lower", [True, False])
def test_substitution_solves_what_lies_on_one_side_of_the_diagonal(n, columns, lower):
    a = RNG.normal(size=(2, n, n)) / max(n, 1) + 2 * np.eye(n)
    b = RNG.normal(size=(3, 1, n, columns))
    triangle = np.tril(a) if lower else np.triu(a)
    np.testing.assert_allclose(triangle @ substituted(a, b, lower), np.broadcast_to(b, (3, 2, n, columns)), atol=1e-10)


@pytest.mark.parametrize("columns", [1, 40])
@pytest.mark.parametrize("kind", ["nearly singular", "graded", "random"])
def test_each_element_is_off_by_no_more_than_substitution_would_be(kind, columns):
    """The rest of each equation beside the sizes that go into it: an inverse alone leaves 1e-11 to 1e-9."""
    n = 100
    x = np.linspace(0, 1, n)
    a = {
        "nearly singular": np.linalg.cholesky(np.exp(-50 * (x[:, None] - x) ** 2) + 1e-12 * np.eye(n)),
        "graded": np.tril(RNG.normal(size=(n, n))) * 10.0 ** -np.linspace(0, 12, n)[:, None],
        "random": np.tril(RNG.normal(size=(n, n)), -1) + np.eye(n),
    }[kind]
    b = a @ RNG.normal(size=(n, columns))
    for matrix, side, lower in ((a, b, True), (a.T, a.T @ RNG.normal(size=(n, columns)), False)):
        found = substituted(matrix, side, lower)
        rest = np.abs(matrix @ found - side) / (np.abs(matrix) @ np.abs(found))
        assert rest.max() < (1e-14 if columns > 1 else 1e-11)


@pytest.mark.parametrize("kind", ["real", "complex"])
def test_elimination_gives_l_and_u_of_the_rows_in_order(kind):
    a = RNG.normal(size=(3, 4, 4)) + (1j * RNG.normal(size=(3, 4, 4)) if kind == "complex" else 0)
    order = row_order(a)
    rows = np.take_along_axis(a, order[..., None], -2)
    both = eliminated(rows)
    lower = np.tril(both, -1) + np.eye(4)
    np.testing.assert_allclose(lower @ np.triu(both), rows, atol=1e-12)
    assert (np.abs(lower.real) + np.abs(lower.imag) <= np.sqrt(2) * (1 + 1e-12)).all()  # the pivot is the largest
    assert np.sort(order, -1).tolist() == [[0, 1, 2, 3]] * 3


def test_arguments_stay_as_they_are():
    a = RNG.normal(size=(3, 3))
    before = a.copy()
    row_order(a), eliminated(a), substituted(a, a)
    np.testing.assert_array_equal(a, before)
