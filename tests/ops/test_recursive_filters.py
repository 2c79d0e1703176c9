"""Filters with feedback, against a loop."""

import numpy as np

from minigrad.ops import recursive_filters as rows
from tests.ops.families import properties_of

test_properties = properties_of(rows)


def test_each_output_is_an_input_less_outputs_before_it():
    x, a = np.random.default_rng(0).normal(size=(2, 6)), np.array([0.5, -0.2])
    y = np.zeros((2, 8), np.float64)  # two zeros come before
    for n in range(6):
        y[:, n + 2] = x[:, n] - a[0] * y[:, n + 1] - a[1] * y[:, n]
    np.testing.assert_allclose(rows.recursive(x, a), y[:, 2:], rtol=1e-14)
