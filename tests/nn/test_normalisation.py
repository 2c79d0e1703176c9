"""Normalisation over features, groups and root mean squares."""

import numpy as np
import pytest

import minigrad as mg
from minigrad import nn

X = np.random.default_rng(0).normal(size=(3, 4, 5)) * 3 + 1


def test_layer_norm():
    layer = nn.LayerNorm((4, 5), dtype="float64")
    layer.weight.data[...], layer.bias.data[...] = 2, 1
    flat = X.reshape(3, -1)
    expected = (flat - flat.mean(1, keepdims=True)) / np.sqrt(flat.var(1, keepdims=True) + 1e-5)
    np.testing.assert_allclose(layer(mg.tensor(X)).data, 1 + 2 * expected.reshape(X.shape), rtol=1e-10)


def test_rms_norm():
    layer = nn.RMSNorm(5, eps=1e-6, dtype="float64")
    layer.weight.data[...] = np.arange(5)
    expected = np.arange(5) * X / np.sqrt((X**2).mean(-1, keepdims=True) + 1e-6)
    np.testing.assert_allclose(layer(mg.tensor(X)).data, expected, rtol=1e-10, atol=1e-12)


@pytest.mark.parametrize("groups", [1, 2, 4])
def test_group_norm(groups):
    layer = nn.GroupNorm(groups, 4, dtype="float64")
    layer.weight.data[...] = np.arange(4) + 1
    flat = X.reshape(3, groups, -1)
    expected = ((flat - flat.mean(2, keepdims=True)) / np.sqrt(flat.var(2, keepdims=True) + 1e-5)).reshape(X.shape)
    np.testing.assert_allclose(layer(mg.tensor(X)).data, expected * (np.arange(4) + 1)[:, None], rtol=1e-10, atol=1e-12)


@pytest.mark.parametrize("layer", [nn.LayerNorm(5), nn.RMSNorm(5), nn.GroupNorm(2, 4)], ids=lambda x: type(x).__name__)
def test_both_modes_are_one(layer):
    x = mg.tensor(X.astype("float32"))
    training = layer(x).data
    np.testing.assert_array_equal(layer.eval()(x).data, training)
