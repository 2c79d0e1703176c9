"""The graph and the walk: what was computed from what, and the chain rule backwards through it.

A ``Node`` stands for one value that an operation made, a ``Leaf`` for one that the user made and
wants the gradient of. A node has one edge for each argument that needs a gradient::

    (parent, formula, saved)        formula(g, *saved) is dL/d(parent), up to broadcasting

where ``g`` is dL/d(node); of a complex node the g with dL = Re(g dz), so that a formula of a holomorphic
function holds as it stands. ``saved`` holds what this formula mentions and nothing else, so a graph
keeps no array alive that its gradients do not need; nodes hold parents and never the other way
round, so it has no reference cycles. What is true of every formula is done here, once: sum over
broadcast axes, cast to the argument's dtype, own the memory, add up, name the op in an error.
"""

from __future__ import annotations

import itertools
import weakref
from collections.abc import Callable, Iterable
from heapq import heapify, heappop, heappush
from typing import Any, NamedTuple

import numpy as np

from minigrad.core.away import bring
from minigrad.core.layout import LARGE, laid_out
from minigrad.core.memory import fingerprint
from minigrad.core.reachability import DENSE, ROUTING, Path, formula_below, join_paths, path_onward
from minigrad.errors import GraphError, ShapeError

# Counts down, so that a heap (which pops the smallest) visits what was made last first.
next_order: Callable[[], int] = itertools.count(0, -1).__next__


class Leaf:
    """Where a gradient ends up: the graph's side of a tensor that ``requires_grad``."""

    __slots__ = ("dtype", "grad", "lent", "made", "past", "reshaped", "rows", "shape", "written")

    def __init__(self, shape: tuple[int, ...], dtype: np.dtype) -> None:
        self.shape = shape
        self.dtype = dtype
        self.grad: np.ndarray | None = None
        self.rows: Rows | None = None  # where a gradient is not 0, if it is few rows of a matrix
        self.written = 1  # the order at which the data last changed: 1 is before every node
        self.reshaped = 1  # and at which it last changed its shape or dtype
        self.lent: Lent | None = None
        self.made = next_order()  # its place in the count that orders the nodes
        self.past = False  # whether it stood for an argument in a call that is over: nobody can ask for its gradient

    def __getstate__(self) -> Any:
        """What a copy or a pickle takes over: the memory that was handed out, and a noted gradient, are the other's."""
        bring([self])
        return None, {**{name: getattr(self, name) for name in self.__slots__}, "lent": None, "rows": None}

    def was_written(self, order: float) -> bool:
        """Whether the data changed after ``order``: by the package, or by the user in memory that was handed out."""
        if self.written >= order:
            return False
        lent = self.lent
        if lent is None or lent.order != self.written:  # nobody but the package has touched it since
            return True
        array = lent.array()
        return lent.written < order or (array is not None and fingerprint(array) != lent.fingerprint)


class Lent(NamedTuple):
    """The data of a leaf as it was when ``.data`` handed it out, and the user could write to it.

    A node that saved it before asks whether it is so still; one that came later has a copy of its own.
    """

    array: Callable[[], np.ndarray | None]  # a weak reference
    order: int
    fingerprint: int
    written: int  # the order at which the package had written it last


class Rows(NamedTuple):
    """A note that a gradient, a matrix, is 0 but in these rows: for as long as nobody else can have written to it.

    Whoever hands the gradient out, or writes to it, drops the note.
    """

    array: Callable[[], np.ndarray | None]  # a weak reference: it must not keep the gradient
    numbers: np.ndarray


class Node:
    """One recorded operation. ``edges`` is None once a backward pass has freed it."""

    __slots__ = ("dtype", "edges", "op", "order", "shape")

    def __init__(self, op: Any, edges: tuple[Any, ...], shape: tuple[int, ...], dtype: np.dtype) -> None:
        self.op = op
        self.edges: tuple[Any, ...] | None = edges
        self.shape = shape
        self.dtype = dtype
        self.order: float = next_order()


Gradients = dict[Any, Any]
Lift = Callable[[Node, tuple[Any, ...], int], tuple[Any, ...]] | None
Nodes = set[Any] | None


def walk(seeds: Gradients, *, retain: bool, lift: Lift = None, wanted: Nodes = None, route: Nodes = None) -> Gradients:
    """Carry gradients from ``seeds`` (node: dL/dnode) down to the leaves.

    Nodes are visited in the reverse of the order in which they were made, from a heap: every use of
    a value is made after the value, so its gradient is complete when its turn comes. A chain of a
    million nodes needs no recursion, and each node is freed as it is left unless ``retain``.

    ``lift(node, edges, argument)`` gives an edge's saved values as Tensors, which records the
    backward pass itself. The gradients of ``wanted`` nodes are kept, and ``route`` limits the walk to
    the nodes that lead to them (see ``leading_to``). Returns leaf (or wanted node) -> gradient; nothing a
    user can see is changed here, so an error on the way leaves every ``.grad`` as it was.
    """
    gradients, pending, heap = _seeded(seeds)
    paths: dict[Any, Path] = {}  # what is reached of a pending node, where that is not everything
    while heap:
        node = heappop(heap)[1]
        g, path = pending.pop(node), paths.pop(node, None) if paths else None
        edges, flow = node.edges, node.op.flow
        if wanted is not None and node in wanted:
            gradients[node] = g.copy() if lift is None else g
            if not _leads_on(edges, route):
                continue  # the way ends here, and this node is not ours to free
        if edges is None or type(node) is not Node:
            _check_saved(node)
        if not retain:
            node.edges = None
        for argument, edge in enumerate(edges):
            if edge is None:
                continue
            parent, formula, saved = edge
            if type(parent) is Leaf and parent.written < node.order:
                _check_unchanged(node, edges, argument)
            if route is not None and parent not in route:
                continue
            onward = None
            if (path is not None or flow is ROUTING) and type(parent) is not Leaf and parent.op.flow is not DENSE:
                onward = path_onward(node, path, formula, saved)
            if lift is not None:
                saved = lift(node, edges, argument)
            elif g.nbytes >= LARGE:
                g = laid_out(g, saved)
            try:
                gradient = formula(g, *saved) if path is None else formula_below(path, flow, formula, g, saved)
                if gradient.shape != parent.shape or gradient.dtype is not parent.dtype:
                    gradient = _fitted(gradient, parent)
                if type(node) is not Node:
                    node.check_gradient(argument, gradient, g, saved, parent)
            except Exception as error:
                error.add_note(_where(node, argument, parent, g))
                raise
            totals = gradients if type(parent) is Leaf else pending
            if parent in totals:
                totals[parent] = totals[parent] + gradient
                if paths and parent in paths:
                    join_paths(paths, parent, onward)
            elif totals is gradients:
                gradients[parent] = gradient if lift is not None else _of_leaf(node.op, parent, gradient, g, saved)
            else:
                pending[parent] = gradient
                heappush(heap, (parent.order, parent))
                if onward is not None:
                    paths[parent] = onward
    return gradients


def _seeded(seeds: dict[Any, Any]) -> tuple[dict[Any, Any], dict[Any, Any], list[tuple[float, Any]]]:
    """The gradients of leaves that are there already, those of nodes, and a heap of the nodes."""
    leaves: dict[Any, Any] = {}
    pending: dict[Any, Any] = {}
    heap: list[tuple[float, Any]] = []
    for node, g in seeds.items():
        if type(node) is Leaf:
            leaves[node] = g
        else:
            pending[node] = g
            heap.append((node.order, node))
    heapify(heap)
    return leaves, pending, heap


def _leads_on(edges: tuple[Any, ...] | None, route: set[Any] | None) -> bool:
    """Whether the route goes on below a node that is wanted."""
    return edges is not None and any(edge is not None and edge[0] in (route or ()) for edge in edges)


def _check_saved(node: Any) -> None:
    """Raise ``GraphError`` where a node was freed, or is watched and something that it saved was written to."""
    if node.edges is None:
        raise _freed(node)
    node.check_saved(node.edges)


def leading_to(wanted: set[Any], roots: Iterable[Any]) -> tuple[set[Any], set[Any]]:
    """The nodes below ``roots`` that lead to one of ``wanted``, these included, and those of ``wanted`` found there.

    Raises ``GraphError`` when a part of the graph was freed.
    """
    seen: set[Any] = set(roots)
    stack, nodes = list(seen), []
    while stack:
        node = stack.pop()
        if type(node) is Leaf:
            continue
        if node.edges is None:
            if node in wanted:
                continue
            raise _freed(node)
        nodes.append(node)
        for edge in node.edges:
            if edge is not None and edge[0] not in seen:
                seen.add(edge[0])
                stack.append(edge[0])
    met = wanted & seen
    route = set(met)
    nodes.sort(key=lambda node: -node.order)  # parents before what was made from them
    for node in nodes:
        if any(edge is not None and edge[0] in route for edge in node.edges):
            route.add(node)
    return route, met


def reroute(node: Node, others: dict[Any, Any]) -> None:
    """Let the edges of a node that lead to keys of ``others`` lead to their values.

    What an edge has saved may record its way a second time, as a ``checkpoint`` does: it has the method
    ``lead_through``, and is told too.
    """
    if node.edges is None or not any(edge is not None and edge[0] in others for edge in node.edges):
        return
    kind: Any = type(node.edges)  # while a step is recorded, edges say where they lead
    node.edges = kind(edge and (others.get(edge[0], edge[0]), *edge[1:]) for edge in node.edges)
    saved = next(edge[2] for edge in node.edges if edge is not None)
    for value in saved:
        if hasattr(value, "lead_through"):
            value.lead_through(others)


_HALF = np.dtype(np.float16)


def sum_to_shape(g: Any, shape: tuple[int, ...]) -> Any:
    """Undo broadcasting: sum ``g`` over the axes along which ``shape`` was stretched.

    Works on arrays and on Tensors. Raises ``ShapeError`` when ``shape`` does not broadcast to
    ``g.shape``: then the formula, not the caller, is wrong.
    """
    if g.dtype is _HALF:  # which holds no whole number above 2048 but even ones: a sum of many ones stays there
        return sum_to_shape(g.astype(np.float32), shape).astype(_HALF)
    extra = len(g.shape) - len(shape)
    if extra > 0 and type(g) is np.ndarray and g.shape[extra:] == shape:  # as most often: of a bias or weight
        return np.add.reduce(g, tuple(range(extra)))
    stretched = tuple(
        axis for axis, size in enumerate(g.shape) if axis < extra or (shape[axis - extra] == 1 and size != 1)
    )
    aligned = (1,) * extra + shape
    if extra < 0 or any(a != b for i, (a, b) in enumerate(zip(g.shape, aligned, strict=True)) if i not in stretched):
        raise ShapeError(
            f"a gradient formula gave shape {tuple(g.shape)} for an argument of shape {shape}, which does not "
            f"broadcast to it: return dL/d(argument) in the argument's shape or in the output's"
        )
    if type(g) is np.ndarray:
        return np.add.reduce(g, stretched).reshape(shape)  # in two thirds of the time of np.sum and np.reshape
    return np.reshape(np.sum(g, axis=stretched), shape)


def _fitted(gradient: Any, parent: Any) -> Any:
    """The gradient in an argument's shape and dtype. Of a real argument dL = Re(g dz): it moves along the real line."""
    if gradient.shape != parent.shape:
        gradient = sum_to_shape(gradient, parent.shape)
    if gradient.dtype is parent.dtype:
        return gradient
    is_on_line = gradient.dtype.kind == "c" and parent.dtype.kind != "c"
    return (np.real(gradient) if is_on_line else gradient).astype(parent.dtype)


def uphill(g: Any) -> Any:
    """A gradient as it is handed out: the way in which L grows fastest, dL/dx + i dL/dy of a number x + iy.

    That is the conjugate of what the walk carries, and the other way round; of real numbers it is the same.
    """
    return np.conjugate(g) if g.dtype.kind == "c" else g


def _of_leaf(op: Any, leaf: Leaf, gradient: Any, g: Any, saved: tuple[Any, ...]) -> Any:
    """The gradient in memory that nobody else has, as a leaf's ``.grad`` is: a copy where a formula passed it on.

    Where few rows of it are not 0, the leaf notes them for the optimizers.
    """
    if gradient is g or gradient.base is not None:
        gradient = gradient.copy()
    else:
        for value in saved:  # not any(...): a generator would cost more than the comparison
            if gradient is value:
                gradient = gradient.copy()
                break
    if op.rows is not None and type(gradient) is np.ndarray:
        numbers = op.rows(*saved)
        leaf.rows = None if numbers is None else Rows(weakref.ref(gradient), numbers)
    return gradient


def _freed(node: Node) -> GraphError:
    return GraphError(
        f"the graph was freed: an earlier backward pass (maybe one that failed) went through this {node.op.name} and "
        "let go of what it had saved. Run the forward pass again, or keep the graph with backward(retain_graph=True)"
    )


def _check_unchanged(node: Node, edges: tuple[Any, ...], argument: int) -> None:
    """Raise when the data of this argument, a leaf that was written to since, is what a gradient needs."""
    if not edges[argument][0].was_written(node.order):
        return
    live = [number for number, edge in enumerate(edges) if edge is not None]
    if edges[argument][0].reshaped < node.order or node.op.keeps(argument, live):
        raise GraphError(
            f"data changed between forward and backward: {node.op.name} saved a tensor whose data was written "
            "afterwards (by an optimizer's step, load_state_dict or an assignment to .data; or in a compiled function "
            "the tensor was frozen and let go), so its gradient would be wrong. Call backward() before the change, or "
            "run the forward pass again"
        )


def _where(node: Node, argument: int, parent: Any, g: Any) -> str:
    return (
        f"in the gradient of {node.op.name} with respect to argument {argument} (of shape {parent.shape}, "
        f"gradient of the output of shape {np.shape(g)})"
    )
