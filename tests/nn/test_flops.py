"""Operations of layers: multiplications and additions, counted."""

import numpy as np
import pytest

import minigrad as mg
from minigrad import nn
from minigrad.nn.flops import flops, own_parameters

CASES = {
    "linear": (nn.Linear(3, 5), (4, 3), 4 * 5 * (2 * 3)),
    "linear with no bias": (nn.Linear(3, 5, bias=False), (4, 3), 4 * 5 * (2 * 3 - 1)),
    "convolution": (nn.Conv1d(3, 5, 2), (4, 3, 6), 4 * 5 * 5 * (2 * 6)),
    "relu": (nn.ReLU(), (4, 3), 12),
}


@pytest.mark.parametrize("name", CASES)
def test_counts_grow_with_the_outputs(name):
    layer, shape, about = CASES[name]
    x = mg.tensor(np.ones(shape, "float32"))
    count = flops(layer, (x,), layer(x))
    assert abs(count - about) <= about / 4
    twice = mg.tensor(np.ones((2 * shape[0], *shape[1:]), "float32"))
    assert flops(layer, (twice,), layer(twice)) == 2 * count


def test_of_what_is_unknown_there_is_none():
    class Own(nn.Module):
        def forward(self, x):
            return x

    layer = Own()
    x = mg.tensor([1.0])
    assert flops(layer, (x,), layer(x)) is None


def test_parameters_of_a_layer_alone():
    model = nn.Sequential(nn.Linear(2, 3))
    assert own_parameters(model) == []
    assert len(own_parameters(model[0])) == 2
