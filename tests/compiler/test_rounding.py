"""How far rounding alone may move the results of a program."""

import numpy as np
import pytest

from minigrad.compiler.backends import MISSED
from minigrad.compiler.rounding import interpreted, nudged, within
from tests.compiler.passes.writing import Writer


def written():
    writer = Writer()
    x = writer.argument(np.linspace(0.1, 1, 50))
    writer.host("assume", writer.call(np.all, x), expected=True)
    return writer.returns(writer.call(np.sum, writer.call(np.exp, x)), x)


def test_a_program_is_run_call_by_call():
    program, x = written(), np.linspace(1, 2, 50)
    total, same = interpreted(program.calls, program, [x], None)
    assert total == np.exp(x).sum()
    assert same is x


def test_a_condition_that_does_not_hold_is_missed():
    program = written()
    assert interpreted(program.calls, program, [np.zeros(50)], None) is MISSED


def test_noise_moves_by_the_last_place_and_what_is_only_taken_stays():
    program, x = written(), np.linspace(1, 2, 50)
    moved, same = interpreted(program.calls, program, [x], np.random.default_rng(0))
    assert moved != np.exp(x).sum()
    np.testing.assert_allclose(moved, np.exp(x).sum(), rtol=1e-14)
    assert same is x
    taken = nudged(x[:3], [x], np.random.default_rng(0))
    np.testing.assert_array_equal(taken, x[:3])
    whole = np.arange(3)
    assert nudged(whole, [], np.random.default_rng(0)) is whole


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_within_is_rounding_times_what_a_step_amplifies(dtype):
    x = np.ones(3, dtype)
    eps = np.finfo(dtype).eps
    assert within(x, x * (1 + 2 * eps), [x])
    assert not within(x, x * 1.01, [x])
    assert within(x, x * 1.01, [x * 1.001])
    assert not within(x, x.astype("float16"), [x])
    assert not within(np.arange(3), np.arange(3) + 1, [np.arange(3)])
