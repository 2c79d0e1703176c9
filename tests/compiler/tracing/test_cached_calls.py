"""What a function behind ``functools.lru_cache`` keeps: the cache is asked before each replay."""

import functools

import numpy as np
import pytest

import minigrad as mg
from minigrad import nn, optim
from tests.compiler.refusing import refused

X = mg.tensor(np.arange(12.0, dtype="float32").reshape(4, 3))
SCALE = [2.0]


def made():
    @functools.lru_cache
    def table(rows, columns):
        return np.full((rows, columns), SCALE[0], dtype="float32")

    class Positions:
        at = functools.lru_cache(1)(lambda self, n: mg.tensor(np.arange(n, dtype="float32") * SCALE[0]))
        factor = functools.cache(lambda self, n: n * SCALE[0])

    return table, Positions()


def layered(table, _, x):
    return x + table(*x.shape) @ np.eye(3, dtype="float32")


def method(_, positions, x):
    return x * positions.at(3) + positions.at(3)[1]


def number(_, positions, x):
    return x * positions.factor(3)


@pytest.mark.parametrize("step", [layered, method, number])
def test_a_cache_that_is_cleared_written_into_or_full_is_noticed(step):
    """Its arrays were refused, and a number of a cache that was cleared stayed until an audit."""
    ways = []
    for wrapped in (lambda f: f, lambda f: mg.compile(f, backend="numpy", audit=False)):
        table, positions = made()
        SCALE[0], results = 2.0, []
        compiled = wrapped(functools.partial(step, table, positions))
        for i in range(20):
            if i == 6:
                SCALE[0] = 5.0  # the cache keeps what it has
            if i == 10:
                table.cache_clear(), type(positions).at.cache_clear(), type(positions).factor.cache_clear()
            if i == 14:
                table(4, 3)[1] = 7.0
                positions.at(9)  # another one in its place
            results.append(compiled(X).data.tobytes())
        ways.append(results)
    assert ways[0] == ways[1]
    assert compiled.stats()["replayed"] >= 8


def test_a_training_step_with_a_table_from_a_cache():
    table, _ = made()
    net = nn.Linear(3, 2, generator=np.random.default_rng(0))
    optimizer = optim.SGD(net.parameters(), lr=0.1)

    @functools.partial(mg.compile, backend="numpy", check=True)
    def step(x):
        optimizer.zero_grad()
        loss = (net(x + table(*x.shape)) ** 2).mean()
        loss.backward()
        optimizer.step()
        return loss

    for _ in range(5):
        step(X)
    assert step.stats()["audited"] == 3


def test_a_cache_of_tensors_with_a_graph_is_refused():
    w = mg.tensor(np.ones(3), requires_grad=True)

    @functools.cache
    def scaled(n):
        return w * n

    assert "x.detach()" in refused(lambda x: x * scaled(2), "scaled keeps a tensor with its graph", X)
