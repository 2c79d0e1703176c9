"""NumPy's Fourier transforms under the names of autograd."""

import numpy as np
import pytest

from minigrad.compat.autograd.numpy import fft

NAMES = ["fft", "ifft", "rfft", "fft2", "fftshift"]


def test_the_names_are_those_of_the_original():
    assert set(NAMES) <= set(dir(fft))


@pytest.mark.parametrize("name", NAMES)
def test_values_are_those_of_the_original(name):
    x = np.random.default_rng(0).normal(size=(4, 6))
    np.testing.assert_allclose(getattr(fft, name)(x), getattr(np.fft, name)(x))


def test_a_name_that_is_not_there():
    with pytest.raises(AttributeError):
        getattr(fft, "no_such" + "_function")
