"""Conditions come before writes, or the program notes that it must be undone."""

import operator

import numpy as np

from minigrad.compiler.passes.conditions import conditions_first, is_condition
from tests.compiler.passes.writing import Writer


def test_a_write_moves_behind_the_condition():
    writer = Writer()
    w, x = writer.capture(np.ones(3)), writer.argument(np.ones(3))
    writer.call(operator.iadd, w, x, writes=[w])
    writer.call(operator.mul, w, 2)  # reads what was written
    fine = writer.call(np.all, x)
    writer.host("assume", fine, expected=True)
    conditions_first(writer.program)
    functions = [call.function for call in writer.program.calls]
    assert functions[0] is np.all
    assert is_condition(writer.program.calls[1])
    assert functions[2:] == [operator.iadd, operator.mul]
    assert not writer.program.is_undone


def test_a_condition_on_what_was_written_is_undone():
    writer = Writer()
    w, x = writer.capture(np.ones(3)), writer.argument(np.ones(3))
    writer.call(operator.iadd, w, x, writes=[w])
    writer.host("assume", writer.call(np.all, w), expected=True)
    before = list(writer.program.calls)
    conditions_first(writer.program)
    assert writer.program.is_undone
    assert writer.program.calls == before


def test_without_a_condition_nothing_moves():
    writer = Writer()
    w = writer.capture(np.ones(3))
    writer.call(operator.iadd, w, 1, writes=[w])
    writer.call(operator.mul, w, 2)
    before = list(writer.program.calls)
    conditions_first(writer.program)
    assert writer.program.calls == before
