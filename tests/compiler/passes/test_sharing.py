"""Arrays of one number share their memory."""

import numpy as np

from minigrad.compiler.passes.sharing import share_uniform
from tests.compiler.passes.writing import Writer


def captured(writer, array, is_new=True):
    value = writer.capture(array)
    value.is_new = is_new
    return value


def test_large_arrays_of_one_number_lie_in_the_arena():
    writer = Writer()
    one, two = captured(writer, np.zeros(5000)), captured(writer, np.zeros((60, 50)))
    before = one.origin
    share_uniform([], writer.program)
    assert np.shares_memory(one.origin, two.origin)
    assert not np.shares_memory(one.origin, before)
    np.testing.assert_array_equal(one.origin, before)
    assert (two.origin.shape, one.origin.flags.writeable) == ((60, 50), False)


def test_others_stay_where_they_are():
    writer = Writer()
    arrays = [np.zeros(3), np.arange(5000.0), np.zeros(5000), np.zeros(5000)]
    values = [captured(writer, array) for array in arrays[:3]] + [captured(writer, arrays[3], is_new=False)]
    x = values[2]
    writer.call(np.add, x, 1, writes=[x])
    share_uniform(writer.program.calls, writer.program)
    assert all(value.origin is array for value, array in zip(values, arrays, strict=True))
