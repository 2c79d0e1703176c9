"""One node for a function that is run again for its gradient: what ``checkpoint`` and loops have in common."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from minigrad.core.batches import active
from minigrad.core.graph import Leaf, Node
from minigrad.core.primitive import primitive
from minigrad.core.tensor import Tensor
from minigrad.errors import GraphError
from minigrad.transforms.once import Once
from minigrad.transforms.packing import part, starts


class RunAgain:
    """A function and its arguments, to be run again; the graph's nodes hold it, and it holds none but its parents."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.parents: list[Any] = []
        self.behind: list[Any] = []  # what gradients of the parents are of: the parents, or what leads on to them
        self.batches = active()
        self._order: float = 0
        self._gradients = Once()

    def start_from(self, parents: Sequence[Any]) -> None:
        """Say which nodes gradients are wanted of, in order."""
        self.parents, self.behind = list(parents), list(parents)

    def nodes(self, outputs: Sequence[Tensor]) -> list[Node]:
        """The nodes of the outputs; several are parts of one, so that the function is run again once for all."""
        edges = tuple((parent, _again.op.formulas[0], (i, self)) for i, parent in enumerate(self.parents))
        if len(outputs) == 1:
            nodes = [Node(_again.op, edges, outputs[0].shape, outputs[0].dtype)]
            self._order = nodes[0].order
            return nodes
        packed = (sum(z.size for z in outputs),)
        node = Node(_again.op, edges, packed, np.result_type(*(z.dtype for z in outputs)))
        self._order = node.order
        formula = part.op.formulas[0]
        return [
            Node(part.op, ((node, formula, (packed, start, z.shape)),), z.shape, z.dtype)
            for start, z in zip(starts(outputs), outputs, strict=True)
        ]

    def lead_through(self, others: dict[Any, Any]) -> None:
        """Let the ways to parents lead through other nodes, as the edges of this node do from now on."""
        self.behind = [others.get(behind, behind) for behind in self.behind]

    def gradient(self, g: Any, i: int) -> Any:
        """dL/d(parent number i)."""
        return self._gradients.take(g, i, lambda: self._unchanged_gradients(g))

    def _unchanged_gradients(self, g: Any) -> Any:
        if any(type(parent) is Leaf and parent.was_written(self._order) for parent in self.parents):
            raise GraphError(
                f"data changed between forward and backward: a tensor that the function given to {self.name} uses was "
                "written afterwards (by an optimizer's step, load_state_dict or an assignment to .data), so running it "
                "again would give another result. Call backward() before the change, or run the forward pass again"
            )
        return self.all_gradients(g)

    def all_gradients(self, g: Any) -> list[Any]:
        """dL/d(parent) for each, given that of all outputs: as arrays, or as Tensors where ``g`` is one."""
        raise NotImplementedError


_again = primitive(
    lambda *xs, block: block.f(*xs),
    lambda g, i, block: block.gradient(g, i),
    name="checkpoint",
    view=True,
    doc="A function whose graph is recorded again for the gradient.",
)
