"""Substitution and elimination against products that give the matrices back."""

import numpy as np
import pytest

from minigrad.kernels.triangular import eliminated, row_order, substituted

RNG = np.random.default_rng(0)


@pytest.mark.parametrize("n", [1, 5, 32, 33, 70])
def test_substitution_solves_what_lies_below_the_diagonal(n):
    a = RNG.normal(size=(2, n, n)) / n + 2 * np.eye(n)
    b = RNG.normal(size=(2, n, 3))
    np.testing.assert_allclose(np.tril(a) @ substituted(a, b), b, atol=1e-10)


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
