"""One step of a recurrent layer: a cell over a sequence is the layer over it."""

import numpy as np
import pytest

import minigrad as mg
from minigrad import nn
from minigrad.errors import MinigradError

X = np.random.default_rng(0).normal(size=(5, 2, 3))  # steps, batch, features


@pytest.mark.parametrize("kind", ["RNN", "GRU", "LSTM"])
def test_a_cell_over_steps_is_the_layer(kind):
    layer = getattr(nn, kind)(3, 4, dtype="float64", generator=np.random.default_rng(1))
    cell = getattr(nn, f"{kind}Cell")(3, 4, dtype="float64")
    values = [p.data for p in layer.parameters()]
    for p, value in zip(cell.parameters(), values, strict=True):
        p.data[...] = value
    whole, _ = layer(mg.tensor(X))
    state = None
    for step in range(len(X)):
        state = cell(mg.tensor(X[step]), state)
        h = state[0] if kind == "LSTM" else state
        np.testing.assert_allclose(h.data, whole.data[step], rtol=1e-12)


@pytest.mark.parametrize("kind", [nn.RNNCell, nn.GRUCell, nn.LSTMCell])
def test_shapes_that_do_not_fit(kind):
    cell = kind(3, 4)
    with pytest.raises(MinigradError):
        cell(np.ones((2, 5), "float32"))
    assert "3, 4" in repr(cell) or "input_size=3" in repr(cell)
