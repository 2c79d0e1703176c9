"""Recurrent layers under JAX."""

import importlib

import numpy as np
import pytest

import minigrad as mg
from minigrad import nn
from minigrad.kernels import attention as kernels
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


@needs_jax
@pytest.mark.parametrize("masked", [False, True])
@pytest.mark.parametrize("causal", [False, True])
def test_attention_is_that_of_the_kernel(causal, masked):
    """Also a query that may see no key, which gives 0."""
    jax, jax_sequences = (importlib.import_module(x) for x in ("jax", "minigrad.compiler.backends.jax_sequences"))
    rng = np.random.default_rng(0)
    query, key, value, g = rng.standard_normal((4, 2, 6, 3))
    mask = rng.random((6, 6)) < 0.7 if masked else None
    if masked:
        mask[2] = False
    with jax.enable_x64(True):
        z, logs = jax_sequences.attention(query, key, value, mask, causal, 0.5)
        back = jax_sequences.attention_back(g, z, logs, query, key, value, mask, causal, 0.5)
    expected, expected_logs = kernels.attention(query, key, value, mask, causal, 0.5)
    np.testing.assert_allclose(z, expected, rtol=1e-10, atol=1e-12)
    np.testing.assert_allclose(logs, expected_logs, rtol=1e-10)
    theirs = kernels.attention_back(g, expected, expected_logs, query, key, value, mask, causal, 0.5)
    np.testing.assert_allclose(back, theirs, rtol=1e-9, atol=1e-11)
