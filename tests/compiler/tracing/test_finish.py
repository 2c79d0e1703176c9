"""The end of a recording: what leaves it, and what may not stay."""

import numpy as np

import minigrad as mg
from minigrad import nn
from minigrad.compiler.tracing.trace_comparison import same_bits


def test_a_result_that_stays_in_an_attribute_is_an_input_of_the_next_call():
    class Running(nn.Module):
        def __init__(self):
            self.mean = mg.tensor(np.zeros(2, np.float32))

        def forward(self, x):
            self.mean = self.mean * 0.9 + x.detach() * 0.1
            return x - self.mean

    compiled, eager = mg.compile(Running(), backend="numpy"), Running()
    x = mg.tensor([1.0, 2.0])
    for _ in range(20):
        wanted = eager(x)
        assert same_bits(compiled(x).data, wanted.data)
    assert compiled.stats()["replayed"] > 12


def test_what_is_returned_twice_is_one_array():
    table = np.ones(2)
    made = mg.compile(lambda x: (x, *2 * (table.sum(keepdims=True),)), backend="numpy")
    for _ in range(3):
        _, one, other = made(np.ones(2))
        assert one is other
