"""What stands in the place of things is gone afterwards."""

import numpy as np
import pytest

import minigrad as mg
from minigrad.compiler.tracing.trace_comparison import same_bits
from minigrad.errors import CompileError
from tests.compiler.guards.reading import Thing, X


def test_large_data_is_what_it_was_afterwards():
    held = Thing(words={str(i): float(i) for i in range(500)}, rows=[float(i) for i in range(500)])
    words, rows = held.words, held.rows

    def step(x):
        return x * held.words["3"] * held.rows[4]

    compiled = mg.compile(step)
    for _ in range(5):
        compiled(X)
        assert held.words is words
        assert held.rows is rows
        assert (type(words), len(words), type(rows), len(rows)) == (dict, 500, list, 500)
    with pytest.raises(ZeroDivisionError):
        mg.compile(lambda x: x * held.words["3"] / (len(held.rows) // 1000))(1)
    assert held.words is words


def test_a_write_into_large_data_reaches_it_once():
    held = {str(i): float(i) for i in range(500)}

    def step(x):
        held["new"] = held["3"] + 1
        return x * held["new"]

    compiled = mg.compile(step)
    for _ in range(4):
        assert same_bits(compiled(X), X * 4)
        assert held["new"] == 4.0
    assert len(held) == 501


WRITES = {
    "out": lambda a, x: np.add(x, 1, out=a),
    "out of a reduction": lambda a, x: np.sum([x, x], axis=0, out=a) if type(x) is np.ndarray else np.add(x, x, out=a),
    "copyto": lambda a, x: np.copyto(a, x),
    "copyto a view": lambda a, x: np.copyto(a[1:], x[1:]),
    "add.at": lambda a, x: np.add.at(a, [0, 1, 1], x),
    "in place": lambda a, x: a.__iadd__(x),
    "an item": lambda a, x: a.__setitem__(slice(1, 3), x[1:]),
}
READS = {
    "whole": lambda held, x: held.array * 1,
    "a view": lambda held, x: held.array[1:] * x[1:],
    "another name": lambda held, x: held.view * 1,
    "a sum": lambda held, x: float(held.array.sum()),
    "a decision": lambda held, x: x * 2 if held.array.sum() > 20 else x * 3,
    "an item": lambda held, x: int(held.array[1]) + x,
}


@pytest.mark.parametrize("read", READS)
@pytest.mark.parametrize("write", WRITES)
def test_plain_reads_of_what_the_step_has_written_are_new_in_each_run(write, read):
    def both(compiles):
        held = Thing(array=np.zeros(3))
        held.view = held.array[:2]

        def step(x):
            WRITES[write](held.array, x)
            return READS[read](held, x)

        run = mg.compile(step, audit=False, backend="numpy") if compiles else step
        inputs = [np.ones(3) * max(1, k - 3) for k in range(9)]  # the first ones show no change
        return [run(x) for x in inputs], held.array, run

    (expected, array, _), (got, other, compiled) = both(False), both(True)
    for one, more in zip(got, expected, strict=True):
        np.testing.assert_array_equal(one, more)
    np.testing.assert_array_equal(other, array)
    assert compiled.stats()["replayed"] > 2


def test_more_written_arrays_than_are_remembered():
    arrays = [np.zeros(2) for _ in range(40)]

    @mg.compile(audit=False)
    def step(x):
        for array in arrays:
            np.copyto(array, x)
        return sum(array.sum() for array in arrays)

    assert [step(np.ones(2) * max(1, k - 3)) for k in range(6)] == [80.0] * 5 + [160.0]


def test_a_step_that_catches_the_errors_of_its_recording():
    array = np.zeros(2)

    @mg.compile(audit=False)
    def step(x):
        try:
            np.copyto(array, x)
        except CompileError:
            return x * 0
        return array * 2

    for k in range(6):
        assert same_bits(step(np.ones(2) * max(1, k - 3)), np.full(2, 2.0) * max(1, k - 3))


@pytest.mark.parametrize("kind", [dict, list])
def test_large_data_that_the_step_writes_has_real_numbers(kind):
    """A stand-in was left in it, which json did not take for a number."""
    data = dict.fromkeys(range(2000), 0.0) if kind is dict else [0.0] * 2000
    expected = data.copy()
    count = [0]

    @mg.compile
    def step(x):
        count[0] += 1
        value = (x * x).sum().item()
        data[3] = value
        data[4] = 0.5 * count[0]
        return x * 2

    for i in range(6):
        step(mg.tensor([1.0 + i]))
        expected[3], expected[4] = (1.0 + i) ** 2, 0.5 * (i + 1)
        assert data == expected
        assert {type(x) for x in (data.values() if kind is dict else data)} == {float}
