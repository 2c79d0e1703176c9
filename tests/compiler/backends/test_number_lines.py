"""Kernels without a loop: where views begin, and calls on few numbers as lines, run by Python."""

import operator

import numpy as np
import pytest

from minigrad.compiler.backends.number_lines import Lines, Part, Places, routine_of
from minigrad.compiler.program import Call
from tests.compiler.backends.interpreting import NAMES
from tests.compiler.passes.writing import Writer

F8 = np.dtype("float64")


class Texts:
    """In the place of a compiler: it keeps the text."""

    def kernel(self, text):
        return text


@pytest.fixture
def written():
    """A program of views of an argument, and views by what they are."""
    writer = Writer()
    x = writer.argument(np.arange(24.0).reshape(4, 6))
    views = {
        "itself": x,
        "a row": writer.call(operator.getitem, x, 2),
        "a part": writer.call(operator.getitem, x, (slice(1, None), slice(2, None, 3))),
        "turned": writer.call(np.transpose, x),
    }
    views["a row of a part"] = writer.call(operator.getitem, views["a part"], 1)
    views["backwards"] = writer.call(operator.getitem, views["a row"], slice(None, None, -1))
    return writer, views


def test_views_begin_where_their_first_element_lies(written):
    writer, views = written
    places = Places(writer.program.calls)
    memory = writer.samples[views["itself"]].reshape(-1)
    for name, value in views.items():
        start = places.of(value)
        assert memory[start] == writer.samples[value].flat[0], name
    assert places.of(writer.call(np.exp, views["itself"])) == 0  # memory of its own


def test_an_array_whose_elements_lie_apart_by_half_an_element_begins_nowhere():
    writer = Writer()
    records = np.zeros(3, np.dtype([("a", "f8"), ("b", "f4")]))
    assert Places([]).of(writer.argument(records["a"])) is None


def test_an_element_of_two_views_has_one_name(written):
    writer, views = written
    lines = Lines(Places(writer.program.calls))
    first = lines.element(views["itself"], (2, 5))
    assert lines.element(views["a row"], (5,)) == first
    assert lines.element(views["a part"], (1, 1)) == first
    assert lines.element(views["backwards"], (0,)) == first
    assert lines.element(views["turned"], (5, 2)) == first
    assert lines.element(views["itself"], (2, 4)) != first
    assert len(lines.lines) == 2


def test_an_operand_spreads_and_takes_the_type_that_is_asked_for():
    writer = Writer()
    row, whole = writer.argument(np.float32([[1, 2, 3]])), writer.argument(np.int64(3))
    lines = Lines(Places([]))
    assert lines.operand(row, F8, (4, 2)) == f"f8({lines.element(row, (0, 2))})"
    assert lines.operand(whole, F8) == f"f8({lines.element(whole)})"
    assert lines.operand(2, F8) == "m0"
    assert [type(x) for x in lines.literals] == [np.float64]


def run(routine, *arrays):
    names = dict(NAMES)
    exec(routine.kernel, names)
    names["kernel"](0, 1, 1, 1, *routine.numbers, *arrays)


def test_calls_that_follow_each_other_hand_on_numbers_by_name_and_write_what_stays():
    writer = Writer()
    x = writer.argument(np.arange(3.0))
    doubled = writer.call(operator.mul, x, 2.0)
    total = writer.call(np.add.reduce, doubled)
    one, two = writer.program.calls

    def double(lines):
        for i in range(3):
            lines.put(doubled, (i,), f"{lines.element(x, (i,))} * {lines.operand(2.0, F8)}")

    def add(lines):
        lines.put(total, (), " + ".join(lines.element(doubled, (i,)) for i in range(3)))

    parts = [Part(one, double, 3), Part(two, add, 1)]
    routine, call = routine_of(parts, Places([]), {total}, Texts())
    assert call.results == [total]  # nobody looks at the array in between
    sum_ = np.zeros(1)
    run(routine, np.arange(3.0), sum_)
    assert sum_[0] == 6
    routine, call = routine_of(parts, Places([]), {doubled, total}, Texts())
    assert call.results == [doubled, total]
    array = np.zeros(3)
    run(routine, np.arange(3.0), array, sum_)
    np.testing.assert_array_equal(array, [0, 2, 4])


def test_a_part_that_writes_changes_what_is_there():
    writer = Writer()
    x = writer.capture(np.arange(4.0))
    tail = writer.call(operator.getitem, x, slice(2, None))
    writes = Call(operator.setitem, (tail, 0, 9.0), {}, [], [tail])
    part = Part(writes, lambda lines: lines.put(tail, (0,), lines.operand(9.0, F8)), 1, is_alone=True)
    routine, call = routine_of([part], Places(writer.program.calls), set(), Texts())
    assert (call.results, call.writes) == ([], [x])
    memory = np.arange(4.0)
    run(routine, memory)
    np.testing.assert_array_equal(memory, [0, 1, 9, 3])
