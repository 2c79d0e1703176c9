"""NumPy's linear algebra under the names of autograd."""

import numpy as np
import pytest

from minigrad.compat.autograd.numpy import linalg

NAMES = ["inv", "det", "norm", "pinv", "eigvalsh"]


def test_the_names_are_those_of_the_original():
    assert set(NAMES) <= set(dir(linalg))


@pytest.mark.parametrize("name", NAMES)
def test_values_are_those_of_the_original(name):
    x = np.random.default_rng(0).normal(size=(3, 3))
    x = x @ x.T + np.eye(3)
    np.testing.assert_allclose(getattr(linalg, name)(x), getattr(np.linalg, name)(x))


def test_a_name_that_is_not_there():
    with pytest.raises(AttributeError):
        getattr(linalg, "no_such" + "_function")
