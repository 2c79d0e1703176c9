"""A call that was made before, on the same values, is not made again."""

import operator

import numpy as np

from minigrad.compiler.passes.cse import without_repetition
from tests.compiler.passes.writing import Writer


def kept(writer, *outputs):
    program = writer.returns(*outputs)
    return without_repetition(program.calls, program)


def test_a_repetition_goes_and_its_users_use_the_first():
    writer = Writer()
    x = writer.argument(np.ones(3))
    one, two = writer.call(np.exp, x), writer.call(np.exp, x)
    z = writer.call(operator.add, one, two)
    calls = kept(writer, z)
    assert [call.function for call in calls] == [np.exp, operator.add]
    assert calls[1].args == (one, one)


def test_options_and_types_of_numbers_tell_calls_apart():
    writer = Writer()
    x = writer.argument(np.ones((2, 2)))
    sums = [writer.call(np.sum, x, axis=axis) for axis in (0, 1, 0)]
    products = [writer.call(operator.mul, x, number) for number in (1, 1.0, True, -0.0, 0.0)]
    total = sums[0]
    for other in (*sums[1:], *products):
        total = writer.call(operator.add, total, other)
    calls = kept(writer, total)
    assert len([call for call in calls if call.function is np.sum]) == 2
    assert len([call for call in calls if call.function is operator.mul]) == 5


def test_what_is_written_or_leaves_stays():
    writer = Writer()
    x = writer.argument(np.ones(3))
    one, two = writer.call(operator.mul, x, 2), writer.call(operator.mul, x, 2)
    writer.call(operator.iadd, two, 1, writes=[two])
    three = writer.call(operator.mul, x, 2)
    assert len(kept(writer, one, two, three)) == 4


def test_a_read_of_a_weight_that_is_written_meanwhile_is_made_again():
    writer = Writer()
    w = writer.capture(np.ones(3))
    one = writer.call(operator.mul, w, 2)
    writer.call(operator.iadd, w, one, writes=[w])
    two = writer.call(operator.mul, w, 2)
    z = writer.call(operator.add, one, two)
    assert len(kept(writer, z)) == 4
