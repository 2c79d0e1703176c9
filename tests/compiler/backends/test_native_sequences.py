"""Which recurrent layers a loop is written for, and that it agrees with NumPy."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from minigrad.kernels.recurrent import gru_forward, lstm_forward, rnn_forward

pytest.importorskip("llvmlite", reason="machine code needs llvmlite: pip install llvmlite")
from tests.compiler.backends.test_native_networks import agrees

pytestmark = pytest.mark.native


#: The functions with the gates, the states, and further arguments of each.
CELLS = {
    "gru": (gru_forward, 3, 1, ()), "lstm": (lstm_forward, 4, 2, ()),
    "tanh": (rnn_forward, 1, 1, (False,)), "relu": (rnn_forward, 1, 1, (True,)),
}  # fmt: skip


def sequences(rng, cell, steps, batch, hidden, dtype, biased=True):
    """Arguments for the function of a cell."""
    function, gates, states, options = CELLS[cell]
    shapes = [(steps, batch, gates * hidden), (2, batch, hidden)[2 - states :], (gates * hidden, hidden)]
    p, state, weight = (rng.standard_normal(shape).astype(dtype) for shape in shapes)
    bias = rng.standard_normal(gates * hidden).astype(dtype) if biased else None
    return function, p, state, weight / dtype(hidden), bias, None, *options


@pytest.mark.slow
@pytest.mark.parametrize("cell", list(CELLS))
@settings(deadline=None, max_examples=8)
@given(st.data())
def test_recurrent_layers_agree_with_numpy(cell, data):
    rng = np.random.default_rng(data.draw(st.integers(0, 2**32 - 1)))
    steps, batch = data.draw(st.integers(1, 6)), data.draw(st.integers(4, 11))
    hidden, dtype = data.draw(st.sampled_from([(6, np.float32), (18, np.float32)]))
    assert agrees(*sequences(rng, cell, steps, batch, hidden, dtype, data.draw(st.booleans())))


def test_recurrent_layers_of_other_kinds_stay_with_numpy():
    function, p, state, weight, bias, _ = sequences(np.random.default_rng(11), "gru", 2, 3, 4, np.float32)
    ended = np.zeros((2, 3, 1), bool)
    assert not agrees(function, p, state, weight, bias, ended)
    assert not agrees(function, *[x.astype(np.complex64) for x in (p, state, weight, bias)], None)
    assert not agrees(function, p[:0], state, weight, bias, None)
    assert not agrees(*sequences(np.random.default_rng(12), "tanh", 1, 1, 260, np.float32))
