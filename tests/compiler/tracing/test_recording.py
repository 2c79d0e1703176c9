"""What a recording captures, and what it refuses."""

import numpy as np
import pytest

import minigrad as mg
from minigrad import nn
from minigrad.errors import CompileError
from tests.compiler.refusing import X, refused


def test_a_write_into_an_array_from_outside():
    total = np.zeros(3, np.float32)

    def step(x):
        total[:] = x.data
        return x * 2

    compiled = mg.compile(step, backend="numpy")
    for i in range(6):
        compiled(mg.tensor(X + i))
        assert np.array_equal(total, (X + i))


def test_a_write_into_an_array_that_is_made_in_the_step():
    def step(x):
        total = np.diag([1.0, 2.0, 3.0])
        total[0] = x.data
        return x * total

    refused(step, "plain array")


def test_an_argument_that_requires_a_gradient():
    refused(lambda x: x * 2, "requires a gradient", mg.tensor(X, requires_grad=True))


def test_what_left_the_step_another_way():
    class Slots:
        __slots__ = ("held",)

    left = Slots()
    compiled = mg.compile(lambda x: setattr(left, "held", x * 2))
    compiled(mg.tensor(X))
    with pytest.raises(CompileError, match="left it in another way"):
        left.held + 1
    with pytest.raises(CompileError, match=r"another recording|left it in another way"):
        mg.compile(lambda x: x + left.held)(mg.tensor(X))


def test_a_refusal_leaves_real_gradients():
    w = nn.Parameter(X.copy())

    def step(x):
        loss = (w * x).sum()
        loss.backward()
        return str(loss.item())

    refused(step, "into Python")
    assert type(w.grad) is np.ndarray
    assert np.array_equal(w.grad, X)
    assert mg.autograd.is_recording()
