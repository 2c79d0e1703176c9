"""Values that strategies draw."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from minigrad.testing import strategies


@given(st.data())
def test_strategies_draw_distinct_values_in_every_layout(data):
    made = data.draw(strategies.broadcastable_arrays(2, domain=(0, np.inf)))
    values = np.concatenate([x.ravel() for x in made])
    assert len(np.unique(values)) == values.size
    assert (values > 0.05).all()
    np.broadcast(*made)
    x = data.draw(strategies.tensors())
    assert x.requires_grad
    index = data.draw(strategies.indices(x.shape))
    x.data[index]
    axis = data.draw(strategies.axes(x.ndim))
    np.sum(x.data, axis)
