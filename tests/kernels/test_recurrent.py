"""The steps of recurrent cells against their formulas, one step at a time, with sequences that end early."""

import numpy as np
import pytest

from minigrad.kernels.recurrent import gru_forward, lstm_forward, rnn_forward

RNG = np.random.default_rng(0)
STEPS, BATCH, HIDDEN = 4, 3, 2
ENDED = np.arange(STEPS)[:, None, None] >= np.array([4, 2, 3])[:, None]


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


def parts(gates, bias):
    p, weight = RNG.normal(size=(STEPS, BATCH, gates * HIDDEN)), RNG.normal(size=(gates * HIDDEN, HIDDEN))
    return p, RNG.normal(size=(BATCH, HIDDEN)), weight, RNG.normal(size=gates * HIDDEN) if bias else None


def checked(step, states, got, ended):
    """Hold all steps against ``step(t, states)``, which gives the next states."""
    for t in range(STEPS):
        new = step(t, states)
        states = [np.where(ENDED[t], old, one) if ended else one for old, one in zip(states, new, strict=True)]
        for one, part in zip(states, got, strict=True):
            np.testing.assert_allclose(part[t], one, rtol=1e-12)


@pytest.mark.parametrize("rectify", [False, True])
@pytest.mark.parametrize("bias", [False, True])
@pytest.mark.parametrize("ended", [False, True])
def test_a_plain_cell(rectify, bias, ended):
    p, h, weight, b = parts(1, bias)
    act = (lambda z: np.maximum(z, 0)) if rectify else np.tanh
    got = rnn_forward(p, h, weight, b, ENDED if ended else None, rectify)
    checked(lambda t, s: [act(p[t] + s[0] @ weight.T + (b if bias else 0))], [h], [got], ended)


@pytest.mark.parametrize("bias", [False, True])
@pytest.mark.parametrize("ended", [False, True])
def test_a_gated_recurrent_unit(bias, ended):
    p, h, weight, b = parts(3, bias)

    def step(t, states):
        (before,) = states
        from_x, from_h = np.split(p[t], 3, -1), np.split(before @ weight.T + (b if bias else 0), 3, -1)
        reset, update = sigmoid(from_x[0] + from_h[0]), sigmoid(from_x[1] + from_h[1])
        new = np.tanh(from_x[2] + reset * from_h[2])
        return [new + update * (before - new)]

    checked(step, [h], [gru_forward(p, h, weight, b, ENDED if ended else None)], ended)


@pytest.mark.parametrize("bias", [False, True])
@pytest.mark.parametrize("ended", [False, True])
def test_a_long_short_term_memory(bias, ended):
    p, h, weight, b = parts(4, bias)
    c = RNG.normal(size=h.shape)

    def step(t, states):
        i, f, g, o = np.split(p[t] + states[0] @ weight.T + (b if bias else 0), 4, -1)
        cell = sigmoid(f) * states[1] + sigmoid(i) * np.tanh(g)
        return [sigmoid(o) * np.tanh(cell), cell]

    checked(step, [h, c], lstm_forward(p, np.stack([h, c]), weight, b, ENDED if ended else None), ended)
