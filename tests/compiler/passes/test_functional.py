"""What comes in, what is written, and where the views are, for a backend that writes nothing in place."""

import operator

import numpy as np
import pytest

from minigrad.compiler.passes.functional import functional
from minigrad.compiler.program import on_numpy
from tests.compiler.passes.writing import Writer


def test_state_is_what_is_read_and_what_is_written():
    writer = Writer()
    w, x = writer.capture(np.ones(4)), writer.argument(np.ones(4))
    y = writer.call(operator.mul, w, x)
    writer.call(operator.iadd, w, y, writes=[w])
    form = functional(writer.program.calls, writer.returns(y))
    assert (form.state, form.written, form.gradients) == ([w], [w], [])


def test_a_part_of_a_flat_array_is_a_place_in_it():
    flat = np.arange(6.0)
    writer = Writer()
    whole, part = writer.capture(flat), writer.capture(flat[2:5])
    y = writer.call(operator.mul, part, 2)
    writer.call(operator.iadd, whole, 1, writes=[whole])
    form = functional(writer.program.calls, writer.returns(y))
    assert form.state == [whole]
    assert form.memory(part) is whole
    np.testing.assert_array_equal(flat[form.parts[part].where], flat[2:5])


def test_a_view_knows_what_it_looks_at():
    writer = Writer()
    y = writer.call(operator.mul, writer.argument(np.ones((2, 3))), 2)
    view = writer.call(".transpose", y)
    form = functional(writer.program.calls, writer.returns(view))
    source = form.sources[view]
    assert (source.value, source.call.function, source.item) == (y, ".transpose", 0)


@pytest.mark.parametrize(
    ("function", "args", "expected"),
    [(".sum", (np.ones(3),), 3), ("T", (np.ones((2, 1)),), np.ones((1, 2))), (np.add, (1, 2), 3)],
)
def test_calls_on_numpy(function, args, expected):
    np.testing.assert_array_equal(on_numpy(function, args, {}), expected)
