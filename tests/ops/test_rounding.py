"""Every row of minigrad/ops/rounding.py has the properties that a row must have."""

import numpy as np
import pytest

import minigrad as mg
from minigrad.errors import MinigradError
from minigrad.ops import rounding
from tests.ops.families import properties_of

test_properties = properties_of(rounding)


def test_heaviside_has_the_gradient_of_its_value_at_0():
    x, h = np.array([-1.0, 0.0, 2.0, np.nan]), mg.tensor(np.full(4, 0.25), requires_grad=True)
    np.heaviside(x, h).sum().backward()
    np.testing.assert_array_equal(h.grad, [0, 1, 0, 0])
    t = mg.tensor(np.array([0.0, 2.0]), requires_grad=True)
    both = mg.tensor(np.array(0.5), requires_grad=True)
    (np.heaviside(t, both * both) * both).sum().backward()
    np.testing.assert_array_equal(t.grad, [0, 0])
    assert both.grad == 3 * 0.25 + 1  # (h² + 1) h
    np.heaviside(t, 0.5).astype(int)  # constant between jumps: an index loses no gradient
    with pytest.raises(MinigradError):
        np.heaviside(t, both).astype(int)
