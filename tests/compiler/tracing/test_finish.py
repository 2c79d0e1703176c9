"""The end of a recording: what leaves it, and what may not stay."""

import numpy as np
import pytest

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


def _objects(x):
    """All objects of a nested result, in order."""
    parts = x.values() if isinstance(x, dict) else x if isinstance(x, (list, tuple)) else ()
    return [x, *[y for part in parts for y in _objects(part)]]


def _twice(y, _):
    pair, named = [y, y.sum()], {"y": y}
    return {"y": y, "again": y, "pairs": (pair, pair), "named": [named, named], "array": (y.data, y.data), "n": [y]}


def _once(y, _):
    return [y, y * 2], (y + 1, [y - 1])


def _kept(y, kept):
    kept["one"] = kept["other"] = [y.sum().item(), y]
    return y, y


@pytest.mark.parametrize("of", [_twice, _once, _kept], ids=lambda of: of.__name__)
def test_objects_of_a_result_that_are_one_are_one_in_each_call(of):
    kept = {"one": 0.0, "other": 0.0}

    def step(x):
        return of(x * 2, kept)

    def found(call, x):
        objects = [x for x in _objects((call(x), kept)) if isinstance(x, (mg.Tensor, np.ndarray, list, dict))]
        return [[one is other for other in objects] for one in objects]

    compiled = mg.compile(step, backend="numpy")
    for i in range(9):
        wanted = found(step, mg.tensor([1.0 + i, 2.0]))
        assert found(compiled, mg.tensor([1.0 + i, 2.0])) == wanted
    assert compiled.stats()["replayed"] >= 5
    assert compiled.stats()["audited"] >= 2
