"""The program in functional form: memory that is written becomes state, which comes in and goes out.

A backend whose arrays cannot be written needs three answers. What comes in: arguments, gradients from before, the
captured arrays (``state``), and those that never change (``constants``). What is written (``written``). And where a
view lies in its memory: a write into a view is a new value of the whole, and what other views show is worked out anew
from it. For views that a call made, ``sources`` has the call. Captured arrays may share memory, as a weight and the
optimizer's flat array do: ``parts`` has their place in the one that holds them all. It also has the place of views that
are one piece of written memory, such as the blocks in which an optimizer works.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, NamedTuple

import numpy as np

from minigrad.compiler.arena import address_of
from minigrad.compiler.passes.constants import is_constant
from minigrad.compiler.program import CAPTURE, GRADIENT, RESULT, Call, Program, Value, values_in
from minigrad.core.memory import owner
from minigrad.core.trees import flat
from minigrad.errors import CompileError


class Source(NamedTuple):
    """What a view looks at: the value, and the call whose result number ``item`` the view is."""

    value: Value
    call: Call
    item: int


class Part(NamedTuple):
    """The place of an array in ``whole``: a slice of its elements in C order, or their numbers."""

    whole: Value
    where: slice | np.ndarray


class Form:
    """The inputs of a program, the memory that it writes, and the places of its views."""

    def __init__(self) -> None:
        self.constants: dict[Value, np.ndarray] = {}
        self.state: list[Value] = []
        self.gradients: list[Value] = []
        self.written: list[Value] = []
        self.sources: dict[Value, Source] = {}
        self.parts: dict[Value, Part] = {}

    def memory(self, value: Value) -> Value:
        """The value whose contents this one shows: its root, or what holds the root."""
        root = value.root
        return self.parts[root].whole if root in self.parts else root


def functional(calls: list[Call], program: Program) -> Form:
    """The functional form of these calls. Raises ``CompileError`` for memory that overlaps in another way."""
    form = Form()
    used = {value.root: None for value in (*[x for call in calls for x in call.values], *values_in(program.outputs))}
    used.update((value.root, None) for _, value in program.gradients)
    writes = {value.root: None for call in calls for value in call.writes if value.root.kind != RESULT}
    captures = [value for value in used if value.kind == CAPTURE]
    form.constants = {value: value.origin for value in captures if value not in writes and is_constant(value)}
    for group in overlapping([value for value in captures if value not in form.constants]):
        if len(group) > 1 and any(value in writes for value in group):
            whole = _whole(group)
            form.parts.update(
                (value, Part(whole, where_in(value.origin, whole.origin))) for value in group if value is not whole
            )
    form.state = list(dict.fromkeys(form.memory(value) for value in captures if value not in form.constants))
    form.written = list(dict.fromkeys(form.memory(value) for value in writes))
    form.gradients = [value for value in used if value.kind == GRADIENT]
    for call in calls:
        for item, result in enumerate(call.results):
            if result.is_array and result.root is not result:
                source = next(x for x in call.values if x.is_array and x.root is result.root)
                form.sources[result] = Source(source, call, item)
    _add_pieces(form, calls)
    return form


def _add_pieces(form: Form, calls: list[Call]) -> None:
    """Views of written captured memory that are one piece of it: they are made here to see where they lie."""
    arrays: dict[Value, Any] = {value: value.origin for value in (*form.parts, *form.written) if value.kind == CAPTURE}
    for call in calls:
        views = [result for result in call.results if result in form.sources]
        if not views or form.memory(views[0]) not in form.written or not all(x in arrays for x in call.values):
            continue
        for view, array in zip(call.results, flat(call.run(arrays.__getitem__)), strict=True):
            arrays[view] = array
            whole = form.memory(view)
            if array.flags.c_contiguous and whole.origin.flags.c_contiguous and array.dtype == whole.dtype:
                form.parts[view] = Part(whole, where_in(array, whole.origin))


def overlapping(values: Iterable[Value]) -> list[list[Value]]:
    """The captured arrays, those with common memory together."""
    bounds = np.lib.array_utils.byte_bounds
    groups: list[list[Value]] = []
    end = 0
    for value in sorted(values, key=lambda value: bounds(value.origin)):
        low, high = bounds(value.origin)
        if groups and low < end:
            groups[-1].append(value)
        else:
            groups.append([value])
        end = max(end, high)
    return groups


def _whole(group: list[Value]) -> Value:
    """The captured array that holds all others, or the one whose memory they share."""
    for value in group:
        if value.origin.flags.c_contiguous and all(_holds(value.origin, other.origin) for other in group):
            return value
    root = owner(group[0].origin)
    if not root.flags.c_contiguous or not all(_holds(root, other.origin) for other in group):
        names = ", ".join(value.name or "an array" for value in group)
        raise CompileError(
            f"mg.compile: {names} share memory in a way that has no functional form (other dtypes, or no common array "
            'in C order), and one of them is written: use backend="numpy", or give each memory of its own'
        )
    return Value(-1, CAPTURE, root, root)


def _holds(whole: np.ndarray, part: np.ndarray) -> bool:
    bounds = np.lib.array_utils.byte_bounds
    (low, high), (start, end) = bounds(whole), bounds(part)
    aligned = (address_of(part) - address_of(whole)) % whole.itemsize == 0
    return low <= start and end <= high and part.dtype == whole.dtype and aligned


def where_in(array: np.ndarray, whole: np.ndarray) -> slice | np.ndarray:
    """The numbers of a part's elements among those of the whole, counted in C order."""
    size = array.itemsize
    start: Any = (address_of(array) - address_of(whole)) // size
    if array.flags.c_contiguous:
        return slice(start, start + array.size)
    for axis, (length, stride) in enumerate(zip(array.shape, array.strides, strict=True)):
        steps = np.arange(length) * (stride // size)
        start = start + steps.reshape([-1 if i == axis else 1 for i in range(array.ndim)])
    return np.asarray(start)
