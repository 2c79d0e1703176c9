"""Four ops between the outside of ``vmap``, where arrays have a batch axis, and its inside, where they have none.

``enter`` and ``leave`` are each the other's adjoint; so are ``spread``, by which a tensor from outside is used by all
members, and ``collapse``, the sum of what the members send back to it.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from minigrad.batching.moving import physical
from minigrad.batching.rules import made, mine
from minigrad.core.batches import Batch
from minigrad.core.graph import Leaf, Node, reroute
from minigrad.core.primitive import moving
from minigrad.core.table import Primitive


def entered(x: Any, batch: Batch) -> Any:
    """The members of x, which lie along its first axis.

    Batches that lie in this one stay around it: of several the innermost is always the first that is asked.
    """
    if _is_within(x, batch):
        return made(x.batch, entered(np.moveaxis(x.array, 1, 0), batch))
    return made(batch, x)


def left(x: Any, batch: Batch) -> Any:
    """The arrays of all members along a new first axis, of what may be the same for all."""
    if _is_within(x, batch):
        return made(x.batch, np.moveaxis(left(x.array, batch), 0, 1))
    return physical(batch, x)


def _collapsed(x: Any, batch: Batch) -> Any:
    if _is_within(x, batch):
        return made(x.batch, _collapsed(x.array, batch))
    return x.array.sum(0) if mine(batch, x) else x * batch.size


def _spread(x: Any, batch: Batch) -> Any:
    del batch  # the adjoint is told
    return x


def _is_within(x: Any, batch: Batch) -> bool:
    """Whether x stands for the members of a batch that lies in this one."""
    other = getattr(x, "batch", None)
    return other is not None and other.number > batch.number


def _bridge(name: str, forward: Callable[..., Any], adjoint: Callable[..., Any], doc: str) -> Primitive:
    return moving(forward, adjoint, name=name, analytic=True, doc=doc)


leave: Primitive
collapse: Primitive
enter = _bridge("enter", entered, lambda g, batch: leave(g, batch), "The members of x, which lie along its first axis.")
leave = _bridge("leave", left, lambda g, batch: enter(g, batch), "The arrays of all members, along a new first axis.")
spread = _bridge("spread", _spread, lambda g, batch: collapse(g, batch), "x, which is the same for all members.")
collapse = _bridge("collapse", _collapsed, lambda g, batch: spread(g, batch), "The sum over all members.")


def tied(batch: Batch, roots: list[Any]) -> list[Any]:
    """The roots of a function's results, where every way to the outside leads through a ``spread`` from now on.

    Inside, a tensor from outside has no mark, so its gradient is that of one member, as in a loop. Here, when the
    function is over, the edges that lead out are found, and the members' gradients add up there.
    """
    spreads: dict[Any, Node] = {}
    inside: list[Any] = []
    stack = [root for root in dict.fromkeys(roots) if root is not None and not _is_outside(batch, root)]
    seen = set(stack)
    outside = [root for root in dict.fromkeys(roots) if root is not None and _is_outside(batch, root)]
    while stack:
        node = stack.pop()
        if type(node) is Leaf or not node.edges or (node.op is enter.op and node.edges[0][2][0] is batch):
            continue
        inside.append(node)
        for edge in node.edges:
            if edge is None or edge[0] in seen:
                continue
            seen.add(edge[0])
            (outside if _is_outside(batch, edge[0]) else stack).append(edge[0])
    for number, parent in enumerate(outside):
        node = Node(spread.op, ((parent, spread.op.formulas[0], (batch,)),), parent.shape, parent.dtype)
        # In the count that orders the nodes, after all that was there before the function ran, and before all its own.
        node.order = batch.start + (number + 1) / (len(outside) + 1)
        spreads[parent] = node
    for node in inside:
        reroute(node, spreads)
    return [spreads.get(root, root) for root in roots]


def _is_outside(batch: Batch, node: Any) -> bool:
    return bool((node.made if type(node) is Leaf else node.order) > batch.start)
