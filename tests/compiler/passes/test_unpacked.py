"""Functions with two results in one array, as two calls."""

import operator

import numpy as np
import pytest

import minigrad as mg
from minigrad.compiler.passes.unpacked import gelu, gelu_slope, in_steps, unpacked
from minigrad.kernels.normal import gelu_and_slope
from tests.compiler.passes.writing import Writer

X = np.linspace(-3, 3, 7)


def test_both_parts_are_those_of_the_function():
    np.testing.assert_array_equal(gelu(X), gelu_and_slope(X)[0])
    np.testing.assert_array_equal(gelu_slope(X), gelu_and_slope(X)[1])


def test_each_part_becomes_a_call():
    writer = Writer()
    x = writer.argument(X)
    both = writer.call(gelu_and_slope, x)
    z, slope = (writer.call(operator.getitem, both, i) for i in (0, 1))
    end = writer.call(operator.mul, z, slope)
    program = writer.returns(end)
    calls = unpacked(program.calls, program)
    assert [call.function for call in calls] == [gelu, gelu_slope, operator.mul]
    assert z.root is z
    assert slope.root is slope


def test_an_array_of_both_that_leaves_stays():
    writer = Writer()
    both = writer.call(gelu_and_slope, writer.argument(X))
    writer.call(operator.getitem, both, 0)
    program = writer.returns(both)
    assert unpacked(program.calls, program) == program.calls


CLIPS = {
    "both": lambda x: np.clip(x, -0.5, 0.5),
    "below": lambda x: x.clip(-0.5, None),
    "above": lambda x: x.clip(None, 0.5),
    "infinite": lambda x: x.clip(-np.inf, 0.5),
    "crossed": lambda x: np.clip(x, 0.5, -0.5),
    "whole numbers": lambda x: np.clip(x, 0, 1),
    "a bound that is an array": lambda x: np.clip(x, x - 1, 0.25),
}


@pytest.mark.native
@pytest.mark.parametrize("name", CLIPS)
@pytest.mark.parametrize("dtype", ["float32", "float64", "int64"])
def test_a_clip_is_a_maximum_and_a_minimum(name, dtype):
    pytest.importorskip("llvmlite", reason="machine code needs llvmlite: pip install llvmlite")
    x = np.array([-2, -0.5, -0.25, 0, 0.25, 1, 3]).astype(dtype)
    if dtype != "int64":
        x = np.append(x, np.array([np.nan, np.inf, -np.inf], dtype))
    compiled = mg.compile(lambda x: CLIPS[name](x * 1) + 1, backend="native", audit=False)
    with np.errstate(invalid="ignore"):
        for _ in range(4):
            got = compiled(x)
        np.testing.assert_array_equal(got, CLIPS[name](x) + 1)
    assert got.dtype == (CLIPS[name](x) + 1).dtype


@pytest.mark.native
def test_all_of_an_array_that_is_written_is_a_copy():
    pytest.importorskip("llvmlite", reason="machine code needs llvmlite: pip install llvmlite")
    held, line = np.zeros(4), np.arange(5.0)
    ahead, behind = line[1:], line[:-1]

    def step(x):
        held[...] = x * 2
        behind[...] = ahead  # memory that overlaps: NumPy copies before
        return held + 1

    compiled = mg.compile(step, backend="native", audit=False)
    for n in range(4):
        np.testing.assert_array_equal(compiled(np.full(4, float(n))), 2 * n + 1)
        np.testing.assert_array_equal(held, 2 * n)
    np.testing.assert_array_equal(line, 4)


@pytest.mark.parametrize("power", [1, 2, 3, 4, 5, 7, 8, -1, -2, -3, 3.0, 0, 9, 2.5, -0.5, np.inf, -np.inf, np.nan])
@pytest.mark.parametrize("function", [operator.pow, np.power])
def test_a_whole_power_is_made_of_products(function, power):
    is_whole = power in (3, 4, 5, 7, 8, -2, -3) or (function is np.power and power in (1, 2, -1))
    x = np.array([0.3, -1.7, 2.0, 0.0, -0.0, np.inf, -np.inf, np.nan])
    writer = Writer()
    with np.errstate(all="ignore"):
        program = writer.returns(writer.call(function, writer.argument(x), power))
    calls = in_steps(program.calls, program)
    assert (calls[0].function is not function) is is_whole
    values = {calls[0].args[0]: x}
    with np.errstate(all="ignore"):
        for call in calls:
            values[call.results[0]] = call.run(values.__getitem__)
        np.testing.assert_allclose(values[program.outputs[0].value], function(x, power), rtol=1e-14)


def test_powers_of_whole_numbers_stay():
    writer = Writer()
    program = writer.returns(writer.call(operator.pow, writer.argument(np.arange(3)), 3))
    assert in_steps(program.calls, program) == program.calls
