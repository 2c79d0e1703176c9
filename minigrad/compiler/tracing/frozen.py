"""Parameters that a step freezes and lets go again: ``critic.requires_grad_(False)``, as networks in turns do.

As it is written, a tensor that is let go has a new place in the graph, and its optimizer moves it: a graph that was
made in between holds the memory of before. A program knows places and memory, so within a step they stay the same
ones, if no such graph is used after the parameter is written, and none of before for the parameter's gradient.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np

from minigrad.compiler.program import CAPTURE, Call
from minigrad.core.context import keeping_leaves
from minigrad.core.graph import Leaf, next_order
from minigrad.core.tensor import Tensor
from minigrad.errors import CompileError


class Frozen:
    """The leaves of tensors that are frozen in one run of a step; ``calls`` are those that are written down."""

    def __init__(self, calls: Sequence[Call]) -> None:
        self._calls = calls
        self._held: dict[int, tuple[Tensor, Leaf]] = {}
        self._thawed: list[Tensor] = []  # that were frozen when the run began
        self._released: list[tuple[Any, int]] = []  # the memory, and the number of calls before

    def freeze(self, tensor: Tensor) -> None:
        """Remember the leaf of a tensor that is to have none."""
        if isinstance(tensor._node, Leaf):
            self._held[id(tensor)] = (tensor, tensor._node)

    def release(self, tensor: Tensor) -> Leaf | None:
        """The leaf that a tensor had before it was frozen in this run, without a gradient.

        As it is written, what is computed with the tensor before gives no gradient to the new place: it is refused.
        """
        if id(tensor) not in self._held:
            self._thawed.append(tensor)
            return None
        _, leaf = self._held.pop(id(tensor))
        leaf.grad = leaf.rows = None
        leaf.written = leaf.reshaped = next_order()
        self._released.append((tensor._array, len(self._calls)))
        return leaf

    def check(self, optimizers: Sequence[Any]) -> None:
        """Raise ``CompileError`` where a graph from before may be used after the memory was written.

        So it does where one of these optimizers, which have made a step, has moved a parameter that is frozen again.
        """
        moved = {id(p) for optimizer in optimizers for group in optimizer.param_groups for p in group["params"]}
        if any(id(tensor) in moved and not isinstance(tensor._node, Leaf) for tensor in self._thawed):
            raise CompileError(
                "mg.compile: a parameter that is frozen when the step begins is let go, stepped and frozen again, and "
                "each time its optimizer moves it: let the step end as it began, with p.requires_grad_(True) for what "
                "it has frozen itself, or freeze outside of the compiled function"
            )
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
def keeping(calls: Sequence[Call] = ()) -> Iterator[Frozen]:
    """Inside, tensors that are frozen and let go again have the leaves that they had."""
    frozen = Frozen(calls)
    token = keeping_leaves.set(frozen)
    try:
        yield frozen
    finally:
        keeping_leaves.reset(token)
