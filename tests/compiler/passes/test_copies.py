"""Calls that return their argument are dropped."""

import numpy as np

import minigrad as mg
from minigrad.compiler.tracing.trace_comparison import same_bits
from tests.compiler.replaying import X, compiled


def test_copies_that_nobody_writes_to_are_dropped():
    assert compiled(lambda x: mg.tensor(x) * 2, X).stats()["calls"] == 1
    assert compiled(lambda x: mg.tensor(x), X).stats()["calls"] == 1  # which leaves the program

    def f(x):
        y = x.copy()
        y += 1
        return y * x

    assert compiled(f, X).stats()["calls"] == 3


def test_a_view_that_is_taken_twice_may_be_written_to():
    w = mg.tensor(np.zeros(6, "float32"))

    def f(x):
        np.add(w.data[0:4], x, out=w.data[0:4])
        np.multiply(w.data[0:4], 2, out=w.data[0:4])
        return w.data[0:4] + 1

    def run(f):
        w.data[...] = 0
        return [np.array(f(np.ones(4, "float32"))) for _ in range(4)]

    expected = run(f)
    for one, other in zip(expected, run(mg.compile(f, backend="numpy")), strict=True):
        assert same_bits(one, other)


def test_the_ones_of_a_sum_s_gradient_are_no_product():
    w = mg.tensor(np.arange(6.0), requires_grad=True)

    def f():
        w.zero_grad()
        loss = (mg.tanh(w) * mg.exp(w)).sum()
        loss.backward()
        return loss

    made = mg.compile(f, backend="numpy")
    for _ in range(3):
        made()
    # The two products with ones go, and then exp_grad * exp is the product of the forward pass.
    assert (made.stats()["calls recorded"], made.stats()["calls"]) == (11, 8)
    t, e = np.tanh(np.arange(6.0)), np.exp(np.arange(6.0))
    np.testing.assert_allclose(w.grad, (1 - t * t) * e + t * e)
