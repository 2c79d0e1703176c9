"""A program: its values in order, what leaves it, and calls on other values."""

import dataclasses
import operator

import numpy as np

from minigrad.compiler.program import ARGUMENT, RESULT, Call, Host, Out, Program, values_in


def test_values_are_numbered_and_found_by_kind():
    program = Program()
    x = program.new(ARGUMENT, np.ones((2, 3), "f4"), 0)
    z = program.new(RESULT, 2.5)
    assert [value.number for value in program.values] == [0, 1]
    assert program.of_kind(ARGUMENT) == [x]
    assert (x.shape, x.dtype, x.is_array, x.root) == ((2, 3), np.float32, True, x)
    assert (z.is_array, z.dtype) == (False, float)


def test_what_leaves_are_the_roots():
    program = Program()
    x, view, z = (program.new(RESULT, np.ones(2)) for _ in range(3))
    view.root = x
    program.outputs = {"a": [Out(True, view)], "b": 3}
    program.gradients = [(object(), z)]
    assert program.escaping == {x, z}


def test_values_are_found_in_any_nesting():
    @dataclasses.dataclass
    class Pair:
        left: object
        right: object

    program = Program()
    x, y = program.new(RESULT, 1.0), program.new(RESULT, 2.0)
    assert list(values_in([{"a": (x, 1)}, Pair(y, "text"), Out(False, x)])) == [x, y, x]


def test_a_call_on_other_values_leaves_the_recorded_one():
    program = Program()
    x, y, z = (program.new(RESULT, np.ones(2)) for _ in range(3))
    call = Call(operator.add, (x, [x]), {"where": x}, [z], [x])
    call.phase, call.layer = "update", "first"
    other = call.replaced(lambda v: y if v is x else v)
    assert list(other.values) == [y, y, y]
    assert (other.writes, other.phase, other.layer, other.origin) == ([y], "update", "first", call)
    assert list(call.values) == [x, x, x]
    assert not call.is_host
    assert Call(Host("finish"), (), {}, [], []).is_host
