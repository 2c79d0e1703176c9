"""Calls whose results nobody needs are dropped."""

import minigrad as mg
from tests.compiler.replaying import X, compiled


def test_dead_calls_are_dropped():
    def f(x):
        mg.exp(x)
        return x * 2

    assert compiled(f, X).stats()["calls"] == 1
    assert "exp" not in compiled(f, X).source()


def test_a_write_into_a_value_that_is_needed_is_kept():
    def f(x):
        y = x * 2
        y[0] = 5
        z = x * 3
        z[0] = 7
        return y

    made = compiled(f, X)
    assert made.stats()["calls"] == 2
    assert "= 7" not in made.source()
