"""Calls of machine code that follow each other, as one call: a segment of a program.

Each kernel has a table of its arguments: numbers, and the addresses of arrays. Most are the same in every run, since
buffers and captured arrays have their places, and stand in the table from the beginning. An array that is made anew is
handed over as an object, with the place in the table that its address belongs to. A number that changes is written into
the table by Python, or copied there from where a kernel has put it. So a segment costs what one call costs, however
many kernels and arguments it has. What runs it is in ``segment_code.py``.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from minigrad.compiler.arena import address_of
from minigrad.compiler.passes.buffers import new_array
from minigrad.compiler.program import Call, Value
from minigrad.support.codegen import Names


class New(NamedTuple):
    """An array that each run names anew, or a view of it that begins ``offset`` bytes later."""

    name: str
    offset: int = 0


class Number(NamedTuple):
    """A number that is another one in each run, by its name there."""

    name: str
    dtype: np.dtype


class Cell(NamedTuple):
    """A number that a kernel of the same program has made: where it lies, in eight bytes."""

    array: np.ndarray


class Step(NamedTuple):
    """A call of a kernel: its entry for tables, its chunks, and its other arguments.

    An argument is an array whose place never changes, a number that never does, or one of the three above.
    """

    kernel: Any  # with an ``address``
    first: int
    last: int
    arguments: tuple[Any, ...]


class Routine:
    """A function of arrays that is one kernel: what stands in a call of a program. The last values are written.

    Of one value that is an array without a place in a buffer, the memory is its own; ``count`` is 0 where nothing but
    what is given is written.
    """

    takes_out = True

    def __init__(
        self, name: str, kernel: Any, numbers: tuple[Any, ...], values: tuple[Value, ...], count: int = 1
    ) -> None:
        self.__name__ = name
        self.kernel = kernel
        self.numbers = numbers
        self.values = values
        self._count = count

    def sample(self) -> list[Any]:
        """Arguments of the types that the kernel will be called with, after its first four numbers."""
        shown = [np.empty(1, value.dtype) for value in self.values]
        inputs = len(shown) - self._count
        numbers = [
            x if value.is_array or k >= inputs else x[0]
            for k, (x, value) in enumerate(zip(shown, self.values, strict=True))
        ]
        return [*self.numbers, *numbers]

    def instead(self, call: Call) -> Call:
        """Its own call, in the place of another."""
        operands = self.values[:-1] if call.results else self.values
        return Call(self, operands, {}, call.results, call.writes).beside(call)

    def __call__(self, *arrays: Any, out: Any = None) -> Any:
        """The result, in ``out`` where that is given; several results, each in its part of ``out``."""
        targets = self.values[len(arrays) :]
        outs = out if isinstance(out, tuple) else (out,) * len(targets)
        places = [
            x if x is not None else new_array(value) if value.is_array else np.empty(1, value.dtype)
            for value, x in zip(targets, outs, strict=True)
        ]
        self.kernel(0, 1, 1, 1, *self.numbers, *arrays, *places)
        results = [x if value.is_array else x[0] for value, x in zip(targets, places, strict=True)]
        return results[0] if len(results) == 1 else tuple(results) or arrays[-1]


class Ended(NamedTuple):
    """A segment as it is run: where its arguments lie, for those who run it in a loop."""

    address: np.ndarray  # what its functions take
    arrays: dict[str, list[tuple[int, int]]]  # by name: the address of each place in the table, and the offset
    numbers: list[tuple[str, int, np.dtype]]  # name, address in the table, type
    checks: bool  # whether it may find a condition not met


class _Table:
    """The arguments of all calls of a segment, each in eight bytes."""

    def __init__(self, size: int) -> None:
        self.bytes = np.zeros(8 * size, np.uint8)
        self.addresses = self.bytes.view(np.int64)
        self._views: dict[np.dtype, np.ndarray] = {}

    def place(self, slot: int) -> int:
        """The address of an argument."""
        return address_of(self.bytes) + 8 * slot

    def view(self, dtype: np.dtype) -> tuple[np.ndarray, int]:
        """The table as numbers of a type, and how many of them each argument has room for."""
        dtype = np.dtype(np.uint8) if dtype.kind == "b" else dtype
        return self._views.setdefault(dtype, self.bytes.view(dtype)), 8 // dtype.itemsize


class Segments:
    """The segments of a program, one after the other, as lines of its text."""

    def __init__(self, bind: Names, runner: Any) -> None:
        #: All that has an address in the text: it must live as long as the text is run.
        self.kept: list[Any] = [runner]
        #: The segments that have ended.
        self.ended: list[Ended] = []
        self._bind = bind
        self._runner = runner  # see ``machine_code.Runner``; without it there are no segments
        self._steps: list[Step] = []

    @property
    def is_possible(self) -> bool:
        """Whether there is something that runs them."""
        return self._runner is not None

    def add(self, step: Step) -> None:
        """One more call at the end of the segment."""
        if self._runner is not None:
            self._steps.append(step)

    def check(self, cell: np.ndarray, expected: bool) -> None:
        """A condition: the segment ends where the truth in a cell is another one."""
        if self._runner is not None:
            self.add(Step(self._runner.check, int(expected), 0, (cell,)))

    def lines(self, missed: str) -> list[str]:
        """The segment that was collected, with what to do where a condition does not hold; the next begins empty."""
        if not self._steps or self._runner is None:
            return []
        steps, self._steps = self._steps, []
        links = sum(isinstance(x, Cell) for step in steps for x in step.arguments)
        table = _Table(sum(len(step.arguments) for step in steps) + 2 * links)
        calls: list[tuple[int, int, int, int]] = []
        arrays: dict[str, list[tuple[int, int]]] = {}
        numbers: list[tuple[str, int, np.dtype]] = []
        lines: list[str] = []
        slot, link = 2 * links, 0
        for step in steps:
            start = slot
            for x in step.arguments:
                if isinstance(x, New):
                    arrays.setdefault(x.name, []).append((table.place(slot), x.offset))
                elif isinstance(x, Cell):
                    table.addresses[link : link + 2] = address_of(x.array), table.place(slot)
                    calls.append((self._runner.move.address, table.place(link), 0, 0))
                    link += 2
                elif isinstance(x, np.ndarray):
                    table.addresses[slot] = address_of(x)
                else:
                    view, scale = table.view(x.dtype if isinstance(x, Number) else np.asarray(x).dtype)
                    if isinstance(x, Number):
                        numbers.append((x.name, table.place(slot), x.dtype))
                        lines.append(f"{self._bind(view, 'table')}[{scale * slot}] = {x.name}")
                    else:
                        view[scale * slot] = x
                slot += 1
            calls.append((step.kernel.address, table.place(start), step.first, step.last))
        places = [(k, offset, place) for k, several in enumerate(arrays.values()) for place, offset in several]
        put, rows = np.array(places, np.int64).reshape(-1, 3), np.array(calls, np.int64)
        segment = np.array([address_of(put), len(put), address_of(rows), len(rows)], np.int64)
        checks = any(step.kernel is self._runner.check for step in steps)
        self.kept += [table, rows, put, segment, steps]
        self.ended.append(Ended(segment, arrays, numbers, checks))
        names = "".join(f"{name}, " for name in arrays)
        call = f"{self._bind(self._runner.segment, 'segment')}({address_of(segment)}, ({names}))"
        return [*lines, f"if {call}: return {missed}" if checks else call]
