"""Layers that change the shape, or nothing."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import minigrad as mg
from minigrad import nn


@pytest.mark.parametrize(
    ("axes", "shape", "flat"),
    [
        ((), (2, 3, 4, 5), (2, 60)),
        ((), (0, 3, 4), (0, 12)),
        ((0,), (2, 3), (6,)),
        ((-2, -1), (2, 3, 4), (2, 12)),
        ((1, 2), (2, 3, 4, 5), (2, 12, 5)),
        ((1, 1), (2, 3), (2, 3)),
    ],
)
def test_flatten(axes, shape, flat):
    assert nn.Flatten(*axes)(mg.tensor(np.ones(shape))).shape == flat


def test_identity():
    x = mg.tensor([1.0])
    assert nn.Identity()(x) is x


@given(data=st.data(), shape=st.lists(st.integers(0, 4), min_size=1, max_size=5))
def test_flatten_joins_any_axes(data, shape):
    """Counted from either end, with the elements in their order."""
    start = data.draw(st.integers(0, len(shape) - 1))
    end = data.draw(st.integers(start, len(shape) - 1))
    x = np.arange(np.prod(shape, dtype=int)).reshape(shape)
    z = nn.Flatten(
        start - data.draw(st.sampled_from([0, len(shape)])), end - data.draw(st.sampled_from([0, len(shape)]))
    )(x)
    assert z.shape == (*shape[:start], np.prod(shape[start : end + 1], dtype=int), *shape[end + 1 :])
    np.testing.assert_array_equal(z.reshape(-1), x.reshape(-1))
