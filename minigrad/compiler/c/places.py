"""Where each value of a program lies in C: an argument, the state, a constant of the file, or the workspace.

A view is found by making it: NumPy runs the call on an array of the same layout, and says where the view begins and
how far apart its elements are. So every view that NumPy knows has a place, and none needs a rule.
"""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np
from numpy.lib.array_utils import byte_bounds

from minigrad.compiler.arena import address_of
from minigrad.compiler.backends.kernel_kinds import Kind
from minigrad.compiler.c.kinds import dtype_of, has_kind, kind_of, stored
from minigrad.compiler.passes.buffers import is_dense, new_array
from minigrad.compiler.program import CAPTURE, Call, Program, Value
from minigrad.core.trees import flat
from minigrad.errors import CompileError


class Block:
    """A piece of memory with a name in C: where others begin is counted in its elements."""

    def __init__(self, kind: Kind, size: int, text: str = "") -> None:
        self.kind = kind
        self.size = size
        self.text = text

    @property
    def nbytes(self) -> int:
        """Its bytes."""
        return self.size * max(self.kind.bits // 8, 1)


class Place(NamedTuple):
    """An array or a number in a block: its first element, its shape, and its strides, in elements."""

    block: Block
    start: int
    shape: tuple[int, ...]
    strides: tuple[int, ...]
    seen: Kind | None = None  # where its elements are looked at as another type than the block's

    @staticmethod
    def whole(block: Block, shape: tuple[int, ...]) -> Place:
        """A block from its start on, in C order."""
        strides = [0 if n == 1 else math.prod(shape[axis + 1 :]) for axis, n in enumerate(shape)]
        return Place(block, 0, shape, tuple(strides))

    @property
    def kind(self) -> Kind:
        """The type of its elements."""
        return self.seen or self.block.kind

    @property
    def size(self) -> int:
        """The number of its elements."""
        return math.prod(self.shape)

    @property
    def text(self) -> str:
        """The address of its first element."""
        text = f"{self.block.text} + {self.start}" if self.start else self.block.text
        return text if self.seen is None else f"({stored(self.seen)} *)({text})"

    def of(self, shape: tuple[int, ...], strides: tuple[int, ...]) -> Place:
        """From the same element on, in another shape."""
        return self._replace(shape=shape, strides=strides)

    def spread(self, shape: tuple[int, ...]) -> Place:
        """The same, broadcast."""
        seen = np.broadcast_to(_numbered(self), shape)
        return self._replace(shape=shape, strides=tuple([s // 8 for s in seen.strides]))

    def moved(self, view: Any) -> Place:
        """The part that a function of an array of this layout shows."""
        before = _numbered(self)
        seen = view(before)
        if not isinstance(seen, np.ndarray) or (seen.size and not np.may_share_memory(seen, before)):
            raise RuntimeError("a part of a place is no view")
        start = self.start + (address_of(seen) - address_of(before)) // 8
        return self._replace(start=start, shape=seen.shape, strides=tuple([s // 8 for s in seen.strides]))


def _numbered(place: Place) -> np.ndarray:
    """An array of eight-byte numbers with the place's layout, whose elements may not be read."""
    return np.lib.stride_tricks.as_strided(np.empty(1), place.shape, tuple([8 * s for s in place.strides]))


class Places:
    """The places of all values, as the calls are gone through in their order."""

    def __init__(self, program: Program) -> None:
        self._probes: dict[Value, Any] = {}
        self._blocks: dict[Value, tuple[Block, Any]] = {}  # root: the block, and the array whose start is its start
        self._program = program
        for value in program.of_kind(CAPTURE):
            self._probes[value] = value.origin

    def put(self, value: Value, block: Block, whole: Any = None) -> None:
        """A root lies in a block, whose first element is that of ``whole``, by default its own."""
        self._blocks[value] = block, self.probe(value) if whole is None else whole

    def has(self, value: Value) -> bool:
        """Whether the root of a value has a place."""
        return value.root in self._blocks

    def probe(self, value: Value) -> Any:
        """An array of the layout of a value; its elements are not read."""
        if value not in self._probes:
            if value.is_array and is_dense(value):
                self._probes[value] = new_array(value)
            elif value.is_array and 0 not in value.shape:
                steps = zip(value.shape, value.strides, strict=True)
                ends = [(n - 1) * s for n, s in steps]
                low = -sum(s for s in ends if s < 0)
                room = np.empty(low + sum(s for s in ends if s > 0) + value.dtype.itemsize, np.uint8)
                self._probes[value] = np.ndarray(value.shape, value.dtype, room, low, value.strides)
            elif value.is_array:
                self._probes[value] = np.empty(value.shape, value.dtype)
            else:
                self._probes[value] = np.zeros((), dtype_of(value.dtype))
        return self._probes[value]

    def see(self, call: Call) -> bool:
        """Note the views that a call makes; whether it makes nothing else."""
        views = [value for value in call.results if value.root is not value]
        if not views:
            return False
        if call.writes:  # what is written into is what comes out
            self._probes |= dict.fromkeys(views, self.probe(call.writes[0]))
            return False
        for value, seen in zip(call.results, flat(call.run(self.probe)), strict=True):
            self._probes[value] = seen
        return True

    def extent(self, value: Value) -> tuple[int, int]:
        """The bytes of a root's memory before its first element, and from there to its end."""
        probe = self.probe(value)
        low, high = byte_bounds(probe) if probe.size else (address_of(probe), address_of(probe))
        return address_of(probe) - low, high - address_of(probe)

    def __getitem__(self, value: Value) -> Place:
        """The place of a value."""
        block, whole = self._blocks[value.root]
        probe = self.probe(value)
        itemsize = max(block.kind.bits // 8, 1)
        seen = kind_of(value.dtype) if has_kind(value.dtype) else None
        twins = seen is not None and {seen.family, block.kind.family} == {"i", "u"} and seen.bits == block.kind.bits
        if seen is not block.kind and not twins:
            raise CompileError(
                f"export: {value.name or 'an array'} is looked at as {probe.dtype}, which C would not do"
            )
        start = (address_of(probe) - address_of(whole)) if probe.size else 0
        strides = [0 if n == 1 else s // itemsize for n, s in zip(probe.shape, probe.strides, strict=True)]
        if start % itemsize or any(s % itemsize for n, s in zip(probe.shape, probe.strides, strict=True) if n > 1):
            raise CompileError("export: an array lies between the numbers of another one, as parts of a record do")
        return Place(block, start // itemsize, probe.shape, tuple(strides), None if seen is block.kind else seen)


def check(value: Value, where: str) -> None:
    """Raise ``CompileError`` for numbers of a type that the file has not."""
    if not has_kind(value.dtype):
        name = value.dtype if isinstance(value.dtype, np.dtype) else getattr(value.dtype, "__name__", value.dtype)
        raise CompileError(
            f"export: numbers of dtype {name} have no form in C here:\n  {where}\nthere are float32, float64, bool and "
            "whole numbers of 8 to 64 bits: write complex numbers as pairs, and float16 as float32"
        )


def declared(block: Block, name: str) -> str:
    """The declaration of an array of a block's size."""
    return f"{stored(block.kind)} {name}[{max(block.size, 1)}]"
