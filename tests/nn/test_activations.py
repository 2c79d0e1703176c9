"""Layers of activations: each is its function with its options."""

import numpy as np
import pytest

import minigrad as mg
from minigrad import nn
from minigrad.nn import functional as F

X = np.linspace(-4, 4, 18).reshape(3, 6)


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


EXPECTED = {
    "ReLU": (nn.ReLU(), np.maximum(X, 0)),
    "LeakyReLU": (nn.LeakyReLU(0.2), np.where(X > 0, X, 0.2 * X)),
    "ELU": (nn.ELU(2.0), np.where(X > 0, X, 2 * np.expm1(X))),
    "CELU": (nn.CELU(2.0), np.where(X > 0, X, 2 * np.expm1(X / 2))),
    "SELU": (nn.SELU(), 1.0507009873554805 * np.where(X > 0, X, 1.6732632423543772 * np.expm1(X))),
    "SiLU": (nn.SiLU(), X * sigmoid(X)),
    "Mish": (nn.Mish(), X * np.tanh(np.log1p(np.exp(X)))),
    "Softplus": (nn.Softplus(2.0), np.log1p(np.exp(2 * X)) / 2),
    "Softsign": (nn.Softsign(), X / (1 + np.abs(X))),
    "Sigmoid": (nn.Sigmoid(), sigmoid(X)),
    "LogSigmoid": (nn.LogSigmoid(), np.log(sigmoid(X))),
    "Tanh": (nn.Tanh(), np.tanh(X)),
    "Hardtanh": (nn.Hardtanh(-0.5, 2), np.clip(X, -0.5, 2)),
    "ReLU6": (nn.ReLU6(), np.clip(X, 0, 6)),
    "Hardsigmoid": (nn.Hardsigmoid(), np.clip(X + 3, 0, 6) / 6),
    "Hardswish": (nn.Hardswish(), X * np.clip(X + 3, 0, 6) / 6),
    "GLU": (nn.GLU(), X[:, :3] * sigmoid(X[:, 3:])),
    "Softmax": (nn.Softmax(), np.exp(X) / np.exp(X).sum(-1, keepdims=True)),
}


@pytest.mark.parametrize("name", EXPECTED)
def test_values(name):
    layer, expected = EXPECTED[name]
    z = layer(mg.tensor(X))
    np.testing.assert_allclose(z.data, expected, rtol=1e-10, atol=1e-12)
    assert not list(layer.parameters())


def test_a_slope_that_is_learned():
    layer = nn.PReLU(6, dtype="float64")
    layer.weight.data[...] = np.arange(6)
    layer(mg.tensor(X)).sum().backward()
    np.testing.assert_allclose(layer(mg.tensor(X)).data, np.where(X > 0, X, np.arange(6) * X))
    np.testing.assert_allclose(layer.weight.grad, np.where(X > 0, 0, X).sum(0))


@pytest.mark.parametrize("approximate", ["none", "tanh"])
def test_gelu(approximate):
    np.testing.assert_array_equal(
        nn.GELU(approximate)(mg.tensor(X)).data, F.gelu(mg.tensor(X), approximate=approximate).data
    )
