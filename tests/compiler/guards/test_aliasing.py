"""Arguments in the memory that a program writes to."""

import numpy as np

import minigrad as mg
from minigrad import nn, optim
from minigrad.compiler.tracing.trace_comparison import same_bits


def test_an_argument_in_the_memory_of_a_weight():
    """The copy at the start of the step is dropped where nobody can see that: here somebody would."""

    def make():
        w = nn.Parameter(np.arange(4, dtype=np.float32))
        optimizer = optim.SGD([w], lr=0.5)

        def step(x):
            before = mg.tensor(x)
            w.grad = None
            (w * 2).sum().backward()
            optimizer.step()
            return before * 1

        return w, step

    (w, eager), (w_2, step) = make(), make()
    compiled = mg.compile(step)
    for i in range(10):
        part = slice(i % 3, None)
        alias = [v.data[part] if i > 3 else v.data[part].copy() for v in (w, w_2)]
        assert same_bits(eager(alias[0]).data, compiled(alias[1]).data)
    foreign = [np.asarray(memoryview(v.data)) for v in (w, w_2)]
    for _ in range(3):
        assert same_bits(eager(foreign[0]).data, compiled(foreign[1]).data)
    assert compiled.stats()["eager"] >= 1


def test_two_arguments_in_one_memory():
    def step(x, y):
        before = mg.tensor(y)
        x += 1
        return before * 2

    compiled = mg.compile(step)
    for i in range(8):
        pairs = [np.arange(5, dtype=np.float32) for _ in "ab"]
        one, two = [(a[:4], a[1:] if i > 3 else a[1:].copy()) for a in pairs]
        assert same_bits(step(*one).data, compiled(*two).data)
        assert same_bits(*pairs)
    assert compiled.stats()["eager"] == 4
    same = mg.compile(lambda x, y: (x @ y.T, x[1:], y[:1] * 2))
    for i in range(5):
        x = np.arange(6, dtype=np.float32).reshape(2, 3) + i
        for one, other in zip(same.function(x, x), same(x, x if i % 2 else x.copy()), strict=True):
            assert same_bits(one, other)
