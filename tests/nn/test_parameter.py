"""Parameters are learned and found, buffers are kept and found."""

import copy

import numpy as np
import pytest

import minigrad as mg
from minigrad import nn


def test_a_parameter_requires_a_gradient_and_owns_its_memory():
    given = np.ones(3, "float32")
    p = nn.Parameter(given)
    assert p.requires_grad
    p.data[0] = 5
    assert given.tolist() == [1, 1, 1]
    assert repr(p).startswith("Parameter(")
    assert not nn.Parameter([1.0], requires_grad=False).requires_grad


def test_a_buffer_does_not_and_owns_its_memory_too():
    given = np.ones(2)
    b = nn.Buffer(given)
    assert not b.requires_grad
    b.data[...] = 3
    assert given.tolist() == [1, 1]


def test_a_module_finds_both():
    class Both(nn.Module):
        def __init__(self):
            self.weight, self.mean, self.other = nn.Parameter([1.0]), nn.Buffer([2.0]), mg.tensor([3.0])

    model = Both()
    assert [name for name, _ in model.named_parameters()] == ["weight"]
    assert list(model.state_dict()) == ["weight", "mean"]


@pytest.mark.parametrize("kind", [nn.Parameter, nn.Buffer])
@pytest.mark.parametrize("again", [copy.copy, copy.deepcopy])
def test_a_copy_is_of_its_kind(kind, again):
    made = again(kind([1.0, 2.0], dtype="float64"))
    assert type(made) is kind
    assert (made.tolist(), made.dtype) == ([1, 2], np.float64)
