"""Functions with two results in one array, as two calls."""

import operator

import numpy as np

from minigrad.compiler.passes.unpacked import gelu, gelu_slope, unpacked
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
