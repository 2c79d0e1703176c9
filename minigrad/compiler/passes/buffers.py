"""Buffers: memory that is planned once and written in every run, shared by values that do not live at the same time.

What leaves the program (outputs, ``p.grad``) gets new memory in each run, since a user may keep it. Everything else
that a call can be told to write into has a place in a buffer; it is free again after the last call that looks at the
value or at a view of it. An elementwise call may write over an operand that it is the last to read. Views of what has
a fixed place are made once. The buffers lie in memory that all programs of a function share (``arena.py``).
"""

from __future__ import annotations

import bisect
import math
from typing import Any

import numpy as np

from minigrad.compiler.arena import Arena
from minigrad.compiler.passes.grouping import Group
from minigrad.compiler.passes.lowering import Lowered, lowered
from minigrad.compiler.program import CAPTURE, Call, Program, Value


class Plan:
    """The calls that run each time, and the arrays that are the same each time."""

    def __init__(self, arena: Arena) -> None:
        self.claims = arena.claims()  # the memory in which the buffers lie
        self.steps: list[tuple[Call, Lowered]] = []
        self.fixed: dict[Value, Any] = {}
        self.buffers: list[np.ndarray] = []

    @property
    def nbytes(self) -> int:
        """The bytes in all buffers."""
        return sum(buffer.nbytes for buffer in self.buffers)


def planned(calls: list[Call], program: Program) -> Plan:
    """A place for each value that can have one."""
    plan = Plan(program.arena)
    plan.fixed = {value: value.origin for value in program.of_kind(CAPTURE)}
    last = {value.root: i for i, call in enumerate(calls) for value in [*call.values, *call.results, *call.writes]}
    dying: dict[int, list[Value]] = {}
    for root, i in last.items():
        dying.setdefault(i, []).append(root)
    escaping = program.escaping
    free = _Free()
    places: dict[Value, np.ndarray] = {}  # root: its buffer
    for i, call in enumerate(calls):
        low = lowered(call)
        result = call.results[0] if len(call.results) == 1 else None
        is_view = result is not None and result.root is not result and not call.writes
        if result is not None and is_view and all(value in plan.fixed for value in call.values):
            plan.fixed[result] = call.run(plan.fixed.__getitem__)  # a view of what stays in its place
            continue
        if isinstance(call.function, Group) or (len(call.results) > 1 and getattr(call.function, "takes_out", False)):
            for outcome in call.results:
                if outcome.is_array and outcome not in escaping and is_dense(outcome):
                    places[outcome] = free.hold(_claimed(free, plan, outcome))
                    plan.fixed[outcome] = laid(places[outcome], outcome)
        elif low.takes_out and result is not None and result not in escaping and is_dense(result):
            place = _taken_over(call, low, result, i, last, places)
            if place is None:
                place = _claimed(free, plan, result)
            places[result] = free.hold(place)
            plan.fixed[result] = laid(place, result)
        plan.steps.append((call, low))
        for root in dying.get(i, ()):
            if root in places:
                free.let_go(places.pop(root))
    return plan


class _Free:
    """Buffers that nobody needs for the time being, by size, and how many values each other one is the place of."""

    def __init__(self) -> None:
        self._free: list[tuple[int, int, np.ndarray]] = []  # (bytes, number, buffer)
        self._users: dict[int, int] = {}  # the id of a buffer: how many values it is the place of
        self._count = 0

    def hold(self, place: np.ndarray) -> np.ndarray:
        """The buffer is the place of one more value."""
        self._users[id(place)] = self._users.get(id(place), 0) + 1
        return place

    def let_go(self, place: np.ndarray) -> None:
        """The buffer is the place of one value less."""
        self._users[id(place)] -= 1
        if not self._users[id(place)]:
            self._count += 1
            bisect.insort(self._free, (place.nbytes, self._count, place))

    def take(self, size: int) -> np.ndarray | None:
        """The smallest free buffer of about the size."""
        at = bisect.bisect_left(self._free, (size, 0))
        if at < len(self._free) and self._free[at][0] <= 2 * size + 1024:
            return self._free.pop(at)[2]
        return None


def _taken_over(
    call: Call, low: Lowered, result: Value, i: int, last: dict[Value, int], places: dict[Value, np.ndarray]
) -> np.ndarray | None:
    """The place of an operand that nobody reads after this elementwise call."""
    if not low.elementwise:
        return None
    operands = list(call.values)
    for x in operands:
        dies = x.root is x and x in places and last[x] == i
        alike = (x.shape, x.dtype, x.strides) == (result.shape, result.dtype, result.strides)
        if dies and alike and all(other is x or other.root is not x for other in operands):
            return places[x]
    return None


def _claimed(free: _Free, plan: Plan, value: Value) -> np.ndarray:
    """A free buffer of about the size, or a new one."""
    size = size_of(value)
    buffer = free.take(size)
    if buffer is None:
        buffer = plan.claims.claim(size)
        plan.buffers.append(buffer)
    return buffer


def size_of(value: Value) -> int:
    """The bytes of a value."""
    return math.prod(value.shape) * int(np.dtype(value.dtype).itemsize)


def is_dense(value: Value) -> bool:
    """Whether the array fills its memory without gaps, in some order of its axes."""
    expected = value.dtype.itemsize
    for size, stride in sorted(zip(value.shape, value.strides, strict=True), key=lambda pair: (pair[1], pair[0])):
        if size != 1 and stride != expected:
            return False
        expected *= size
    return size_of(value) > 0 and not value.dtype.hasobject


def laid(buffer: np.ndarray, value: Value) -> np.ndarray:
    """An array of the value's shape and order of axes in a buffer."""
    order = sorted(range(len(value.shape)), key=lambda axis: (-value.strides[axis], -value.shape[axis]))
    flat = buffer[: size_of(value)].view(value.dtype)
    laid = flat.reshape([value.shape[axis] for axis in order])
    return np.transpose(laid, np.argsort(order)) if order else laid


def new_array(value: Value) -> np.ndarray:
    """New memory of a value's shape, dtype and order of axes."""
    array = np.empty(value.shape, value.dtype)
    return array if array.strides == value.strides else laid(np.empty(size_of(value), np.uint8), value)
