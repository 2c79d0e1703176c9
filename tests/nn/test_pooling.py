"""Layers that pool windows: each is its function with its options."""

import numpy as np
import pytest

import minigrad as mg
from minigrad import nn

X = np.random.default_rng(0).normal(size=(2, 3, 6))
IMAGES = np.random.default_rng(1).normal(size=(2, 3, 6, 4))


def test_maxima_and_means_of_windows():
    parts = X.reshape(2, 3, 3, 2)
    np.testing.assert_array_equal(nn.MaxPool1d(2)(mg.tensor(X)).data, parts.max(-1))
    np.testing.assert_allclose(nn.AvgPool1d(2)(mg.tensor(X)).data, parts.mean(-1))
    images = IMAGES.reshape(2, 3, 3, 2, 2, 2)
    np.testing.assert_array_equal(nn.MaxPool2d(2)(mg.tensor(IMAGES)).data, images.max((3, 5)))
    np.testing.assert_allclose(nn.AvgPool2d(2)(mg.tensor(IMAGES)).data, images.mean((3, 5)))


@pytest.mark.parametrize("size", [1, 2, 3])
def test_windows_of_as_many_outputs(size):
    parts = X.reshape(2, 3, size, -1)
    np.testing.assert_allclose(nn.AdaptiveAvgPool1d(size)(mg.tensor(X)).data, parts.mean(-1))
    np.testing.assert_array_equal(nn.AdaptiveMaxPool1d(size)(mg.tensor(X)).data, parts.max(-1))


def test_padding_counts_or_does_not():
    x = mg.tensor(np.ones((1, 1, 2)))
    assert nn.AvgPool1d(2, 1, 1)(x).tolist() == [[[0.5, 1, 0.5]]]
    assert nn.AvgPool1d(2, 1, 1, count_include_pad=False)(x).tolist() == [[[1, 1, 1]]]


@pytest.mark.parametrize("layer", [nn.MaxPool1d(2), nn.AvgPool1d(3, 1, 1), nn.AdaptiveAvgPool1d(2)], ids=repr)
def test_gradients_add_up_to_those_of_the_outputs(layer):
    x = mg.tensor(X, requires_grad=True)
    z = layer(x)
    z.sum().backward()
    direction = np.random.default_rng(2).normal(size=X.shape) * 1e-6
    slope = (layer(mg.tensor(X + direction)).data - layer(mg.tensor(X - direction)).data).sum() / 2
    np.testing.assert_allclose((x.grad * direction).sum(), slope, rtol=1e-6)
