"""A program as one function of its arrays: buffers, new memory, and a clock on each kernel."""

import numpy as np
import pytest

import minigrad as mg
from minigrad.compiler.backends.replay import spanned
from minigrad.compiler.passes.buffers import new_array
from minigrad.compiler.program import RESULT, Program


@pytest.mark.parametrize(
    "x", [np.ones((2, 3)), np.asfortranarray(np.ones((2, 3))), np.ones((4, 3, 2)).transpose(2, 0, 1)]
)
def test_new_memory_has_the_layout_of_the_value(x):
    made = new_array(Program().new(RESULT, x))
    assert (made.shape, made.dtype, made.strides) == (x.shape, x.dtype, x.strides)


def test_the_memory_that_an_array_spans_is_one_line():
    x = np.arange(24.0).reshape(2, 3, 4)
    assert spanned(x.T).ndim <= x.ndim
    assert np.shares_memory(spanned(x.T), x)


def test_a_clock_changes_nothing():
    w = mg.tensor(np.ones((3, 2), "float32"), requires_grad=True)

    def step(x):
        w.zero_grad()
        loss = (mg.tanh(x @ w) ** 2).sum()
        loss.backward()
        return loss

    compiled, x = mg.compile(step, backend="numpy"), np.ones((4, 3), "float32")
    for _ in range(3):
        before = compiled(x).item()
    grad = w.grad.copy()
    profile = compiled.profile(x, repeats=3)
    np.testing.assert_array_equal(w.grad, grad)
    assert compiled(x).item() == before
    assert sum(kernel.microseconds for kernel in profile.kernels) > 0
