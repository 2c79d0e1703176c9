"""Every row of minigrad/ops/applying.py has the properties that a row must have."""

import numpy as np
import pytest

import minigrad as mg
from minigrad.errors import BatchError
from minigrad.ops import applying
from tests.ops.families import properties_of

test_properties = properties_of(applying)


def test_piecewise_of_conditions_that_differ_is_refused_by_name():
    x = np.random.default_rng(0).normal(size=(3, 4))
    f = lambda x: np.piecewise(x, [x < 0, x >= 0], [lambda x: -x, lambda x: x**2])  # noqa: E731
    with pytest.raises(BatchError, match=r"np\.piecewise gives each function.*np\.select"):
        mg.vmap(f)(x)
    shared = np.array([True, False, True, False])
    found = mg.vmap(lambda x: np.piecewise(x, [shared], [lambda x: -x, lambda x: x**2]))(x)
    np.testing.assert_array_equal(found, np.where(shared, -x, x**2))
