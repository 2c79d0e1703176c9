"""Recurrent layers under JAX."""

import numpy as np
import pytest

import minigrad as mg
from minigrad import nn
from tests.compiler.backends.test_jax import compiled_and_eager, needs_jax

pytestmark = pytest.mark.jax


@needs_jax
@pytest.mark.parametrize("layer", [nn.RNN, nn.GRU, nn.LSTM])
def test_recurrent_layers(layer):
    model = layer(3, 4, bidirectional=True, generator=np.random.default_rng(0), dtype="float64")
    x = mg.tensor(np.random.default_rng(1).standard_normal((5, 2, 3)))

    def loss():
        model.zero_grad()
        total = (model(x, lengths=[5, 3])[0] ** 2).sum()
        total.backward()
        return total

    compiled = compiled_and_eager(loss, *[()] * 3)
    assert compiled.stats()["callbacks"] == []
