"""Every row of minigrad/ops/nan_reductions.py has the properties that a row must have."""

import numpy as np
import pytest

import minigrad as mg
from minigrad.ops import nan_reductions
from tests.ops.families import properties_of

test_properties = properties_of(nan_reductions)


@pytest.mark.parametrize("name", ["nansum", "nanprod", "nanmean", "nanvar", "nanstd", "nanmax", "nanmin"])
def test_plain_arrays_give_what_numpys_functions_give(name):
    """A scalar where all axes are reduced; a list is of the default dtype."""
    function, x = getattr(mg, name), np.array([[1.0, np.nan, 4.0], [2.0, 3.0, 7.0]])
    for axis in (None, 0):
        found, expected = function(x, axis), getattr(np, name)(x, axis)
        assert type(found) is type(expected)
        np.testing.assert_allclose(found, expected)
    assert function(x.tolist()).dtype == np.float32
