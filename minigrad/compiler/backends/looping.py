"""The one segment of a program, run many times in one native call: what moves from step to step is said beforehand.

Rates come from a table that the optimizers fill for some steps in advance. Results that leave the step lie one after
the other. Gradients take two places in turn: where a condition does not hold, those of the step before are whole.
Random numbers are drawn for some steps in advance, as these would draw them; those of steps that are not made go back.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import nullcontext
from typing import Any, NamedTuple

import numpy as np

from minigrad import random
from minigrad.compiler.arena import address_of
from minigrad.compiler.backends.replay import Replay
from minigrad.compiler.backends.segment_code import MISSED_CODE
from minigrad.compiler.passes.buffers import is_dense, new_array, size_of
from minigrad.compiler.program import ARGUMENT, GRADIENT, Program, Value, values_in
from minigrad.compiler.tracing.counts import Told
from minigrad.compiler.tracing.random_draws import Streams
from minigrad.core.trees import flat
from minigrad.optim.optimizer import FLUSH_EVERY

#: Steps of one native call, at most.
MOST = 1024

#: Bytes of random numbers that are drawn in advance, of more than one step.
_DRAWN = 4 << 20


class Ran(NamedTuple):
    """What a loop did: how many steps, whether the next one met a condition that did not hold, and the outputs.

    There is an array of the steps for each output, in the order of ``values_in(program.outputs)``.
    """

    steps: int
    missed: bool
    outputs: tuple[np.ndarray, ...]
    told: tuple[np.ndarray, ...]  # rates that the step returns


class Looped:
    """A program that is one segment, as a loop."""

    def __init__(self, program: Program, replay: Replay, loop: Any) -> None:
        self._program, self._replay, self._loop = program, replay, loop
        (self._segment,) = replay.segments.ended
        self._arguments = {f"v{value.number}": i for i, value in enumerate(program.of_kind(ARGUMENT))}
        self._rates = {
            f"v{x.number}": (k, j) for k, call in enumerate(replay.rates) for j, x in enumerate(call.results)
        }
        self._outputs = [*values_in(program.outputs)]
        self._stacked = {f"v{value.number}" for value in self._outputs if value not in replay.cells}
        self._gradients = {f"v{value.root.number}" for _, value in program.gradients}
        self._told = [x for x in flat(program.outputs) if isinstance(x, Told)]
        self._drawn = {f"v{x.number}": x for call in replay.draws for x in call.results}
        self._streams = Streams(program)
        self._owners = [call.function.owner for call in replay.rates]
        self._done = np.zeros(1, np.int64)

    def __call__(self, count: int, arrays: Sequence[Any], strides: Sequence[int]) -> Ran | None:
        """At most ``count`` steps. ``strides`` says how many bytes each argument moves on from step to step.

        Gives None where it cannot be done as things are now.
        """
        if not all(optimizer.has_plain_rates() for optimizer in self._owners):
            return None
        with random.turns if self._streams.of_package else nullcontext():
            return self._several(count, arrays, strides)

    def _several(self, count: int, arrays: Sequence[Any], strides: Sequence[int]) -> Ran:
        owners = self._owners
        for optimizer in owners:  # tiny state is set to zero between two calls
            count = min(count, FLUSH_EVERY - optimizer.iterations % FLUSH_EVERY)
        start = [(optimizer.iterations, optimizer.current_lr) for optimizer in owners]
        try:
            most = _DRAWN // (1 + sum(map(size_of, self._drawn.values())))
            rates, latest = self._worked_out(min(count, MOST, max(most, 1)))
        finally:  # the count goes on when the steps are made
            for (iterations, _), optimizer in zip(start, owners, strict=True):
                optimizer.iterations = iterations
        count = len(latest)
        streams, self._done[0] = self._streams.states(), 0
        try:
            drawn = self._draws(count)
            before, fresh, columns = self._places(count, arrays, strides, rates, drawn)
            cells = {x: eights([0] * count, x.dtype) for x in self._outputs if x in self._replay.cells}
            after = [(address_of(to), 8, address_of(self._replay.cells[x]), 0, 0, 1) for x, to in cells.items()]
            code = self._run(count, before, after)
            del columns  # their addresses were in use until here
        finally:  # after an error too: draws of no step go back
            done = int(self._done[0])
            if done < count:
                self._streams.put_back(streams)
                self._draws(done)
        for k, ((_, rate), optimizer) in enumerate(zip(start, owners, strict=True)):
            optimizer.current_lr = latest[done - 1][k] if done else rate
        self._end(done, fresh)
        if code not in (0, MISSED_CODE):
            raise MemoryError("mg.compile: no memory for a kernel's own arrays")
        outputs = [
            cells[x][:done, 0] if x in cells else _steps(fresh[f"v{x.number}"][0], x, count)[:done]
            for x in self._outputs
        ]
        told = tuple([self._rates_of(x, latest, done) for x in self._told])
        return Ran(done, code == MISSED_CODE, tuple(outputs), told)

    def _places(
        self, count: int, arrays: Sequence[Any], strides: Sequence[int], rates: Any, drawn: dict[str, np.ndarray]
    ) -> tuple[list[tuple[int, int, int, int, int, int]], dict[str, list[np.ndarray]], list[np.ndarray]]:
        """Where each step finds its arrays and numbers, the memory of what it makes, and the numbers of all steps."""
        before: list[tuple[int, int, int, int, int, int]] = []
        fresh: dict[str, list[np.ndarray]] = {}
        columns: list[np.ndarray] = []
        for name, places in self._segment.arrays.items():
            if name in self._arguments:
                i = self._arguments[name]
                first, stride, mask = address_of(arrays[i]), strides[i], -1
            elif name in drawn:
                first, stride, mask = address_of(drawn[name]), drawn[name].strides[0], -1
            else:
                fresh[name] = self._memory(name, count)
                places_of = [address_of(array) for array in fresh[name]]
                first, stride, mask = places_of[0], (places_of[-1] - places_of[0]), 1
                if name in self._stacked:
                    stride, mask = size_of(self._replay.made[name]), -1
            before += [(place, 0, first + offset, stride, mask, 0) for place, offset in places]
        for name, place, dtype in self._segment.numbers:
            if name in self._rates:
                k, j = self._rates[name]
                column = eights([row[j] for row in rates[k]], dtype)
            else:
                column = eights(drawn[name] if name in drawn else [arrays[self._arguments[name]]], dtype)
            columns.append(column)
            before.append((place, 0, address_of(column), 8 if len(column) == count else 0, -1, 1))
        return before, fresh, columns

    def _draws(self, count: int) -> dict[str, np.ndarray]:
        """What ``count`` steps draw, by name, step after step."""
        numbers = {name: np.empty(count * size_of(x), np.uint8) for name, x in self._drawn.items()}
        steps = {name: _steps(numbers[name], x, count) for name, x in self._drawn.items()}
        for k in range(count):
            for call in self._replay.draws:
                for x, drawn in zip(call.results, call.function.run(), strict=True):
                    steps[f"v{x.number}"][k] = drawn
        return steps

    def _memory(self, name: str, count: int) -> list[np.ndarray]:
        """For what is made in each step: all of them in a row, or two that take turns, or one."""
        value = self._replay.made[name]
        if name in self._stacked:
            return [np.empty(count * size_of(value), np.uint8)]
        return [new_array(value) for _ in range(2 if name in self._gradients else 1)]

    def _rates_of(self, x: Told, latest: list[list[float]], done: int) -> np.ndarray:
        """The rate after each step, of an optimizer that may make none in it."""
        k = next((k for k, optimizer in enumerate(self._owners) if optimizer is x.owner), None)
        if k is None:
            return np.full(done, x.now(), np.float64)
        return np.array([rates[k] for rates in latest[:done]], np.float64)

    def _worked_out(self, count: int) -> tuple[list[list[Any]], list[list[float]]]:
        """The rates of the next steps, of each call for them, and the ``current_lr`` of each step.

        Fewer steps, where a schedule raises at a later one.
        """
        rates: list[list[Any]] = [[] for _ in self._owners]
        latest: list[list[float]] = []
        for _ in range(count):
            try:
                of_call = [call.function.run() for call in self._replay.rates]
            except Exception:
                if not latest:
                    raise
                break
            for row, more in zip(rates, of_call, strict=True):
                row.append(more)
            latest.append([optimizer._current_lr for optimizer in self._owners])
            for optimizer in self._owners:
                optimizer._iterations += 1
        return rates, latest

    def _run(self, count: int, before: list[Any], after: list[Any]) -> int:
        rows = [np.array(x, np.int64).reshape(-1, 6) for x in (before, after)]
        segment = address_of(self._segment.address)
        plan = np.array([segment, address_of(rows[0]), len(before), address_of(rows[1]), len(after)], np.int64)
        code: int = self._loop(address_of(plan), count, address_of(self._done))
        return code

    def _end(self, done: int, fresh: dict[str, list[np.ndarray]]) -> None:
        """What a replay does in Python when its arithmetic is done, of all steps."""
        for _ in range(done):
            for call in self._replay.finishes:
                call.function.run()
        if not done:
            return
        known: dict[Value, np.ndarray] = {}
        for leaf, value in self._program.gradients:
            leaf.grad = self._gradient(value, done, fresh, known)
        for leaf in self._program.cleared:
            leaf.grad = None

    def _gradient(
        self, value: Value, done: int, fresh: dict[str, list[np.ndarray]], known: dict[Value, np.ndarray]
    ) -> Any:
        """A gradient of the last step: an array that was made, or a view of it."""
        if value not in known:
            call = self._replay.views.made_by.get(value)
            if call is not None:
                (x,) = call.values
                known[value] = call.run({x: self._gradient(x, done, fresh, known)}.__getitem__)
            else:
                arrays, size = fresh[f"v{value.number}"], size_of(value)
                known[value] = arrays[(done - 1) % len(arrays)]
                if f"v{value.number}" in self._stacked:  # a copy: whoever keeps it keeps nothing else
                    known[value] = new_array(value)
                    np.copyto(known[value], _steps(arrays[0][(done - 1) * size : done * size], value, 1)[0])
        return known[value]


def looped(program: Program, replay: Replay, loop: Any) -> Looped | None:
    """The program as a loop, where nothing of Python comes between two steps of it.

    Not where a step reads what the one before has left in Python or in ``.grad``, or where it is put back as a whole.
    """
    segments = replay.segments.ended
    if not replay.is_native or len(segments) != 1 or program.reads or program.effects or program.is_undone:
        return None
    fresh, cells = replay.made, replay.cells
    outputs = [*values_in(program.outputs)]
    if program.of_kind(GRADIENT) or any(isinstance(x, Told) and x.name != "current_lr" for x in flat(program.outputs)):
        return None
    if not all(x in cells or f"v{x.number}" in fresh for x in outputs):
        return None
    if not all(f"v{x.root.number}" in fresh and x.is_array for _, x in program.gradients):
        return None
    drawn = [x for call in replay.draws for x in call.results]
    if any(x.is_array and not is_dense(x) for x in drawn):
        return None
    names = {f"v{value.number}" for value in [*program.of_kind(ARGUMENT), *drawn]}
    rates = {f"v{value.number}" for call in replay.rates for value in call.results}
    arrays = all(name in names or name in fresh for name in segments[0].arrays)
    if not arrays or not all(name in names or name in rates for name, _, _ in segments[0].numbers):
        return None
    return Looped(program, replay, loop)


def eights(items: Sequence[Any] | np.ndarray, dtype: np.dtype) -> np.ndarray:
    """Numbers of a type, one in each eight bytes."""
    array = np.zeros((len(items), 8 // dtype.itemsize), dtype)
    array[:, 0] = items
    return array


def _steps(memory: np.ndarray, value: Value, count: int) -> np.ndarray:
    """Memory as arrays of a value's layout, one after the other."""
    order = sorted(range(len(value.shape)), key=lambda axis: (-value.strides[axis], -value.shape[axis]))
    array = memory.view(value.dtype).reshape([count, *[value.shape[axis] for axis in order]])
    return np.transpose(array, [0, *[1 + int(axis) for axis in np.argsort(order)]]) if order else array.reshape(count)
