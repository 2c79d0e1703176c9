"""What makes the C of one call: where its operands lie, and where its kernels go."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from minigrad.compiler.c.kinds import has_kind
from minigrad.compiler.c.places import Block, Place
from minigrad.compiler.c.sketch import Sketch
from minigrad.compiler.program import Call, Value


class RefusedError(Exception):
    """A call has no form in C."""


def options_of(call: Call, *names: str, skip: int = 1) -> dict[str, Any]:
    """The options of a call by name, the arguments from number ``skip`` on among them. None of them is lost."""
    options = call.args[skip:]
    if len(options) > len(names):
        raise RefusedError(f"{len(options)} options")
    return dict(zip(names, options, strict=False)) | call.kwargs


def word(function: Any) -> str:
    """The name of a function or method."""
    return function.removeprefix(".") if isinstance(function, str) else getattr(function, "__name__", "")


class Form:
    """Given to the makers of ``forms``; what they emit becomes lines of the step."""

    def __init__(
        self, place: Callable[[Value], Place], constant: Callable[[np.ndarray], Place], temporary: Callable[..., Block]
    ) -> None:
        self.place = place
        self.constant = constant
        self._temporary = temporary
        self.made: list[Any] = []  # sketches, and calls of products, in their order

    def operand(self, x: Any) -> Any:
        """A place, or a plain number."""
        if isinstance(x, Value):
            return self.place(x)
        if isinstance(x, (list, tuple)) or (isinstance(x, np.ndarray) and x.ndim):
            array = np.asarray(x)
            if not has_kind(array.dtype):
                raise RefusedError("a list of values")
            return self.constant(array)
        return x.item() if isinstance(x, (np.ndarray, np.generic)) else x

    def target(self, value: Value) -> Place:
        """Where a result goes, or what is written."""
        return self.place(value)

    def new(self, kind: Any, shape: tuple[int, ...]) -> Place:
        """Memory for this call alone."""
        return Place.whole(self._temporary(kind, math.prod(shape)), shape)

    def beside(self, place: Place) -> Place:
        """Memory for this call alone, like a place."""
        return self.new(place.kind, place.shape)

    def dense(self, place: Place) -> Place:
        """The elements of a place in C order: itself where they lie so, else a copy."""
        wanted = zip(place.shape, Place.whole(place.block, place.shape).strides, place.strides, strict=True)
        if all(n == 1 or s == own for n, s, own in wanted):
            return place
        copy = self.beside(place)
        sketch = Sketch()
        with sketch.loops(place.shape) as names:
            sketch.put(f"{sketch.at(copy, *names, name='z')} = {sketch.at(place, *names)}")
        self.emit(sketch)
        return copy

    def emit(self, sketch: Any) -> None:
        """One more kernel, or product."""
        self.made.append(sketch)
