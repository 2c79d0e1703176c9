"""``mg.fft``: NumPy's names, its values, and gradients through complex numbers."""

import numpy as np
import pytest

import minigrad as mg

X = np.random.default_rng(0).normal(size=(3, 8))


@pytest.mark.parametrize("name", mg.fft.__all__)
def test_each_name_is_numpy_s(name):
    assert callable(getattr(mg.fft, name))
    assert hasattr(np.fft, name)


@pytest.mark.parametrize("name", ["fft", "ifft", "rfft", "fft2", "fftn", "hfft"])
def test_values_and_gradients(name):
    function, expected = getattr(mg.fft, name), getattr(np.fft, name)
    np.testing.assert_allclose(function(X), expected(X))
    x = mg.tensor(X, requires_grad=True)
    z = function(x)
    (mg.abs(z) ** 2).sum().backward()
    u = np.random.default_rng(1).normal(size=X.shape)
    h = 1e-6
    slope = ((np.abs(expected(X + h * u)) ** 2).sum() - (np.abs(expected(X - h * u)) ** 2).sum()) / (2 * h)
    np.testing.assert_allclose((x.grad * u).sum(), slope, rtol=1e-6)


def test_a_name_that_is_missing_says_what_there_is():
    with pytest.raises(AttributeError, match="fft"):
        getattr(mg.fft, "no_such" + "_transform")
