"""What stands in the place of things is gone afterwards."""

import pytest

import minigrad as mg
from minigrad.compiler.tracing.trace_comparison import same_bits
from tests.compiler.guards.test_read_tracking import Thing, X


def test_large_data_is_what_it_was_afterwards():
    held = Thing(words={str(i): float(i) for i in range(500)}, rows=[float(i) for i in range(500)])
    words, rows = held.words, held.rows

    def step(x):
        return x * held.words["3"] * held.rows[4]

    compiled = mg.compile(step)
    for _ in range(5):
        compiled(X)
        assert held.words is words
        assert held.rows is rows
        assert (type(words), len(words), type(rows), len(rows)) == (dict, 500, list, 500)
    with pytest.raises(ZeroDivisionError):
        mg.compile(lambda x: x * held.words["3"] / (len(held.rows) // 1000))(1)
    assert held.words is words


def test_a_write_into_large_data_reaches_it_once():
    held = {str(i): float(i) for i in range(500)}

    def step(x):
        held["new"] = held["3"] + 1
        return x * held["new"]

    compiled = mg.compile(step)
    for _ in range(4):
        assert same_bits(compiled(X), X * 4)
        assert held["new"] == 4.0
    assert len(held) == 501
