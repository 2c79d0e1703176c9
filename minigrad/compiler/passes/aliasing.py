"""Where values lie, and which call must come before which.

Values of the program itself have memory of their own, that of their root. What comes from outside may overlap: a
weight is a view of its optimizer's flat array. So captured arrays, and views of them, are compared by address.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.lib.array_utils import byte_bounds

from minigrad.compiler.arena import address_of
from minigrad.compiler.passes.conditions import may_end
from minigrad.compiler.program import CAPTURE, Call, Program, Value

#: The one memory that captured arrays lie in.
_OUTSIDE = "outside"


class Memory:
    """The places of a program's values."""

    def __init__(self, calls: list[Call], program: Program) -> None:
        #: Captured arrays and views of them: they stay where they are.
        self.fixed: dict[Value, Any] = {value: value.origin for value in program.of_kind(CAPTURE)}
        for call in calls:
            (result,) = call.results if len(call.results) == 1 else (None,)
            if result is None or result.root is result or call.writes or call.is_host:
                continue  # no view
            if all(value in self.fixed for value in call.values):
                self.fixed[result] = call.run(self.fixed.__getitem__)

    def place(self, value: Value) -> tuple[Any, float, float]:
        """(which memory, its first byte, the byte after its last)."""
        array = self.fixed.get(value)
        if isinstance(array, np.ndarray):
            return (_OUTSIDE, *byte_bounds(array)) if array.size else (_OUTSIDE, 0, 0)
        return value.root, 0, math.inf

    def overlap(self, one: Value, other: Value) -> bool:
        """Whether a write into one may be seen in the other."""
        where, first, last = self.place(one)
        other_where, other_first, other_last = self.place(other)
        return where is other_where and first < other_last and other_first < last

    def same(self, one: Value, other: Value) -> bool:
        """Whether two values are the same elements in the same order."""
        if one is other:
            return True
        a, b = self.fixed.get(one), self.fixed.get(other)
        return isinstance(a, np.ndarray) and isinstance(b, np.ndarray) and identity(a) == identity(b)


def identity(array: np.ndarray) -> tuple[Any, ...]:
    """A key that is equal for arrays of the same elements in the same order."""
    return address_of(array), array.shape, array.strides, array.dtype


def dependencies(calls: list[Call], memory: Memory) -> list[set[int]]:
    """For each call, the earlier ones that it must come after.

    It reads what they wrote, or writes what they read or wrote. Pieces of Python keep their order; what is written
    outside waits for all by which a run may end before it, since such a run must not have changed anything; and the
    bookkeeping after an optimizer's step comes after its writes, since it writes too.
    """
    # Of each memory the reads and the writes: (call, first byte, the byte after the last). Reads do not wait for reads.
    accesses: dict[Any, tuple[list[tuple[int, float, float]], list[tuple[int, float, float]]]] = {}
    needs: list[set[int]] = []
    last_host, ends = None, set()  # type: int | None, set[int]
    for i, call in enumerate(calls):
        need: set[int] = set()
        touched = [(*memory.place(value), False) for value in call.values]
        touched += [(*memory.place(value), True) for value in [*call.writes, *call.results]]
        if call.is_host:
            if last_host is not None:
                need.add(last_host)
            last_host = i
            if not call.results and call.function.kind != "assume":
                touched.append((_OUTSIDE, 0, math.inf, True))
        if any(writes and where is _OUTSIDE for where, _, _, writes in touched):
            need |= ends
        if may_end(call):
            ends.add(i)
        for where, first, last, writes in touched:
            reads, written = accesses.setdefault(where, ([], []))
            need.update([j for j, start, end in written if first < end and start < last])
            if not writes:
                reads.append((i, first, last))
                continue
            need.update([j for j, start, end in reads if first < end and start < last])
            # Whoever comes later waits for this call, which waits for all that it writes over.
            for kind in (reads, written):
                kind[:] = [access for access in kind if not (first <= access[1] and access[2] <= last)]
            written.append((i, first, last))
        need.discard(i)
        needs.append(need)
    return needs
