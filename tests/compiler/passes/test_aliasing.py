"""Where values lie, and which call must come before which."""

import operator

import numpy as np

from minigrad.compiler.passes.aliasing import Memory, dependencies, identity
from tests.compiler.passes.writing import Writer


def test_captured_arrays_are_compared_by_address():
    flat = np.zeros(6, np.float64)
    writer = Writer()
    whole, first, last = (writer.capture(x) for x in (flat, flat[:3], flat[3:]))
    part = writer.call(operator.getitem, whole, slice(0, 3))
    memory = Memory(writer.program.calls, writer.program)
    assert memory.overlap(whole, first)
    assert not memory.overlap(first, last)
    assert memory.same(part, first)
    assert not memory.same(part, last)


def test_a_result_has_its_memory_to_itself():
    writer = Writer()
    x = writer.argument(np.ones(3))
    y, z = writer.call(operator.mul, x, 2), writer.call(operator.mul, x, 2)
    view = writer.call(".reshape", y, (3, 1))
    memory = Memory(writer.program.calls, writer.program)
    assert memory.overlap(y, view)
    assert not memory.overlap(y, z)


def test_what_must_come_before_what():
    weight = np.ones(3)
    writer = Writer()
    w = writer.capture(weight)
    y = writer.call(operator.mul, w, 2)  # 0 reads the weight
    writer.call(operator.iadd, w, y, writes=[w])  # 1 writes it
    writer.call(operator.mul, w, 3)  # 2 reads it again
    writer.call(operator.mul, y, 3)  # 3 reads what 0 made
    calls = writer.program.calls
    needs = dependencies(calls, Memory(calls, writer.program))
    assert needs == [set(), {0}, {1}, {0}]


def test_what_is_written_outside_waits_for_conditions():
    writer = Writer()
    w, x = writer.capture(np.ones(3)), writer.argument(np.ones(3))
    fine = writer.call(np.all, x)
    writer.host("assume", fine, expected=True)
    writer.call(operator.iadd, w, x, writes=[w])
    calls = writer.program.calls
    assert dependencies(calls, Memory(calls, writer.program)) == [set(), {0}, {1}]


def test_identity_is_of_the_same_elements_in_the_same_order():
    x = np.zeros((2, 3), np.float64)
    assert identity(x[:]) == identity(x)
    assert identity(x.T) != identity(x)
    assert identity(x.view("i8")) != identity(x)
