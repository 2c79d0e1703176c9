"""Conditions come before writes, or the program notes that it must be undone."""

import operator

import numpy as np
import pytest

import minigrad as mg
from minigrad import nn, optim
from minigrad.compiler.passes.conditions import conditions_first, is_condition
from minigrad.nn import functional as F
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


BODIES = {
    "an index": lambda w, s, x, i: w * s.table[i],
    "take": lambda w, s, x, i: np.take(w, i),
    "an index that is written by": lambda w, s, x, i: s.write(i, (w * x[0, 0]).data[:1]) or w,
    "an index of a second write": lambda w, s, x, i: s.write([0], w.data[:1]) or s.write(i, w.data[1:2]) or w,
    "a counter": lambda w, s, x, i: w * w[s.n % 7],
    "a singular matrix": lambda w, s, x, i: mg.linalg.inv(x).sum() * w,
    "a matrix that is not positive": lambda w, s, x, i: mg.linalg.cholesky(x).sum() * w,
    "draws before": lambda w, s, x, i: F.dropout(w, 0.5, generator=s.rng) * s.rng.normal() * s.table[i],
}


class State:
    def __init__(self):
        self.n, self.total, self.log = 0, 0.0, []
        self.table, self.rows, self.rng = np.arange(5.0), np.zeros((5, 1)), np.random.default_rng(0)

    def write(self, i, rows):
        self.rows[i] = rows


@pytest.mark.parametrize("backend", ["numpy", "native"])
@pytest.mark.parametrize("repeats", [False, True], ids=["calls", "repeat"])
@pytest.mark.parametrize("body", BODIES.values(), ids=list(BODIES))
def test_an_error_in_a_replay_leaves_what_stood_before_it(body, repeats, backend):
    def made(compiled):
        w = nn.Parameter(np.ones(5))
        s = State()
        optimizer = optim.SGD([w], lr=0.1)

        def step(x, i):
            s.n += 1
            s.log.append(w.sum().item())
            loss = (body(w, s, x, i) ** 2).sum()
            s.total = loss.item()
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            return loss

        return (mg.compile(step, backend=backend) if compiled else step), w, s, optimizer

    (eager, *one), (compiled, *other) = made(False), made(True)
    for k in range(22):
        given = mg.tensor(np.eye(2) * (k % 6 - (k > 12))), np.array([k % 7])
        errors = []
        for step in (eager, compiled):
            try:
                step.repeat(1, *given) if repeats and step is compiled else step(*given)
                errors.append("")
            except (IndexError, np.linalg.LinAlgError) as error:
                errors.append(str(error))
        assert errors[0] == errors[1]
        for w, s, optimizer in (one, other):
            assert optimizer.iterations == one[2].iterations
            assert (s.n, s.rng.bit_generator.state) == (one[1].n, one[1].rng.bit_generator.state)
            np.testing.assert_allclose([*s.log, s.total], [*one[1].log, one[1].total], rtol=1e-12)
            np.testing.assert_allclose(w.data, one[0].data, rtol=1e-12)
            np.testing.assert_allclose(s.rows, one[1].rows, rtol=1e-12)
    assert compiled.stats()["replayed"] > 3


@pytest.mark.parametrize("is_written", [False, True], ids=["given", "written"])
def test_an_index_is_looked_at_before_writes_unless_it_is_written_itself(is_written):
    writer = Writer()
    w, i = writer.capture(np.ones(3)), writer.capture(np.array([1]))
    writer.call(operator.iadd, i if is_written else w, 1, writes=[i if is_written else w])
    writer.call(operator.setitem, w, i, 2.0, writes=[w])
    conditions_first(writer.program)
    calls = writer.program.calls
    assert writer.program.is_whole is not is_written  # else an error is raised as it is
    assert not writer.program.is_undone
    assert [bool(call.writes) for call in calls] == ([True] * 2 if is_written else [False] * 5 + [True] * 2)


def test_an_index_that_changes_between_two_writes_is_looked_at_twice():
    writer = Writer()
    w, i = writer.capture(np.ones(3)), writer.capture(np.array([1]))
    writer.call(operator.setitem, w, i, 2.0, writes=[w])
    writer.call(operator.iadd, i, 1, writes=[i])
    writer.call(operator.setitem, w, i, 3.0, writes=[w])
    conditions_first(writer.program)
    assert not writer.program.is_whole  # the first write may be done where the second one raises an error


TABLE = mg.tensor(np.arange(5.0))

LOOPS = {
    "an index": lambda i: mg.scan(lambda h, k: (h + TABLE[k], None), 0.0, i)[0],
    "an index while": lambda i: mg.while_loop(lambda s: s[0] < 2, lambda s: (s[0] + 1, s[1] + TABLE[i]), (0, i * 1.0)),
    "a singular matrix": lambda i: mg.scan(
        lambda h, k: (h + mg.linalg.inv(np.eye(2) * (k - 7)), None), np.zeros((2, 2)), i * 1.0
    )[0],
}


@pytest.mark.parametrize("backend", ["numpy", "native"])
@pytest.mark.parametrize("loop", LOOPS.values(), ids=list(LOOPS))
def test_what_is_written_before_an_error_inside_of_a_loop_is_written_once(loop, backend):
    count = np.zeros(2)

    def step(x, i):
        count[...] = count + x
        return loop(i)

    compiled = mg.compile(step, backend=backend, audit=False)
    for number in range(4):
        compiled(np.ones(2), np.array([1, 2]))
        if number > 1:
            with pytest.raises((IndexError, np.linalg.LinAlgError)):
                compiled(np.ones(2), np.array([1, 7]))
    np.testing.assert_array_equal(count, 6)  # by the step as it is written too
    assert compiled.stats()["replayed"] >= 2
