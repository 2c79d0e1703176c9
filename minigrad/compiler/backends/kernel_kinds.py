"""Types of the numbers of a kernel, for all that read its text."""

from __future__ import annotations

import functools
from typing import Any, NamedTuple


class OutsideError(Exception):
    """A text is not one of those that can be translated."""


class Kind(NamedTuple):
    """A type of numbers: its name in a text, LLVM's in a register, its family (f, i, u or b), its bits, and how many.

    Of more than one, the numbers stand side by side in a register, and ``one`` is the type of each.
    """

    name: str
    ir: str
    family: str
    bits: int
    lanes: int = 1
    one: Any = None

    @property
    def stored(self) -> str:
        """LLVM's type of a number in memory: a truth is a byte there."""
        return "i8" if self.family == "b" else self.ir


F4, F8 = Kind("f4", "float", "f", 32), Kind("f8", "double", "f", 64)
I4, I8 = Kind("i4", "i32", "i", 32), Kind("i8", "i64", "i", 64)
U8, B1 = Kind("u8", "i64", "u", 64), Kind("b1", "i1", "b", 1)

KINDS: dict[str, Kind] = {
    "float32": F4,
    "float64": F8,
    "int32": I4,
    "int64": I8,
    "uint64": U8,
    "bool": B1,
    "bool_": B1,
    "f4": F4,
    "f8": F8,
    "i8": I8,
    "b1": B1,
}


@functools.cache
def side_by_side(kind: Kind, lanes: int) -> Kind:
    """The type of ``lanes`` numbers side by side in a register."""
    if kind.family != "f" or kind.lanes > 1:
        raise OutsideError(f"{lanes} of {kind.name} side by side")
    return Kind(f"{lanes} of {kind.name}", f"<{lanes} x {kind.ir}>", "f", kind.bits, lanes, kind)
