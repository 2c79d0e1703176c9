"""Arrays of a program in a file: those that overlap are one."""

import numpy as np
import pytest

import minigrad as mg
from minigrad import nn
from minigrad.compiler.tracing.trace_comparison import same_bits
from minigrad.errors import CompileError
from tests.compiler.output.exported import exported


def test_arrays_that_overlap_and_are_written(tmp_path):
    whole = np.arange(6, dtype=np.float32)
    first, last = nn.Parameter(np.zeros(4, np.float32)), nn.Parameter(np.zeros(4, np.float32))
    first.data, last.data = whole[:4], whole[5:1:-1]

    def f(x):
        first.data[...] *= x
        return last.data * 2, first.data + 1

    compiled = mg.compile(f)
    x = np.float32([1, 2, 3, 4])
    for _ in range(3):
        compiled(x)
    made = exported(compiled, tmp_path / "f.py")
    state = made.load()
    assert state["last"].strides == (-4,)
    for one, other in zip(made.step(x, state)[0], compiled(x), strict=True):
        assert same_bits(one, other)


def test_a_step_of_complex_parameters_is_not_exported(tmp_path):
    w = nn.Parameter(np.array([1 + 2j, 3j]))
    optimizer = mg.optim.SGD([("w", w)], lr=0.1)

    def step():
        optimizer.zero_grad()
        loss = (np.abs(w) ** 2).sum()
        loss.backward()
        optimizer.step()
        return loss

    compiled = mg.compile(step)
    for _ in range(3):
        compiled()
    with pytest.raises(CompileError, match="complex parameters is not exported"):
        exported(compiled, tmp_path / "f.py")
