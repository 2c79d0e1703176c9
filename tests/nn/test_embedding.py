"""Embedding: rows of a weight, and its padding."""

import numpy as np

from minigrad import nn
from tests.nn.test_layers import RNG


def test_embedding_picks_rows_and_leaves_its_padding_alone():
    layer = nn.Embedding(5, 3, padding_idx=-1, generator=RNG(0))
    assert not layer.weight.data[4].any()
    assert layer.weight.data[:4].all()
    numbers = np.array([[0, 4], [2, 0]])
    z = layer(numbers)
    assert z.shape == (2, 2, 3)
    np.testing.assert_array_equal(z.data, layer.weight.data[numbers])
    z.sum().backward()
    assert layer.weight.grad[:, 0].tolist() == [2, 0, 1, 0, 0]


def test_embedding_does_not_write_into_the_array_of_a_users_initialiser():
    given = np.ones((3, 2), "f4")
    layer = nn.Embedding(3, 2, padding_idx=0, init=lambda shape, generator, dtype: given)
    assert given.all()
    assert layer.weight.data.tolist() == [[0, 0], [1, 1], [1, 1]]
