"""What a program keeps between its runs."""

import numpy as np
import pytest

import minigrad as mg
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
