"""Rows and slices at places that a step counts or draws: as eager, or refused where a view would differ from a copy."""

import functools
import random

import numpy as np
import pytest

import minigrad as mg
from minigrad import optim
from minigrad.compiler.backends import BACKENDS
from minigrad.errors import CompileError
from tests.compiler.refusing import refused

X = mg.tensor(np.random.default_rng(0).standard_normal((6, 8)))


class Data:
    """What a step reads parts of, and a count."""

    def __init__(self):
        rng = np.random.default_rng(1)
        self.n, self.rng = 0, np.random.default_rng(2)
        self.table = rng.standard_normal((40, 8))
        self.rates = [i / 7 for i in range(40)]
        self.turns = (0.5, -1.0, 2.0)
        self.by_step = {0: 1.0, 3: 2.0, 7: 0.25}
        self.w = mg.tensor(rng.standard_normal((40, 8)), requires_grad=True)
        self.optimizer = optim.SGD([self.w], lr=0.1)


def batches(data, x):
    at = 6 * (data.n % 7)  # the last one is shorter
    return (x[: len(data.table[at : at + 6])] * data.table[at : at + 6]).sum(), data.table[-data.n - 3 : -data.n - 1]


def rows(data, x):
    return x * data.table[data.n] + data.table[data.n % 5, 2:4].sum(), x[data.n % 6, 1], x[:, data.n % 3]


def crop(data, x):
    i, j = data.rng.integers(0, 3), random.randrange(4)
    image = x.reshape(1, 6, 8)
    return image[..., i : i + 3, j : j + 4], image[0, i : i + 2], image[:, j:], image[:, : j + 1]


def mixed(data, x):
    i, width = int(data.rng.integers(0, 4)), random.choice([1, 2])
    y = x.copy()
    y[:, i : i + width] = x[::-1][:, i : i + width]
    return y


def lists(data, x):
    last = len(data.rates) - 1
    return x * data.rates[data.n], data.rates[min(data.n * 3, last)], data.rates[-data.n - 1]


def keyed(data, x):
    return x * data.by_step.get(data.n, 9.0), data.n in data.by_step


def turns(data, x):
    return x * data.turns[data.n % 3]


def trained(data, x):
    loss = (x @ data.w[data.n]).sum() ** 2 + (data.w[data.n : data.n + 3] ** 2).sum()
    data.optimizer.zero_grad()
    loss.backward()
    data.optimizer.step()
    return loss, data.w.detach() * 1


def numbers_of(result):
    return [np.array(getattr(x, "data", x)) for x in result] if isinstance(result, tuple) else numbers_of((result,))


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("step", [batches, rows, crop, mixed, lists, keyed, turns, trained])
def test_parts_at_places_that_a_step_counts_or_draws(step, backend):
    """They were refused, or recorded anew in each call."""
    ways = []
    for wrapped in (lambda f: f, lambda f: mg.compile(f, backend=backend, audit=False)):
        data = Data()
        random.seed(3)
        compiled = wrapped(functools.partial(step, data))
        made = []
        for i in range(24):
            if i == 15:  # others may change what is looked up
                data.rates[19], data.table[20:30] = 5.0, 0.5
            made.append(numbers_of(compiled(X)))
            data.n += 1
        ways.append(made)
    assert compiled.stats()["replayed"] >= 6
    for one, other in zip(*ways, strict=True):
        for a, b in zip(one, other, strict=True):
            np.testing.assert_allclose(a, b, rtol=0 if backend == "numpy" else 1e-10, atol=1e-12 * (backend != "numpy"))


def test_a_part_is_not_used_after_its_array_was_written():
    """As it is written it is a view: it would show what was written."""
    data = Data()

    def late(x):
        data.n += 1
        old = data.table[data.n : data.n + 2]
        data.table[data.n : data.n + 6] = x.data  # here
        return old * 1.0

    def into(x):
        data.n += 1
        made = np.zeros((40, 8), dtype=float)
        part = made[data.n : data.n + 6]
        part[...] = x.data  # here
        return made

    def stepped(x):
        data.n += 1
        row = data.w[data.n]
        data.optimizer.zero_grad()
        ((x @ row) ** 2).sum().backward()
        data.optimizer.step()
        return row.detach()

    def copied(x):
        data.n += 1
        old = data.table[data.n : data.n + 2].copy()
        data.table[data.n : data.n + 6] = x.data
        return old * 1.0

    for step in (late, into, stepped):
        message = refused(step, "a part of an array", X, calls=6)
        assert "x[n : n + 8].copy()" in message
    compiled, before = mg.compile(copied, backend="numpy"), []
    for _ in range(8):
        before = data.table[data.n + 1 : data.n + 3].copy()
        assert (compiled(X) == before).all()
    assert compiled.stats()["replayed"] >= 4


def test_a_short_count_is_a_way_and_others_are_refused():
    layers = [mg.tanh, mg.sin, mg.exp]
    data = Data()

    def step(x):
        data.n += 1
        return layers[data.n % 3](x)

    compiled = mg.compile(step, backend="numpy")
    for _ in range(12):
        expected = layers[(data.n + 1) % 3](X)
        assert (compiled(X).data == expected.data).all()
    assert compiled.stats()["replayed"] == 5
    with pytest.raises(CompileError, match=r"changes .*n"):
        _grown(data)


def _grown(data):
    def step(x):
        data.n += 1
        return x * len(f"{data.n}")

    compiled = mg.compile(step, backend="numpy")
    for _ in range(12):
        compiled(X)
