"""Scratch arrays become values."""

import operator

import numpy as np

from minigrad.compiler.passes.scratch import SCRATCH, without_scratch
from tests.compiler.passes.writing import Writer


def test_writes_become_results():
    writer = Writer()
    x, scratch = writer.argument(np.ones(3)), writer.capture(np.empty(3), SCRATCH)
    writer.call(np.multiply, x, 0.5, out=scratch, writes=[scratch])
    writer.call(operator.imul, scratch, 2, writes=[scratch])
    z = writer.call(operator.add, x, scratch)
    program = writer.returns(z)
    calls = without_scratch(program.calls, program)
    assert [call.function for call in calls] == [np.multiply, np.multiply, operator.add]
    assert not any(call.writes for call in calls)
    assert calls[1].args[0] is calls[0].results[0]
    assert calls[2].args == (x, calls[1].results[0])


def test_what_is_read_before_it_is_written_is_no_scratch():
    writer = Writer()
    x, scratch = writer.argument(np.ones(3)), writer.capture(np.ones(3), SCRATCH)
    z = writer.call(operator.add, x, scratch)
    program = writer.returns(z)
    assert without_scratch(program.calls, program) is program.calls


def test_a_write_in_another_type_leaves_all_as_it_is():
    writer = Writer()
    x, scratch = writer.argument(np.ones(3)), writer.capture(np.empty(3, "f4"), SCRATCH)
    writer.call(np.multiply, x, 0.5, out=scratch, writes=[scratch], casting="same_kind")
    program = writer.returns(writer.call(operator.add, x, scratch))
    assert without_scratch(program.calls, program) is program.calls
