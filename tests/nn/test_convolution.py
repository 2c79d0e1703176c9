"""Layers of convolutions: how their weights are drawn."""

import numpy as np

from minigrad import nn


def test_a_transposed_weight_is_drawn_as_that_of_a_convolution():
    """An initialiser sees (out, in / groups, *kernel); the layer holds (in, out / groups, *kernel)."""
    seen = []

    def init(shape, *_):
        seen.append(shape)
        return np.arange(np.prod(shape)).reshape(shape)

    layer = nn.ConvTranspose1d(4, 6, 2, groups=2, init=init, dtype="float64")
    plain = np.arange(6 * 2 * 2).reshape(6, 2, 2)
    assert seen == [(6, 2, 2)]
    assert layer.weight.shape == (4, 3, 2)
    for group in range(2):
        expected = plain[3 * group : 3 * group + 3].swapaxes(0, 1)
        np.testing.assert_array_equal(layer.weight.data[2 * group : 2 * group + 2], expected)
