"""``mg.linalg``: its names are functions, values are NumPy's, and matrices have gradients."""

import numpy as np
import pytest

import minigrad as mg
from minigrad.testing import check_gradients

A = np.random.default_rng(0).normal(size=(3, 3)) + 3 * np.eye(3)


@pytest.mark.parametrize("name", mg.linalg.__all__)
def test_each_name_is_a_function(name):
    assert callable(getattr(mg.linalg, name))


@pytest.mark.parametrize("name", ["inv", "det", "norm", "pinv", "cond", "matrix_rank", "eigvals"])
def test_values_are_numpy_s(name):
    got = getattr(mg.linalg, name)(mg.tensor(A))
    expected = getattr(np.linalg, name)(A)
    np.testing.assert_allclose(
        np.sort_complex(np.ravel(np.asarray(got))), np.sort_complex(np.ravel(expected)), rtol=1e-9
    )


@pytest.mark.parametrize("name", ["inv", "det", "norm"])
def test_gradients(name):
    check_gradients(getattr(mg.linalg, name), A, order=2)


def test_a_name_that_is_missing_says_what_there_is():
    with pytest.raises(AttributeError, match="linalg"):
        getattr(mg.linalg, "no_such" + "_function")
