"""Every row of minigrad/ops/products.py has the properties that a row must have."""

import numpy as np
import pytest

import minigrad as mg
from minigrad.errors import ShapeError
from minigrad.ops import products
from tests.ops.families import properties_of

test_properties = properties_of(products)


@pytest.mark.parametrize("shapes", [((1,), (3,)), ((3,), (1,)), ((0,), (1,)), ((2, 3), (1,)), ((), (3,))])
def test_vecdot_broadcasts_no_vector(shapes):
    x, y = map(np.ones, shapes)
    for f in (np.vecdot, mg.linalg.vecdot, mg.vecdot):
        with pytest.raises(ValueError, match=r"core dimension|one length|does not have enough dimensions"):
            f(x, y)
        with pytest.raises(ShapeError, match="one length"):
            f(mg.tensor(x), mg.tensor(y))
