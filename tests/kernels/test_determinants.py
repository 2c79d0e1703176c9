"""Cofactors of matrices against their definition by minors, singular ones too."""

import itertools

import numpy as np
import pytest

from minigrad.kernels.determinants import cofactors, cofactors_along

RNG = np.random.default_rng(0)
MATRICES = {
    "sound": RNG.normal(size=(2, 3, 3)),
    "of rank 2": np.outer([1.0, 2, 3], [1.0, 0, 2]) + np.outer([0.0, 1, 1], [3.0, 1, 0]),
    "of rank 1": np.outer([1.0, 2, 3], [1.0, 0, 2]),
    "zero": np.zeros((3, 3)),
    "complex": RNG.normal(size=(3, 3)) + 1j * RNG.normal(size=(3, 3)),
}


def by_minors(a):
    z = np.empty_like(a)
    for i, j in itertools.product(range(a.shape[-1]), repeat=2):
        minor = np.delete(np.delete(a, i, -2), j, -1)
        z[..., i, j] = (-1) ** (i + j) * np.linalg.det(minor)
    return z


@pytest.mark.parametrize("name", MATRICES)
def test_cofactors_are_the_minors_with_their_signs(name):
    a = MATRICES[name]
    np.testing.assert_allclose(cofactors(a), by_minors(a), atol=1e-12)


@pytest.mark.parametrize("name", MATRICES)
def test_their_change_along_a_direction_is_that_of_the_minors(name):
    a, h = MATRICES[name], 1e-5
    direction = RNG.normal(size=a.shape)
    expected = (by_minors(a + h * direction) - by_minors(a - h * direction)) / (2 * h)
    np.testing.assert_allclose(cofactors_along(a, direction), expected, atol=1e-8)
