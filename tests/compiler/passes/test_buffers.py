"""Values that do not live together share memory."""

import numpy as np

from tests.compiler.replaying import X, compiled


def test_a_chain_of_elementwise_calls_needs_little_memory():
    def f(x):
        y = x
        for _ in range(20):
            y = np.tanh(y) + x
        return y * 2

    made = compiled(f, X)
    assert made.stats()["buffers"] == 1
    assert made.stats()["bytes"] == X.nbytes


def test_values_that_live_together_have_places_of_their_own():
    def f(x):
        values = [x * n for n in range(5)]
        return np.concatenate(values).sum(0) + values[0].T.sum()

    assert compiled(f, X).stats()["buffers"] >= 5
