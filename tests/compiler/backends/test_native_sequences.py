"""Which recurrent layers a loop is written for, and that it agrees with NumPy."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from minigrad.kernels.recurrent import gru_forward, lstm_forward, recurrent_backward, rnn_forward

pytest.importorskip("llvmlite", reason="machine code needs llvmlite: pip install llvmlite")
from tests.compiler.backends.test_native_networks import agrees, loop_of

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


@pytest.mark.parametrize("cell", list(CELLS))
def test_gates_that_are_kept_and_the_way_back_agree_with_numpy(cell):
    rng = np.random.default_rng(13)
    function, *args = sequences(rng, cell, 4, 5, 6, np.float32)  # the last block of sequences begins in the one before
    _, state, weight, *_ = args
    z, gates = function(*args), None
    if cell in ("gru", "lstm"):
        (_, gates), loop = loop_of(function, *args, True)
        for made, wanted in zip(loop(*args, True), (z, gates), strict=True):
            np.testing.assert_allclose(made, wanted, rtol=0, atol=2e-6)
    name = {"tanh": "rnn_tanh", "relu": "rnn_relu"}.get(cell, cell)
    given = (rng.standard_normal(z.shape).astype(np.float32), z, gates, state, weight, None, name)
    wanted, loop = loop_of(recurrent_backward, *given)
    for made, expected in zip(loop(*given), wanted, strict=True):
        assert (made.shape, made.dtype, made.strides) == (expected.shape, expected.dtype, expected.strides)
        np.testing.assert_allclose(made, expected, rtol=0, atol=1e-5)


def test_the_way_back_through_sequences_that_end_stays_with_numpy():
    function, p, state, weight, bias, _ = sequences(np.random.default_rng(14), "gru", 2, 3, 4, np.float32)
    ended = np.array([[[False], [True], [False]]] * 2)
    z, gates = function(p, state, weight, bias, ended, True)
    assert loop_of(function, p, state, weight, bias, ended, True)[1] is None
    assert loop_of(recurrent_backward, np.ones_like(z), z, gates, state, weight, ended, "gru")[1] is None
