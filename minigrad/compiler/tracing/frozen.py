"""Parameters that a step freezes and lets go again: ``critic.requires_grad_(False)``, as networks in turns do.

As it is written, a tensor that is let go has a new place in the graph, and its optimizer moves it: a graph that was
made in between holds the memory of before. A program knows places and memory, so within a step they stay the same
ones, if no such graph is used after the parameter is written, and none of before for the parameter's gradient.

They stay from one call to the next too, where a step ends with a parameter of an optimizer frozen: of that memory all
graphs save copies from then on, so its optimizer need not move it.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np

from minigrad.compiler.program import CAPTURE, Call
from minigrad.core.context import keeping_leaves
from minigrad.core.graph import Leaf, next_order
from minigrad.core.memory import share
from minigrad.core.tensor import Tensor
from minigrad.errors import CompileError


class Frozen:
    """The leaves of tensors that are frozen in one run of a step, or before it by another run.

    ``calls`` are those that are written down, and ``optimizers`` those that the step can reach.
    """

    def __init__(self, calls: Sequence[Call], optimizers: Sequence[Any]) -> None:
        self._calls, self._optimizers = calls, optimizers
        self._held: dict[int, tuple[Tensor, Leaf]] = {
            id(p): (p, leaf) for flat in self._flats() for leaf, p in flat.resting.items()
        }
        self._thawed: list[Tensor] = []  # that were frozen when the run began
        self._released: list[tuple[Any, int]] = []  # the memory, and the number of calls before

    def freeze(self, tensor: Tensor) -> None:
        """Remember the leaf of a tensor that is to have none."""
        leaf = tensor._node
        if isinstance(leaf, Leaf):
            self._held[id(tensor)] = (tensor, leaf)
            for flat in self._flats():
                flat.rest(tensor, leaf)

    def release(self, tensor: Tensor) -> Leaf | None:
        """The leaf that a tensor had before it was frozen in this run, without a gradient.

        As it is written, what is computed with the tensor before gives no gradient to the new place: it is refused.
        """
        if id(tensor) not in self._held:
            self._thawed.append(tensor)
            return None
        _, leaf = self._held.pop(id(tensor))
        for flat in self._flats():
            flat.resting.pop(leaf, None)
        leaf.grad = leaf.rows = None
        leaf.written = leaf.reshaped = next_order()
        self._released.append((tensor._array, len(self._calls)))
        return leaf

    def settle(self) -> None:
        """Let what is frozen at the end stay where it is until a run lets it go."""
        for flat in self._flats():
            flat.settle()
        for tensor in self._thawed:
            if tensor._node is None and type(tensor._array) is np.ndarray:
                share(tensor._array)

    def has_moved(self) -> bool:
        """Whether an optimizer has moved something that rests from now on, so that the next call begins elsewhere."""
        resting = {id(p) for flat in self._flats() for p in flat.resting.values()}
        return any(id(tensor) in resting for tensor in self._thawed)

    def _flats(self) -> list[Any]:
        return [flat for optimizer in self._optimizers for flat in itertools.chain.from_iterable(optimizer._flats)]

    def check(self) -> None:
        """Raise ``CompileError`` where a graph from before may be used after the memory was written."""
        for array, start in self._released:
            is_written = False
            for call in self._calls[start:]:
                reads = any(_overlaps(value, array) for value in call.values if value not in call.writes)
                if is_written and reads and call.phase == "backward":
                    raise CompileError(
                        "mg.compile: a parameter is frozen in the step, let go and written, and then the gradient of "
                        f"what was computed before is asked for:\n  {call.place}\nask for it before optimizer.step(), "
                        "or freeze outside of the compiled function"
                    )
                is_written = not (reads and call.phase != "backward") and (
                    is_written or any(_overlaps(value, array) for value in call.writes)
                )


def _overlaps(value: Any, array: Any) -> bool:
    return value.root.kind == CAPTURE and np.may_share_memory(value.root.origin, array)


@contextmanager
def keeping(calls: Sequence[Call], optimizers: Sequence[Any]) -> Iterator[Frozen]:
    """Inside, tensors that are frozen and let go again have the leaves that they had."""
    frozen = Frozen(calls, optimizers)
    token = keeping_leaves.set(frozen)
    try:
        yield frozen
    finally:
        keeping_leaves.reset(token)
        frozen.settle()
