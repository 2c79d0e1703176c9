"""One call of a function that is being differentiated: what it gets for its arguments, and what may come of it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from minigrad.arrays import Stand
from minigrad.context import differentiating, is_recording
from minigrad.errors import DTypeError
from minigrad.graph import Leaf, next_order
from minigrad.sections import Section, stand_in
from minigrad.structures import leaves, mapped, rebuilt
from minigrad.tensor import Tensor, wrap

Argnums = int | tuple[int, ...]


class RecordedCall:
    """One call of ``f``, recorded, with new tensors in place of the arguments to differentiate with respect to.

    ``wanted`` are the nodes of these, ``private`` those of them that nothing leads on from.
    """

    def __init__(self, f: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any], argnums: Argnums) -> None:
        self.recording = is_recording()
        self.wanted: list[Any] = []
        self._names: list[list[str] | None] = []  # for each leaf of the arguments, a module's parameters or None
        self._stand_ins: dict[Any, Any] = {}
        passed = list(args)
        numbers = _positions(argnums, len(args))
        for number in numbers:
            passed[number] = rebuilt(args[number], self._replacements(args[number], f"argument {number}"))
        self._given = args[numbers[0]] if isinstance(argnums, int) else tuple(args[number] for number in numbers)
        self.private = {node for node in self.wanted if type(node) is Leaf}
        self.start = next_order()
        with differentiating():  # also inside no_grad(): the gradient was asked for by name
            self.result = f(*passed, **kwargs)

    def _replacements(self, argument: Any, name: str) -> Iterator[Any]:
        """What ``f`` gets in place of each leaf; a module stays, and the graph gets stand-ins for its parameters."""
        for path, leaf in leaves(argument):
            if hasattr(leaf, "named_parameters"):
                named = [(key, p) for key, p in leaf.named_parameters() if p.requires_grad]
                self._names.append([key for key, _ in named])
                for _, p in named:
                    if p._node not in self._stand_ins:
                        self._stand_ins[p._node] = stand_in(p._node, p.shape, p.dtype)
                    self.wanted.append(self._stand_ins[p._node])
                yield leaf
            else:
                x = _variable(leaf, name + path)
                node = stand_in(x._node, x.shape, x.dtype)
                self._names.append(None)
                self.wanted.append(node)
                yield wrap(x._data, node)

    def section(self, outputs: list[Tensor]) -> Section:
        """The part of the graph between these outputs and the arguments."""
        return Section([z._node for z in outputs], self.start, self.wanted, self._stand_ins)

    def continues(self, section: Section) -> bool:
        """Whether the caller could differentiate what comes out of a section again, with respect to something."""
        return self.recording and section.leads_outside(self.private)

    def in_structure(self, items: list[Any]) -> Any:
        """One item for each of ``wanted``, in the structure of the arguments."""
        each = iter(items)
        parts = [next(each) if names is None else {key: next(each) for key in names} for names in self._names]
        return rebuilt(self._given, iter(parts))

    def handed_out(self, connected: bool) -> Any:
        """The result, outside the graph unless it is connected to the caller's."""
        return mapped(lambda z: wrap(z._data, z._node if connected else None), self.result)

    def let_go(self, more: Any) -> tuple[Any, bool]:
        """``more`` without its ties to the new tensors, and whether any of it stays in the graph for other reasons."""
        shared = False

        def free(item: Any) -> Any:
            nonlocal shared
            if not isinstance(item, Tensor) or item._node is None:
                return item
            connected = self.continues(self.section([item]))
            shared = shared or connected
            return wrap(item._data, item._node if connected else None)

        return mapped(free, more), shared


def check_argnums(argnums: Any) -> None:
    """Raise ``TypeError`` unless it is an int or a tuple of them."""
    numbers = argnums if isinstance(argnums, tuple) else (argnums,)
    if not numbers or any(type(number) is not int for number in numbers):
        raise TypeError(f"argnums is the number of an argument or a tuple of numbers, got {argnums!r}")


def _positions(argnums: Argnums, count: int) -> list[int]:
    """``argnums`` as positions in ``count`` arguments."""
    numbers = argnums if isinstance(argnums, tuple) else (argnums,)
    if any(not -count <= number < count for number in numbers):
        raise TypeError(
            f"argnums={argnums!r} names a positional argument that was not given: f was called with {count} of them"
        )
    positions = [number % count for number in numbers]
    if len(set(positions)) != len(positions):
        raise TypeError(f"argnums={argnums!r} names an argument twice")
    return positions


def _variable(value: Any, name: str) -> Tensor:
    """A leaf of a differentiated argument as a Tensor. Raises ``DTypeError`` for what has no gradient."""
    if not isinstance(value, (Tensor, np.ndarray, np.generic, float, int, Stand)):
        raise DTypeError(
            f"{name} is of type {type(value).__name__}, and a gradient is with respect to Tensors, arrays and numbers, "
            "lists, tuples and dicts of these, or a Module: leave it out of argnums, or bind it with a lambda"
        )
    x = value if isinstance(value, Tensor) else Tensor(value)
    if x.dtype.kind != "f":
        raise DTypeError(
            f"{name} is of dtype {x.dtype}, and only floating dtypes have a gradient: write .astype('float32'), leave "
            "it out of argnums, or bind it with a lambda"
        )
    return x
