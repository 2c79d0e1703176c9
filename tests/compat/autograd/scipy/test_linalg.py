"""SciPy's linear algebra under the names of autograd."""

import numpy as np
import pytest

pytest.importorskip("scipy", reason="the reference is SciPy (pip install scipy)")

import scipy.linalg

from minigrad.compat.autograd.scipy import linalg

NAMES = ["inv", "det", "expm", "sqrtm", "logm"]


def test_the_names_are_those_of_the_original():
    assert set(NAMES) <= set(dir(linalg))


@pytest.mark.parametrize("name", NAMES)
def test_values_are_those_of_the_original(name):
    x = np.random.default_rng(0).normal(size=(3, 3))
    x = x @ x.T + np.eye(3)
    np.testing.assert_allclose(getattr(linalg, name)(x), getattr(scipy.linalg, name)(x), rtol=1e-9)


def test_a_name_that_is_not_there():
    with pytest.raises(AttributeError):
        getattr(linalg, "no_such" + "_function")
