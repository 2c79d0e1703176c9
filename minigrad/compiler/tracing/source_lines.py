"""Where a call of a recording stands: the user's line, the part of the step, the layer, and whose gradient it is.

The parts of the package that a step leads through say so themselves: a module enters its ``layer``, ``backward`` and
an optimizer's step their ``phase``, an op's forward is run by the mode (``RecordingMode.run``).
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from minigrad.core.context import recorder
from minigrad.core.graph import Node
from minigrad.core.watching import Place, user_line

#: The phases of a step.
FORWARD, BACKWARD, UPDATE = "forward", "backward", "update"


class Places:
    """What is running. ``names`` are those of modules and leaves, by id."""

    def __init__(self, names: dict[int, str]) -> None:
        self._names = names
        self._phase, self._layer, self._target = FORWARD, "", ""
        self._ops: list[str] = []  # whose forwards are running
        self.of_nodes: dict[Node, str] = {}  # what the results of ops are called

    def now(self) -> tuple[Place, str, str, str]:
        """The line of the user's code, the phase, the layer, and whose gradient is being computed."""
        return user_line(), self._phase, self._layer, self._target

    @property
    def layer(self) -> str:
        """The name of the innermost layer that has one."""
        return self._layer

    @property
    def op(self) -> str:
        """The op whose forward is running, or ""."""
        return self._ops[-1] if self._ops else ""

    @property
    def in_formula(self) -> bool:
        """Whether a forward or a gradient formula is running: what it looks at is a condition of the program."""
        return bool(self._ops) or self._phase == BACKWARD

    @property
    def in_update(self) -> bool:
        """Whether an optimizer makes its step."""
        return self._phase == UPDATE

    @contextmanager
    def in_phase(self, phase: str) -> Iterator[None]:
        """Inside, the step is in this phase."""
        before, self._phase, self._target = (self._phase, self._target), phase, ""
        try:
            yield
        finally:
            self._phase, self._target = before

    @contextmanager
    def in_layer(self, module: Any) -> Iterator[None]:
        """Inside, this module is running."""
        before, self._layer = self._layer, self._names.get(id(module), "") or self._layer
        try:
            yield
        finally:
            self._layer = before

    @contextmanager
    def in_op(self, op: Any) -> Iterator[None]:
        """Inside, the forward of an op is running."""
        self._ops.append(op.name)
        try:
            yield
        finally:
            self._ops.pop()

    def lead_to(self, parent: Any) -> None:
        """What follows is the gradient of ``parent``; None: of nothing in particular."""
        name = self.of_nodes.get(parent, "") if isinstance(parent, Node) else self._names.get(id(parent), "")
        self._target = f"{name}_grad" if name else ""


class Edges(tuple[Any, ...]):
    """The edges of a node that was recorded: the walk goes along them, and each says where it leads."""

    __slots__ = ()

    def __iter__(self) -> Iterator[Any]:
        recording = recorder()
        for edge in tuple.__iter__(self):
            if recording is not None and edge is not None:
                recording.lead_to(edge[0])
            yield edge
        if recording is not None:
            recording.lead_to(None)
