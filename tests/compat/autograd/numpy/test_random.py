"""NumPy's random numbers under the names of autograd."""

import numpy as np
import pytest

from minigrad.compat.autograd.numpy import random

NAMES = ["default_rng", "RandomState"]


def test_the_names_are_those_of_the_original():
    assert set(NAMES) <= set(dir(random))


@pytest.mark.parametrize("name", NAMES)
def test_values_are_those_of_the_original(name):
    one, other = getattr(random, name)(3), getattr(np.random, name)(3)
    np.testing.assert_array_equal(one.uniform(size=4), other.uniform(size=4))


def test_a_name_that_is_not_there():
    with pytest.raises(AttributeError):
        getattr(random, "no_such" + "_function")
