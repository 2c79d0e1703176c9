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


def test_a_border_of_what_differs_from_call_to_call_or_by_member():
    def f(x, c):
        return np.pad(x, 1, constant_values=c)

    compiled = mg.compile(f)
    for number in (1.0, 2.0, 3.0):
        np.testing.assert_array_equal(compiled(mg.ones(1), mg.tensor(number)), [number, 1, number])
    np.testing.assert_array_equal(mg.vmap(f)(mg.ones((2, 1)), mg.tensor([2.0, 3.0])), [[2, 1, 2], [3, 1, 3]])
