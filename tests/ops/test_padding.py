"""Every row of minigrad/ops/padding.py has the properties that a row must have."""

import numpy as np
import pytest

import minigrad as mg
from minigrad.ops import padding
from tests.ops.families import properties_of

test_properties = properties_of(padding)


@pytest.mark.parametrize(
    "options",
    [
        {"constant_values": None},
        {"constant_values": [None, 1]},
        {"constant_values": "a"},
        {"constant_values": 1j},
        {"mode": "linear_ramp", "end_values": None},
        {"mode": "linear_ramp", "end_values": 1j},
        {"mode": "symmetric", "constant_values": None},
        {"mode": "edge", "end_values": 1.0},
        {"mode": "wrap", "stat_length": 1},
        {"mode": "constant", "reflect_type": None},
        {"mode": "reflect", "reflect_type": "odder"},
        {"mode": "mean", "constant_values": np.zeros(2)},
    ],
    ids=str,
)
def test_options_that_fill_nothing_are_refused(options):
    with pytest.raises(TypeError, match="pad"):
        np.pad(mg.tensor([1.0, 2.0], requires_grad=True), 1, **options)
