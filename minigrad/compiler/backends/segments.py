"""Calls of machine code that follow each other, as one call: a segment of a program.

Each kernel has a table of its arguments: numbers, and the addresses of arrays. Most are the same in every run, since
buffers and captured arrays have their places, and stand in the table from the beginning. An array that is made anew is
handed over as an object, with the place in the table that its address belongs to. A number that changes is written into
the table by Python. So a segment costs what one call costs, however many kernels and arguments it has.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from minigrad.compiler.backends.kernel_module import HEADER
from minigrad.compiler.passes.buffers import new_array
from minigrad.compiler.program import Value
from minigrad.core.codegen import Names

#: Bytes before the first item of a tuple.
_ITEMS = tuple.__basicsize__

#: What runs a segment: it puts the addresses of objects into tables, then calls one kernel after the other. The segment
#: is the addresses and the lengths of two lists: (item, place) of each object, and (kernel, table, first, last).
RUNNER = f"""
define i32 @segment(ptr %segment, ptr %objects) nounwind {{
start:
  %places = load ptr, ptr %segment
  %p1 = getelementptr i64, ptr %segment, i64 1
  %placed = load i64, ptr %p1
  %p2 = getelementptr i64, ptr %segment, i64 2
  %calls = load ptr, ptr %p2
  %p3 = getelementptr i64, ptr %segment, i64 3
  %called = load i64, ptr %p3
  br label %place
place:
  %i = phi i64 [ 0, %start ], [ %i1, %put ]
  %more = icmp ult i64 %i, %placed
  br i1 %more, label %put, label %call
put:
  %i2 = mul i64 %i, 2
  %a = getelementptr i64, ptr %places, i64 %i2
  %item = load i64, ptr %a
  %b = getelementptr i64, ptr %a, i64 1
  %where = load ptr, ptr %b
  %items = getelementptr i8, ptr %objects, i64 {_ITEMS}
  %c = getelementptr ptr, ptr %items, i64 %item
  %object = load ptr, ptr %c
  %d = getelementptr i8, ptr %object, i64 {HEADER}
  %data = load ptr, ptr %d
  store ptr %data, ptr %where
  %i1 = add i64 %i, 1
  br label %place
call:
  %k = phi i64 [ 0, %place ], [ %k1, %run ]
  %failed = phi i32 [ 0, %place ], [ %failed1, %run ]
  %left = icmp ult i64 %k, %called
  br i1 %left, label %run, label %end
run:
  %k4 = mul i64 %k, 4
  %e = getelementptr i64, ptr %calls, i64 %k4
  %kernel = load ptr, ptr %e
  %f = getelementptr i64, ptr %e, i64 1
  %table = load ptr, ptr %f
  %g = getelementptr i64, ptr %e, i64 2
  %first = load i64, ptr %g
  %h = getelementptr i64, ptr %e, i64 3
  %last = load i64, ptr %h
  %code = call i32 %kernel(ptr %table, i64 %first, i64 %last)
  %failed1 = or i32 %failed, %code
  %k1 = add i64 %k, 1
  br label %call
end:
  ret i32 %failed
}}
"""


class New(NamedTuple):
    """An array that is another one in each run, by its name there."""

    name: str


class Number(NamedTuple):
    """A number that is another one in each run, by its name there."""

    name: str
    dtype: np.dtype


class Step(NamedTuple):
    """A call of a kernel: its entry for tables, its chunks, and its other arguments.

    An argument is an array whose place never changes, a number that never does, or one of the two above.
    """

    kernel: Any
    first: int
    last: int
    arguments: tuple[Any, ...]


class Routine:
    """A function of arrays that is one kernel: what stands in a call of a program. The last value is written."""

    takes_out = True

    def __init__(self, name: str, kernel: Any, numbers: tuple[Any, ...], values: tuple[Value, ...]) -> None:
        self.__name__ = name
        self.kernel = kernel
        self.numbers = numbers
        self.values = values

    def sample(self) -> list[Any]:
        """Arguments of the types that the kernel will be called with, after its first four numbers."""
        return [*self.numbers, *[np.empty(1, value.dtype) for value in self.values]]

    def __call__(self, *arrays: Any, out: Any = None) -> Any:
        """The result, in ``out`` where that is given."""
        if len(arrays) < len(self.values):
            arrays = (*arrays, new_array(self.values[-1]) if out is None else out)
        self.kernel(0, 1, 1, 1, *self.numbers, *arrays)
        return arrays[-1]


class _Table:
    """The arguments of all calls of a segment, each in eight bytes."""

    def __init__(self, size: int) -> None:
        self.bytes = np.zeros(8 * size, np.uint8)
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

    def __init__(self, bind: Names, run: Any) -> None:
        #: All that has an address in the text: it must live as long as the text is run.
        self.kept: list[Any] = [run]
        self._bind = bind
        self._run = run
        self._steps: list[Step] = []
        self._before: list[str] = []
        self._after: list[str] = []
        self._late: set[str] = set()

    def add(self, step: Step, before: list[str], after: dict[str, str]) -> list[str]:
        """One more call at the end of the segment, with lines before the segment, and names of what is there after it.

        Gives the lines of the segment so far where it has to end before this call, which wants a number of it.
        """
        wanted = {x.name for x in step.arguments if isinstance(x, Number)}
        ended = self.lines() if wanted & self._late else []
        self._steps.append(step)
        self._before += before
        self._after += [f"{name} = {text}" for name, text in after.items()]
        self._late |= set(after)
        return ended

    def lines(self) -> list[str]:
        """The segment that was collected; the next one begins empty."""
        if not self._steps:
            return []
        table = _Table(sum(len(step.arguments) for step in self._steps))
        calls = np.zeros((len(self._steps), 4), np.int64)
        objects: dict[str, int] = {}
        places: list[tuple[int, int]] = []
        lines, slot = self._before, 0
        for k, step in enumerate(self._steps):
            calls[k] = step.kernel.address, table.place(slot), step.first, step.last
            for x in step.arguments:
                if isinstance(x, New):
                    places.append((objects.setdefault(x.name, len(objects)), table.place(slot)))
                elif isinstance(x, np.ndarray):
                    table.view(np.dtype(np.int64))[0][slot] = address_of(x)
                else:
                    view, scale = table.view(x.dtype if isinstance(x, Number) else np.asarray(x).dtype)
                    if isinstance(x, Number):
                        lines.append(f"{self._bind(view, 'table')}[{scale * slot}] = {x.name}")
                    else:
                        view[scale * slot] = x
                slot += 1
        put = np.array(places, np.int64).reshape(-1, 2)
        segment = np.array([address_of(put), len(put), address_of(calls), len(calls)], np.int64)
        self.kept += [table, calls, put, segment, self._steps]
        made = "".join(f"{name}, " for name in objects)
        lines.append(f"{self._bind(self._run, 'segment')}({address_of(segment)}, ({made}))")
        lines += self._after
        self._steps, self._before, self._after, self._late = [], [], [], set()
        return lines


def address_of(array: np.ndarray) -> int:
    """Where an array's first element lies."""
    found: int = array.__array_interface__["data"][0]
    return found
