"""Every row of minigrad/ops/vector_products.py has the properties that a row must have."""

import numpy as np
import pytest

import minigrad as mg
from minigrad.ops import vector_products
from minigrad.testing import check_gradients
from tests.ops.families import properties_of

test_properties = properties_of(vector_products)


@pytest.mark.parametrize("number", [2, 2.0, 1 + 2j, np.float64(2)])
def test_a_number_is_a_vector_of_one_element(number):
    """Its size was asked of Python's number in the backward pass."""
    x = np.array([1.0, -2, 3])
    for f in (lambda x: np.convolve(x, number), lambda x: np.convolve(number, x, "same")):
        np.testing.assert_array_equal(f(mg.tensor(x)).data, f(x))
        check_gradients(lambda x: np.real((1 + 1j) * f(x)), x)  # noqa: B023
