"""A kernel's text, written line by line: loops over the elements of arrays whose layout is known.

The text is the Python of kernels, as ``backends/loops.py`` writes it, with sizes and strides as numbers.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any, NamedTuple

from minigrad.compiler.c.places import Place


class Sketch:
    """The lines, and the arrays that are its arguments."""

    def __init__(self) -> None:
        self.lines: list[str] = []
        self.arguments: dict[str, Place] = {}
        self._depth = 1
        self._count = 0

    # -- arguments ----------------------------------------------------------------------------

    def array(self, place: Place, name: str = "x") -> str:
        """The name of an array. What is in one place has one name."""
        for known, other in self.arguments.items():
            if (other.block, other.start, other.seen) == (place.block, place.start, place.seen):
                return known
        free, count = name, 2
        while free in self.arguments:
            free, count = f"{name}{count}", count + 1
        self.arguments[free] = place
        return free

    def at(self, place: Place, *indices: str, name: str = "x") -> str:
        """An element of an array, by the text of an index for each axis."""
        terms = [
            index if stride == 1 else f"({index}) * {stride}"
            for index, stride in zip(indices, place.strides, strict=True)
            if stride and index != "0"
        ]
        return f"{self.array(place, name)}[{' + '.join(terms) or '0'}]"

    # -- lines --------------------------------------------------------------------------------

    def put(self, *lines: str) -> None:
        """Lines at this depth."""
        self.lines += ["    " * self._depth + line for line in lines]

    def name(self, hint: str) -> str:
        """A new name."""
        self._count += 1
        return f"{hint}{self._count}"

    @contextmanager
    def block(self, head: str) -> Iterator[None]:
        """Inside, lines are deeper."""
        self.put(head)
        self._depth += 1
        before = len(self.lines)
        yield
        if len(self.lines) == before:
            self.put("pass")
        self._depth -= 1

    @contextmanager
    def loops(self, sizes: Sequence[Any], hint: str = "i") -> Iterator[list[str]]:
        """Loops in each other; gives their counters. A size of 1 needs none."""
        names = []
        depth = self._depth
        for size in sizes:
            if size == 1:
                names.append("0")
                continue
            names.append(self.name(hint))
            self.put(f"for {names[-1]} in range({size}):")
            self._depth += 1
        before = len(self.lines)
        yield names
        if len(self.lines) == before:
            self.put("pass")
        self._depth = depth

    def text(self) -> Text:
        """The whole text."""
        head = f"def kernel({', '.join(self.arguments)}):"
        return Text("\n".join([head, *self.lines, ""]), [*self.arguments.values()])


class Text(NamedTuple):
    """A kernel's text, and what it is called with: places and numbers."""

    text: str
    arguments: list[Any]


class Walk:
    """The way over the elements of arrays of one shape: neighbouring axes are one where all arrays allow it."""

    def __init__(self, shape: Sequence[int], places: Sequence[Place], first: Sequence[Place] = ()) -> None:
        strides = [place.strides for place in places]
        lead = [place.strides for place in first] or strides[-1:]
        axes = [axis for axis, n in enumerate(shape) if n != 1]
        axes.sort(key=lambda axis: ([-abs(own[axis]) for own in lead], axis))
        self.sizes: list[int] = []
        self._strides: list[list[int]] = [[] for _ in strides]
        for axis in axes:
            own = [s[axis] for s in strides]
            if self.sizes and all(known[-1] == s * shape[axis] for known, s in zip(self._strides, own, strict=True)):
                self.sizes[-1] *= shape[axis]
                for known, s in zip(self._strides, own, strict=True):
                    known[-1] = s
            else:
                self.sizes.append(shape[axis])
                for known, s in zip(self._strides, own, strict=True):
                    known.append(s)
        if 0 in shape:
            self.sizes = [0]
            self._strides = [[0] for _ in strides]

    def at(self, number: int, names: Sequence[str]) -> str:
        """The index of array ``number`` at these counters."""
        terms = [
            name if stride == 1 else f"{name} * {stride}"
            for name, stride in zip(names, self._strides[number], strict=True)
            if stride and name != "0"
        ]
        return " + ".join(terms) or "0"
