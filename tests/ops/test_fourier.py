"""Every row of minigrad/ops/fourier.py has the properties that a row must have."""

import numpy as np
import pytest

import minigrad as mg
from minigrad.errors import DTypeError
from minigrad.ops import fourier
from tests.ops.families import properties_of

test_properties = properties_of(fourier)


@pytest.mark.parametrize("f", [np.fft.fftn, np.fft.ifftn, np.fft.rfftn, np.fft.irfftn, np.fft.fft2])
@pytest.mark.parametrize("name", ["s", "axes"])
@pytest.mark.parametrize("value", [{}, set(), 1, "01"])
def test_sizes_and_axes_are_sequences(f, name, value):
    with pytest.raises(DTypeError, match=f"{name} is a sequence of whole numbers"):
        f(mg.tensor(np.ones((2, 3))), **{name: value})
