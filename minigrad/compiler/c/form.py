"""What makes the C of one call: where its operands lie, and where its kernels go."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from minigrad.compiler.c.kinds import has_kind, kind_of
from minigrad.compiler.c.places import Block, Place
from minigrad.compiler.c.sketch import Sketch
from minigrad.compiler.program import Call, Value


class RefusedError(Exception):
    """A call has no form in C."""


def options_of(call: Call, *names: str, skip: int = 1) -> dict[str, Any]:
    """The options of a call by name, the arguments from number ``skip`` on among them. None of them is lost."""
    given = call.args[skip:]
    if len(given) > len(names):
        raise RefusedError(f"{len(given)} options")
    return dict(zip(names, given, strict=False)) | call.kwargs


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
        strides = [math.prod(shape[axis + 1 :]) for axis in range(len(shape))]
        block = self._temporary(kind if not isinstance(kind, np.dtype) else kind_of(kind), math.prod(shape))
        return Place(block, 0, shape, tuple([0 if n == 1 else s for n, s in zip(shape, strides, strict=True)]))

    def beside(self, place: Place) -> Place:
        """Memory for this call alone, like a place."""
        return self.new(place.kind, place.shape)

    def dense(self, place: Place) -> Place:
        """The elements of a place in C order: itself where they lie so, else a copy."""
        strides = [math.prod(place.shape[axis + 1 :]) for axis in range(len(place.shape))]
        if all(n == 1 or s == own for n, s, own in zip(place.shape, strides, place.strides, strict=True)):
            return place
        made = self.new(place.kind, place.shape)
        sketch = Sketch()
        with sketch.loops(place.shape) as names:
            sketch.put(f"{sketch.at(made, *names, name='z')} = {sketch.at(place, *names)}")
        self.emit(sketch)
        return made

    def emit(self, sketch: Any) -> None:
        """One more kernel, or product."""
        self.made.append(sketch)
