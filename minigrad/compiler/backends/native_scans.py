"""Loops of ``mg.scan`` in one native call: the body is one segment, and its arguments move from step to step.

The states lie one after the other, the first one first, so what a step gives is where the next one looks for it. Where
nobody asks for all of them, two take turns. A body that is more than one segment runs step by step, by its own program.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from minigrad.compiler.arena import address_of
from minigrad.compiler.backends.looping import MOST, eights
from minigrad.compiler.backends.replay import Replay
from minigrad.compiler.backends.segment_code import MISSED_CODE
from minigrad.compiler.passes import simplified
from minigrad.compiler.passes.buffers import new_array
from minigrad.compiler.passes.conditions import with_conditions_first
from minigrad.compiler.program import ARGUMENT, Call, Host, Program, Value
from minigrad.compiler.tracing.repeating import Nested, Repeat, as_rows, own

#: Seconds of a native call below which the next one makes more steps: so long Ctrl-C waits, at most about eight times.
_PATIENCE = 0.01

#: What builds a program as machine code: gives its replay, and what runs segments. The last argument says whether it
#: may be left where an index is out of range.
Build = Callable[[list[Call], Program, bool], tuple[Replay, Any]]


def with_native_bodies(calls: list[Call], program: Program, build: Build) -> list[Call]:
    """The calls, with programs inside of the program as machine code.

    Where a program inside has conditions of its own now, the one around it has the condition that they hold.
    """
    bodies = {call: _holds(call) for call in calls if isinstance(call.function, Nested) and not call.function.may_miss}
    asked = [x for call in calls for x in ([call, bodies[call]] if call in bodies else [call])]
    may_be_left = with_conditions_first(asked) is not None
    result: list[Call] = []
    for call in calls:
        if not isinstance(call.function, Nested):
            result.append(call)
            continue
        result.append(_native(call, build, may_be_left or call not in bodies))
        if call in bodies and any(inside.may_be_left for inside in call.function.programs):
            program.may_be_left = True
            result.append(bodies[call])
    ordered = with_conditions_first(result)
    return result if ordered is None else ordered[0]


def _holds(call: Call) -> Call:
    """The condition that those of the programs inside have held."""
    return Call(Host("assume", expected=True), (call.results[0],), {}, [], []).beside(call)


def _native(call: Call, build: Build, may_be_left: bool) -> Call:
    scan = call.function
    built = [build(simplified(program), program, may_be_left) for program in scan.programs]
    function = scan.run_by([replay.run for replay, _ in built])
    if isinstance(scan, Repeat):
        ((replay, runner),) = built
        function = looped(function, replay, runner) or function
    return Call(function, call.args, call.kwargs, call.results, call.writes).beside(call)


def looped(repeat: Repeat, replay: Replay, runner: Any) -> Scanned | None:
    """The loop in one call, where nothing of Python comes between two steps."""
    program = repeat.programs[0]
    segments, arguments = replay.segments.ended, program.of_kind(ARGUMENT)
    if not replay.is_native or len(segments) != 1 or program.reads or program.is_undone:
        return None
    names = {f"v{value.number}" for value in arguments}
    known = all(name in names or name in replay.made for name in segments[0].arrays)
    if not known or not all(name in names for name, _, _ in segments[0].numbers):
        return None
    outputs = [out.value for out in program.outputs]
    states = repeat.numbers[0]
    fed: set[Value] = set()
    for k, value in enumerate(outputs):
        is_made = value in replay.cells or f"v{value.number}" in replay.made
        if value.root is not value or not (is_made or value.kind == ARGUMENT):
            return None
        if k < states:
            like = arguments[k]
            if value is not like and (not is_made or value in fed or value.is_array != like.is_array):
                return None
            fed.add(value)
    return Scanned(repeat, replay, runner)


class _Source(NamedTuple):
    """Where a step finds a value: the address at the first step, the bytes to the next one, and a mask of the steps."""

    address: int
    stride: int = 0
    mask: int = -1


class Scanned:
    """A ``Repeat`` as one call of machine code."""

    def __init__(self, repeat: Repeat, replay: Replay, runner: Any) -> None:
        self._repeat, self._replay, self._loop = repeat, replay, runner.loop
        self.__name__, self.may_miss = repeat.__name__, repeat.may_miss
        (self._segment,) = replay.segments.ended
        self._arguments = repeat.programs[0].of_kind(ARGUMENT)
        states, _, self._steps, self._reverse = repeat.numbers
        outputs = [out.value for out in repeat.programs[0].outputs]
        self._next, self._ys = outputs[:states], outputs[states:]
        self._others = [x for x in replay.made.values() if x not in outputs]
        same = [x for x, following in zip(self._arguments, self._next, strict=False) if x is following]
        still = [*same, *self._arguments[states + repeat.numbers[1] :], *self._others]
        #: Numbers that stay the same in all steps have places of their own.
        self._cells = {value: eights([0], np.dtype(value.dtype)) for value in still if not value.is_array}
        names = {f"v{value.number}" for value in still}
        self._still, self._moving = (_Rows(self._segment, names, is_in) for is_in in (True, False))
        #: Where a kernel puts the numbers that a step makes, and the rows of what is taken from there.
        self._made = {value: address_of(cell) for value, cell in replay.cells.items()}
        self._after = np.zeros((len(outputs), 6), np.int64)
        self._after[:, 5] = 1
        self._nothing, self._done = np.zeros(4, np.int64), np.zeros(1, np.int64)
        segment, moving, after = map(address_of, (self._segment.address, self._moving.rows, self._after))
        self._plan = np.array([segment, moving, len(self._moving.rows), after, 0], np.int64)
        put = [address_of(self._nothing), address_of(self._still.rows), len(self._still.rows), 0, 0]
        self._put = np.array(put, np.int64)
        self._at = [address_of(x) for x in (self._plan, self._put, self._done)]

    def __call__(self, state: tuple[Any, ...], rows: tuple[Any, ...], closed: tuple[Any, ...]) -> tuple[Any, ...]:
        """Run all steps."""
        state = tuple(map(as_rows, state))
        if not all(map(_lies_as, self._arguments, (*state, *rows, *closed))):  # step by step
            return self._repeat(state, rows, closed)
        run = _Run(self._steps, self._reverse, self._cells)
        arguments = iter(self._arguments)
        asked = {*self._ys}
        for x, value, following in zip(state, arguments, self._next, strict=False):
            if following is value:
                run.constant(value, x)
            else:
                run.state(x, value, following, keeps=bool(asked & {value, following}))
        for x, value in zip(rows, arguments, strict=False):
            run.row(value, x)
        for x, value in zip(closed, arguments, strict=True):
            run.constant(value, x)
        for value in asked - run.found.keys() - run.still.keys():
            run.result(value)
        for value in self._others:
            run.constant(value, new_array(value))
        if not self._run(run):
            ys = [np.empty((self._steps, *value.shape), value.dtype) for value in self._ys]
            return (np.False_, *map(own, state), *ys)
        return (np.True_, *map(run.last, self._next), *map(run.all_of, self._ys))

    def _run(self, run: _Run) -> bool:
        """Whether all steps were whole; Python is asked for signals now and then."""
        self._still.fill(run.sources)
        self._moving.fill(run.sources)
        after = self._after[: len(run.columns)]
        if run.columns:
            after[:, :3] = [(to, by, self._made[value]) for value, (to, by) in run.columns.items()]
        self._plan[4] = len(after)
        plan, put, done = self._at
        self._loop(put, 1, done)
        start, most = 0, MOST
        while True:
            began, count = time.perf_counter(), min(most, self._steps - start)
            code = self._loop(plan, count, done)
            if code == MISSED_CODE:
                return False
            if code:
                raise MemoryError("mg.compile: no memory for a kernel's own arrays")
            start += count
            if start == self._steps:
                return True
            for x in (self._moving.rows, after):
                x[:, 0] += count * x[:, 1]
                x[:, 2] += np.where(x[:, 4] == -1, count * x[:, 3], 0)
            if time.perf_counter() - began < _PATIENCE:
                most *= 8


class _Rows:
    """What is put into a segment's table, as rows of ``segment_code``'s ``moved``."""

    def __init__(self, segment: Any, names: set[str], is_in: bool) -> None:
        entries = [(name, place, offset, 0) for name, places in segment.arrays.items() for place, offset in places]
        entries += [(name, place, 0, 1) for name, place, _ in segment.numbers]
        entries = [x for x in entries if (x[0] in names) is is_in]
        self._names = list(dict.fromkeys(name for name, *_ in entries))
        self._index = np.array([self._names.index(name) for name, *_ in entries], np.intp)
        blank = [(place, 0, offset, 0, 0, loads) for _, place, offset, loads in entries]
        self._blank = np.array(blank, np.int64).reshape(-1, 6)
        self.rows = self._blank.copy()

    def fill(self, sources: dict[str, _Source]) -> None:
        """Write into the rows where values lie now."""
        if len(self.rows):
            np.copyto(self.rows, self._blank)
            self.rows[:, 2:5] += np.array([sources[name] for name in self._names], np.int64)[self._index]


class _Run:
    """Where the values of one run lie."""

    def __init__(self, steps: int, reverse: bool, cells: dict[Value, np.ndarray]) -> None:
        self._steps, self._reverse, self._cells = steps, reverse, cells
        self.sources: dict[str, _Source] = {}
        self.columns: dict[Value, tuple[int, int]] = {}  # of numbers that a step makes: where the first one goes
        self.found: dict[Value, Any] = {}  # of all steps, in the order of the rows
        self.still: dict[Value, Any] = {}  # what is the same in all steps
        self._mine: dict[Value, np.ndarray] = {}  # what nobody else looks at
        self._last: dict[Value, np.ndarray] = {}
        self._kept: list[Any] = []

    def constant(self, value: Value, x: Any) -> None:
        """The same in each step."""
        fixed = x
        if not value.is_array:
            fixed = self._cells[value]
            fixed[0, 0] = x
        self.still[value] = x
        self._put(value, fixed, _Source(address_of(fixed)))

    def row(self, value: Value, x: np.ndarray) -> None:
        """One row after the other."""
        self._moves(value, x if value.is_array else eights(x, value.dtype))
        self.found[value] = x

    def result(self, value: Value) -> None:
        """What each step gives."""
        memory = self._memory(value, self._steps)
        self._moves(value, memory)
        self.found[value] = memory if value.is_array else memory[:, 0]
        if value.is_array:
            self._mine[value] = memory
        else:
            self.columns[value] = self.sources[f"v{value.number}"][:2]

    def state(self, x: Any, value: Value, following: Value, keeps: bool) -> None:
        """What each step reads, and the next one finds as the step leaves it."""
        keeps = keeps or not value.is_array
        memory = self._memory(value, self._steps + 1 if keeps else 2)
        before, after = (memory[1:], memory[:-1]) if self._reverse and keeps else (memory[:-1], memory[1:])
        if keeps:
            self._moves(value, before)
            self._moves(following, after)
        else:
            size, first = memory.strides[0], address_of(memory)
            self._put(value, memory, _Source(first, size, 1))
            self._put(following, memory, _Source(first + size, -size, 1))
        start, end = (-1, 0) if self._reverse and keeps else (0, self._steps if keeps else self._steps % 2)
        memory[start] = x
        self._last[following] = memory[end]
        self.found[value], self.found[following] = (before, after) if value.is_array else (before[:, 0], after[:, 0])
        if not value.is_array:
            self.columns[following] = self.sources[f"v{following.number}"][:2]

    def last(self, value: Value) -> Any:
        """What the last step gives, in memory of its own."""
        if value not in self._last:
            return own(self.still[value])
        return self._last[value].copy() if value.is_array else self._last[value][0]

    def all_of(self, value: Value) -> np.ndarray:
        """What all steps give, in memory of its own."""
        if value in self._mine:
            return self._mine.pop(value)
        if value in self.found:
            return np.array(self.found[value], order="C")
        return np.array(np.broadcast_to(self.still[value], (self._steps, *value.shape)), order="C")

    def _memory(self, value: Value, count: int) -> np.ndarray:
        shape = value.shape if value.is_array else (8 // value.dtype.itemsize,)
        return np.empty((count, *shape), value.dtype)

    def _moves(self, value: Value, memory: np.ndarray) -> None:
        """A place for each step, along the first axis."""
        stride, first = memory.strides[0], address_of(memory)
        far = stride * (self._steps - 1) if self._reverse else 0
        self._put(value, memory, _Source(first + far, -stride if self._reverse else stride))

    def _put(self, value: Value, memory: np.ndarray, source: _Source) -> None:
        self._kept.append(memory)
        self.sources[f"v{value.number}"] = source


def _lies_as(value: Value, x: Any) -> bool:
    """Whether an array lies as the one that the program was written for."""
    if not value.is_array or not isinstance(x, np.ndarray):
        return not value.is_array
    strides = x.strides[x.ndim - len(value.shape) :]  # a row has them behind those of all rows
    return strides == value.strides or all(
        n == 1 or s == t for n, s, t in zip(value.shape, value.strides, strides, strict=True)
    )
