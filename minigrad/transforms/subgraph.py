"""Sections of the graph: what one call of a function recorded, between its outputs and where it came in.

A transform puts new nodes in the place of the arguments that it differentiates, calls the function, and walks back no
further than these. The section also ends where the function used the graph around it.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from contextlib import nullcontext
from typing import Any

import numpy as np

from minigrad.core.context import differentiating, mode, phase
from minigrad.core.conversion import familiar, numbers_of
from minigrad.core.graph import Leaf, Node, reroute, walk
from minigrad.core.primitive import elementwise, lift, lift_constants
from minigrad.core.stands import Stand
from minigrad.core.tensor import Tensor, around, wrap
from minigrad.errors import DTypeError, GraphError, ShapeError
from minigrad.ops.elementwise import astype

#: Leads on from a stand-in to the value itself; a view, so that data written meanwhile is noticed.
identity = elementwise(lambda x: x, lambda g: g, name="identity", holomorphic=True, view=True, doc="x")


def stand_in(behind: Any, shape: tuple[int, ...], dtype: np.dtype) -> Leaf | Node:
    """A new place in the graph for a value: a leaf, or where ``behind`` is a node already, one that leads on to it.

    The gradient with respect to the new node counts its own uses alone, not other uses of the value.
    """
    if behind is None:
        return Leaf(shape, dtype)
    return Node(identity.op, ((behind, identity.op.formulas[0], ()),), shape, dtype)


class Section:
    """The nodes made since ``start`` below ``roots``, down to the ``ends``: what they were made from.

    ``wanted`` are the ends to which gradients will be carried. ``stand_ins`` holds nodes by what they take the place
    of: the edges in the section go to them from now on.
    """

    def __init__(
        self, roots: Iterable[Any], start: int, wanted: Sequence[Any] = (), stand_ins: dict[Any, Any] | None = None
    ) -> None:
        self.wanted = wanted
        self.stand_ins = stand_ins or {}
        self.ends: dict[Any, None] = {}  # a set that keeps its order, so that two runs add up in the same order
        nodes = self._nodes_below(roots, start)
        self._route = {node for node in wanted if node in self.ends}  # what leads to something wanted
        for node in sorted(nodes, key=lambda node: -node.order):  # parents before what was made from them
            for edge in node.edges:  # a generator for any(...) costs as much as a small node
                if edge is not None and edge[0] in self._route:
                    self._route.add(node)
                    break

    def _nodes_below(self, roots: Iterable[Any], start: int) -> list[Any]:
        nodes = []
        stack = list(dict.fromkeys(self.stand_ins.get(root, root) for root in roots if root is not None))
        seen = set(stack)
        while stack:
            node = stack.pop()
            if type(node) is Leaf or node.order > start:  # orders count down: this was there before
                self.ends[node] = None
                continue
            if node.edges is None:
                raise GraphError(
                    f"part of the graph of this function was freed while it ran, at {node.op.name}: inside a transform "
                    "write backward(retain_graph=True), or mg.grad instead of backward()"
                )
            if self.stand_ins:
                reroute(node, self.stand_ins)
            nodes.append(node)
            for edge in node.edges:
                if edge is not None and edge[0] not in seen:
                    seen.add(edge[0])
                    stack.append(edge[0])
        return nodes

    def largest(self) -> int:
        """The bytes of the largest value on the way to what is wanted."""
        return max([math.prod(node.shape) * node.dtype.itemsize for node in self._route], default=0)

    def leads_outside(self, private: set[Any]) -> bool:
        """Whether it ends anywhere but at ``private`` leaves or those of past calls, which nobody knows."""
        for end in self.ends:
            if end not in private and not (type(end) is Leaf and end.past):
                return True
        return False

    def pull(
        self, roots: Iterable[Any], gradients: Iterable[Tensor], *, record: bool, retain: bool, closed: bool = False
    ) -> list[Tensor]:
        """The gradients with respect to all that is wanted, given dL/droot for some nodes; recorded, or on arrays.

        Of a section that is ``closed``, nobody can ask how the gradients change with what it ends at: they are recorded
        as functions of dL/droot alone.

        Nodes outside the section are neither visited nor freed. Raises ``GraphError`` for data that changed.
        """
        for node in self.wanted:
            if type(node) is Node and node.edges is not None:
                _check_unchanged(node.edges[0][0], node)
        seeds: dict[Any, Any] = {}
        for root, gradient in zip(roots, gradients, strict=True):
            node = self.stand_ins.get(root, root)
            if node in self._route:
                g = gradient if record else gradient._array
                seeds[node] = seeds[node] + g if node in seeds else g
        wanted = set(self.wanted)
        if not record and mode() is Node:  # as most often
            leaves = walk(seeds, retain=retain, wanted=wanted, route=self._route)
        else:
            with phase("backward"), differentiating() if record else nullcontext():
                lifted = (lift_constants if closed else lift) if record else None
                leaves = walk(seeds, retain=retain, lift=lifted, wanted=wanted, route=self._route)
        return [gradient_or_zeros(leaves.get(node), node) for node in self.wanted]


def gradient_or_zeros(g: Any, node: Any) -> Tensor:
    """The gradient that the walk found for a node, as a Tensor of its own."""
    if g is None:
        return around(np.zeros(node.shape, node.dtype))
    return wrap(g._array, g._node) if isinstance(g, Tensor) else wrap(g)


def direction(value: Any, shape: tuple[int, ...], dtype: np.dtype, name: str) -> Tensor:
    """A cotangent or tangent as a Tensor of this shape and dtype, with memory of its own and in its graph."""
    value = value if isinstance(value, (Tensor, Stand)) else familiar(value)
    known = getattr(value, "dtype", None)
    if known is not None and not np.can_cast(known, dtype, "same_kind"):
        raise DTypeError(f"{name} is of dtype {known}, and what it goes with of {dtype}: write .astype('{dtype}')")
    if not isinstance(value, Tensor) or value._node is None:
        data: Any = value._array if isinstance(value, Tensor) else value
        copy = around(data.astype(dtype) if isinstance(data, Stand) else np.array(numbers_of(data, dtype)))
    elif known != dtype:
        copy = astype(value, dtype)
    else:
        copy = wrap(value._array.copy(), value._node)
    if copy.shape != shape:
        raise ShapeError(f"{name} has the shape of what it goes with: expected {shape}, got {copy.shape}")
    return copy


def _check_unchanged(behind: Any, node: Node) -> None:
    """Raise when the leaf behind a stand-in was written to since."""
    if type(behind) is Leaf and behind.was_written(node.order):
        raise GraphError(
            "data changed between forward and backward: a tensor that this function was differentiated with respect "
            "to was written afterwards (by an optimizer's step, load_state_dict or an assignment to .data), so the "
            "gradient would be wrong. Ask for the gradients before the change, or run the function again"
        )
