"""Every row of minigrad/ops/slopes.py has the properties that a row must have; shares at hand change no bit."""

import numpy as np
import pytest

import minigrad as mg
from minigrad.ops import slopes
from tests.ops.families import properties_of

test_properties = properties_of(slopes)

PAIRS = {
    "silu": ("silu_slope", "logistic"),
    "gelu_tanh": ("gelu_tanh_slope", "gelu_tanh_share"),
    "mish": ("mish_slope", "tanh_softplus"),
}


@pytest.mark.parametrize("name", PAIRS)
def test_the_slope_from_a_share_at_hand_is_that_of_x_alone(name):
    slope, share = (mg.table.ops[row] for row in PAIRS[name])
    x = np.linspace(-60, 60, 501)
    np.testing.assert_array_equal(slope(x, share(x)), slope(x))
    t = mg.tensor(x, requires_grad=True)
    mg.table.ops[name](t).sum().backward()
    np.testing.assert_array_equal(t.grad, slope(x))
