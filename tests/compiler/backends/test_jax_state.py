"""What a program keeps between its runs."""

import numpy as np
import pytest

import minigrad as mg
from minigrad import nn
from tests.compiler.backends.test_jax import assert_close, needs_jax

pytestmark = pytest.mark.jax


@needs_jax
def test_captured_arrays_that_share_memory():
    def pair():
        memory = np.arange(20, dtype=np.float32)
        parts = [memory[:8].reshape(2, 4), memory[4:12], memory[1:19:3], memory[12:]]
        tensors = [mg.tensor([0.0]) for _ in parts]
        for tensor, part in zip(tensors, parts, strict=True):
            tensor.data = part

        def step(x):
            a, b, c, d = tensors
            first = a.data * 1
            b.data[...] = b.data + x.data
            c.data[1:] *= 2
            return [first, a.data * 1, b.data * 1, c.data * 1, d.data * 1]

        return memory, step

    (memory, eager), (memory_2, step) = pair(), pair()
    compiled = mg.compile(step, backend="jax")
    for i in range(5):
        x = mg.tensor(np.full(8, i, np.float32))
        for one, other in zip(eager(x), compiled(x), strict=True):
            assert_close(one, other)
        assert_close(memory, memory_2)
    assert compiled.stats()["replayed"] == 3


@needs_jax
def test_memory_is_swapped():
    def pair():
        a, b = (mg.tensor(np.full(70_000, i, np.float32)) for i in range(2))

        def step():
            old = a.data.copy()
            a.data[...] = b.data
            b.data[...] = old
            return old

        return a, b, step

    (a, b, eager), (a_2, b_2, step) = pair(), pair()
    compiled = mg.compile(step, backend="jax")
    for _ in range(5):
        assert_close(eager(), compiled())
        assert_close(a, a_2)
        assert_close(b, b_2)


def _descend(w, z):
    """A long computation without a result."""
    y = z = w.detach() * 0.0 + z
    for _ in range(8):
        y = y @ y * 1e-3 + z
    w.grad = None
    (w * y).sum().backward()
    w.data[...] -= w.grad


@needs_jax
@pytest.mark.parametrize("is_argument", [True, False])
def test_what_a_run_reads_may_be_written_when_the_call_is_over(is_argument):
    # JAX reads aligned memory where it lies, and computes behind the caller's back: a step without a result waits too.
    memory = np.zeros(300 * 300 + 8)
    x = memory[-memory.ctypes.data % 64 // 8 :][:90_000].reshape(300, 300)

    def weights(compiled):
        w = nn.Parameter(np.zeros((300, 300)))
        step = (lambda x: _descend(w, x)) if is_argument else (lambda: _descend(w, x))
        run = mg.compile(step, backend="jax") if compiled else step
        for i in range(7):
            x[...] = 0.01 * max(i, 3)  # the same while it is recorded
            run(*[x] * is_argument)
            x[...] = 5.0
        assert not compiled or run.stats()["replayed"] >= 3
        return w.data.copy()

    assert_close(weights(False), weights(True))
