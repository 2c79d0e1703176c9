"""Which memory graphs have saved, and what a step writes into it.

Outside of a recording, a graph keeps what it has saved: a tensor whose ``.data`` is handed out moves to a copy. A
recording writes into memory as it is. Where a gradient would notice, the call is put back and recorded once more.
Tensors from outside that the step writes into are handed out before. Of a graph that the step makes itself, the
program holds copies of what the graph saves.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import numpy as np

from minigrad.compiler.program import CAPTURE, RESULT, Call, Program, Value
from minigrad.compiler.tracing.recorded_array import Recorded
from minigrad.core.graph import Leaf
from minigrad.core.inplace import lend
from minigrad.core.memory import DETACHED, SHARED, owner, share
from minigrad.core.tensor import Tensor
from minigrad.core.trees import mapped_all
from minigrad.errors import CompileError


class SavedMemory:
    """What graphs save and the step writes in one recording.

    ``reached`` are the tensors in reach; with ``copies``, graphs save copies.
    """

    def __init__(self, reached: list[Tensor], copies: bool) -> None:
        self.given: list[Tensor] = []  # the tensors that the step was called with
        self.unlent: dict[int, Tensor] = {}  # those from outside that are written and were not handed out, by id
        self._reached, self._copies = reached, copies
        self._saved: dict[Any, set[Value]] = {}  # the values that graphs have saved, by what owns their memory
        self._written: list[tuple[Program, int, Any]] = []  # of that: where, the number of calls before, the owner

    def saved(self, x: Any, parent: Any) -> Any:
        """What a node saves of an operand, an option or a result; ``parent`` is the node of the operand."""
        if isinstance(x, (tuple, list)):  # an index
            return mapped_all(lambda item: self.saved(item, parent), x)
        if not isinstance(x, Recorded):
            return x
        if type(parent) is Leaf:  # its edge tells that it was written
            self._leaves.setdefault(_memory_of(x), {})[parent] = x.array
            return x
        if self._copies:
            return x.copy("K")
        self._saved.setdefault(_memory_of(x), set()).add(x.value.root)
        return x

    def write(self, x: Recorded, program: Program) -> list[Leaf]:
        """Note that the next call of a program writes into an array; gives the leaves that share its memory."""
        memory = _memory_of(x)
        if memory in self._saved:
            self._written.append((program, len(program.calls), memory))
        if x.value.root.kind != RESULT and memory not in SHARED and memory not in DETACHED:
            tensor = self._outside.get(memory)
            if tensor is not None:
                self.unlent[id(tensor)] = tensor
        leaves = self._leaves.get(memory, {})
        return [leaf for leaf, array in leaves.items() if np.may_share_memory(array, x.array)]

    def is_misread(self) -> bool:
        """Whether a backward pass reads memory that was written after a graph had saved it."""
        return any(
            call.phase == "backward" and self._reads(call, memory)
            for program, start, memory in self._written
            for call in program.calls[start + 1 :]
        )

    def set_apart(self, put_back: Callable[[], None] | None) -> bool:
        """Put all back and hand out what is written; whether graphs are to save copies when the step runs again.

        Raises ``CompileError`` where it cannot be put back.
        """
        if put_back is None:
            raise CompileError(
                "mg.compile: the step writes into a tensor that a graph may need, and what it has done cannot be put "
                "back to begin anew (it wrote into a list or dict, or much memory is in reach): write into a copy, y = "
                "x.copy()"
            )
        put_back()
        for tensor in self.unlent.values():
            share(lend(tensor))  # also where it is a view that cannot be written to, of what can
        return self._copies or self.is_misread()

    def _reads(self, call: Call, memory: Any) -> bool:
        read = [value.root for value in call.values if value not in call.writes]
        return any(root in self._saved[memory] or _owner_of(root) == memory for root in read)

    @functools.cached_property
    def _leaves(self) -> dict[Any, dict[Leaf, np.ndarray]]:
        """The leaves and their data, by what owns the memory."""
        leaves: dict[Any, dict[Leaf, np.ndarray]] = {}
        for x in self._reached:
            if type(x._node) is Leaf and type(x._array) is np.ndarray:
                leaves.setdefault(id(owner(x._array)), {})[x._node] = x._array
        return leaves

    @functools.cached_property
    def _outside(self) -> dict[int, Tensor]:
        """The tensors from outside that are no leaves, by what owns their memory."""
        several = [x for x in (*self.given, *self._reached) if type(x._node) is not Leaf]
        return {id(owner(x._array)): x for x in several if type(x._array) is np.ndarray}


def _memory_of(x: Recorded) -> Any:
    """A key for the memory of an array; what the step makes is known by its value."""
    return x.value.root if x.value.root.kind == RESULT else id(owner(x.array))


def _owner_of(root: Value) -> Any:
    return id(owner(root.origin)) if root.kind == CAPTURE else None
