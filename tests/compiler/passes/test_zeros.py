"""Arrays of zeros that are only operands become the number 0."""

import operator

import numpy as np

from minigrad.compiler.passes.zeros import without_zeros
from tests.compiler.passes.writing import Writer


def kept(writer, *outputs):
    program = writer.returns(*outputs)
    return without_zeros(program.calls, program)


def test_an_operand_becomes_a_number_of_its_dtype():
    writer = Writer()
    x = writer.argument(np.ones((2, 3), "float32"))
    zeros = writer.call(np.zeros_like, x)
    (call,) = kept(writer, writer.call(np.maximum, x, zeros))
    assert call.function is np.maximum
    assert (call.args[0], call.args[1], type(call.args[1])) == (x, 0, np.float32)


def test_zeros_that_leave_or_are_used_otherwise_stay():
    writer = Writer()
    x = writer.argument(np.ones((2, 3)))
    zeros = writer.call(np.zeros_like, x)
    assert len(kept(writer, writer.call(np.maximum, x, zeros), zeros)) == 2
    writer = Writer()
    x = writer.argument(np.ones((2, 3)))
    zeros = writer.call(np.zeros_like, x)
    assert len(kept(writer, writer.call(operator.matmul, x, writer.call(".transpose", zeros)))) == 3


def test_zeros_that_make_the_shape_stay():
    writer = Writer()
    x = writer.argument(np.ones((2, 3)))
    row = writer.argument(np.ones(3))
    zeros = writer.call(np.zeros_like, x)
    assert len(kept(writer, writer.call(np.add, zeros, row))) == 2


def test_a_number_that_is_spread_out_serves_as_it_is():
    writer = Writer()
    x, number = writer.argument(np.ones((2, 3))), writer.argument(np.float64(2.5))
    (call,) = kept(writer, writer.call(operator.mul, writer.call(np.broadcast_to, number, (2, 3)), x))
    assert call.args == (number, x)
    writer = Writer()
    x, number = writer.argument(np.ones((2, 3))), writer.argument(np.float32(2.5))
    assert len(kept(writer, writer.call(operator.mul, writer.call(np.broadcast_to, number, (2, 3)), x))) == 2


def test_a_product_of_matrices_keeps_its_zeros():
    writer = Writer()
    x = writer.argument(np.ones((3, 3)))
    assert len(kept(writer, writer.call(np.matmul, x, writer.call(np.zeros_like, x)))) == 2
