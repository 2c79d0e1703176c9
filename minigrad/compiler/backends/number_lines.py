"""Kernels without a loop, for calls on few numbers that follow each other: each number is a local name.

An element of an array is known by its place in the memory that the array looks at. So what one call puts into an array,
another call takes by name. Only what is used after the kernel is written.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from minigrad.compiler.arena import address_of
from minigrad.compiler.backends.cache import Compiler
from minigrad.compiler.backends.kernel_expressions import TYPES
from minigrad.compiler.backends.segments import Routine
from minigrad.compiler.program import Call, Value

#: The types of such numbers, and their names in a kernel.
KINDS = {**TYPES, np.dtype("uint64"): "np.uint64"}


class Places:
    """Where the views of a program begin, in elements from the beginning of the memory that they look at."""

    def __init__(self, calls: list[Call]) -> None:
        self.views: dict[Value, int] = {}
        for call in calls:
            values = list(call.values)
            if call.is_host or call.writes or len(call.results) != 1 or len(values) != 1:
                continue
            (view,), (x,) = call.results, values
            start = self.of(x) if view.is_array and x.is_array else None
            if view.root is view or x.root is not view.root or start is None or view.dtype != x.dtype:
                continue
            shown = np.lib.stride_tricks.as_strided(np.empty(1, x.dtype), x.shape, x.strides)
            sample = call.run({x: shown}.__getitem__)
            if (sample.shape, sample.strides) == (view.shape, view.strides):
                self.views[view] = start + (address_of(sample) - address_of(shown)) // x.dtype.itemsize

    def of(self, value: Value) -> int | None:
        """Where an array begins, if its elements lie a whole number of elements apart."""
        if any(stride % value.dtype.itemsize for stride in value.strides):
            return None
        return 0 if value.root is value else self.views.get(value)


class Lines:
    """The lines of a kernel, and the names of its numbers and arrays."""

    def __init__(self, places: Places) -> None:
        self.lines: list[str] = []
        self.literals: list[Any] = []
        self.read: dict[Value, str] = {}  # what comes from outside, and its name
        self.made: dict[tuple[Value, Any], str] = {}  # (memory, element): its name; of a number the element is None
        self._places = places

    def name(self, text: str) -> str:
        """A new name for what a text computes."""
        self.lines.append(f"t{len(self.lines)} = {text}")
        return f"t{len(self.lines) - 1}"

    def put(self, value: Value, index: tuple[int, ...], text: str) -> None:
        """An element of an array, or a number, becomes what a text computes."""
        key = self._key(value, index)
        self.made[key] = self.name(text)

    def element(self, value: Value, index: tuple[int, ...] = ()) -> str:
        """An element of an array, or a number."""
        root, at = key = self._key(value, index)
        if key not in self.made:
            name = self.read.setdefault(root, f"x{len(self.read)}")
            self.made[key] = name if at is None else self.name(f"{name}[np.uint64({at})]")
        return self.made[key]

    def operand(self, x: Any, dtype: np.dtype, index: tuple[int, ...] = ()) -> str:
        """A number in a type: an element of an array, which spreads over the axes of ``index``, or an argument."""
        if not isinstance(x, Value):
            self.literals.append(dtype.type(x))
            return f"m{len(self.literals) - 1}"
        own = index[len(index) - len(x.shape) :]
        text = self.element(x, tuple([0 if n == 1 else i for i, n in zip(own, x.shape, strict=True)]))
        return text if x.dtype == dtype else f"{KINDS[dtype]}({text})"

    def _key(self, value: Value, index: tuple[int, ...]) -> tuple[Value, Any]:
        if not value.is_array:
            return value, None
        start = self._places.of(value) or 0  # whoever makes a part has asked whether there is one
        steps = (i * stride // value.dtype.itemsize for i, stride in zip(index, value.strides, strict=True))
        return value.root, start + sum(steps)


class Part(NamedTuple):
    """A call that can be lines of a kernel: what writes them, and about how many there are."""

    call: Call
    write: Callable[[Lines], None]
    size: int
    is_loop: bool = False  # whether it has a kernel of its own, which it keeps where it stands alone
    is_alone: bool = False  # whether it writes where others may look, so nothing stands beside it


def routine_of(parts: list[Part], places: Places, stays: set[Value], compiler: Compiler) -> tuple[Routine, Call]:
    """The kernel of calls that follow each other, and its own call; ``stays`` says which memory is looked at later."""
    lines = Lines(places)
    results: dict[Value, None] = {}
    writes: dict[Value, None] = {}
    for part in parts:
        part.write(lines)
        results.update(dict.fromkeys(part.call.results))
        writes.update(dict.fromkeys(part.call.writes))
    outputs = [value for value in results if value.root is value and value in stays]
    changed = [value for value in dict.fromkeys(value.root for value in writes) if value not in results]
    names = dict(lines.read)
    ends = []
    for value in [*outputs, *changed]:
        names.setdefault(value, f"x{len(names)}")
        ends += [
            f"{names[value]}[np.uint64({at or 0})] = {text}" for (root, at), text in lines.made.items() if root is value
        ]
    operands = [value for value in names if value not in outputs]
    heads = [f"m{k}" for k in range(len(lines.literals))] + [names[value] for value in [*operands, *outputs]]
    head = f"def kernel(first, last, rows, step, {', '.join(heads)}):"
    text = "\n    ".join([head, *lines.lines, *ends, ""])
    name = parts[0].call.function
    title = getattr(name, "__name__", "moved") if len(parts) == 1 else "numbers"
    routine = Routine(title, compiler.kernel(text), tuple(lines.literals), (*operands, *outputs), len(outputs))
    call = Call(routine, tuple(operands), {}, outputs, changed)
    return routine, call.beside(parts[-1].call)
