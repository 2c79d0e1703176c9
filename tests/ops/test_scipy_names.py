"""The functions of the table under the names of ``scipy.special``."""

import numpy as np
import pytest

import minigrad as mg
from minigrad.ops import scipy_names

special = pytest.importorskip("scipy.special", reason="the reference is SciPy (pip install scipy)")

X = np.array([0.3, 0.8, 1.7])


@pytest.mark.parametrize("name", ["erf", "gammaln", "expit", "j0", "ndtr"])
def test_a_function_of_scipy_answers_a_tensor(name):
    x = mg.tensor(X, requires_grad=True)
    z = getattr(special, name)(x)
    assert isinstance(z, mg.Tensor)
    np.testing.assert_allclose(z.data, getattr(special, name)(X), rtol=1e-12)
    z.sum().backward()
    h = 1e-6
    slope = (getattr(special, name)(X + h) - getattr(special, name)(X - h)) / (2 * h)
    np.testing.assert_allclose(x.grad, slope, rtol=1e-6)


def test_each_file_of_formulas_lists_its_names():
    assert {"minigrad.ops.bessel", "minigrad.ops.gamma_functions"} <= {file.__name__ for file in scipy_names.FILES}
