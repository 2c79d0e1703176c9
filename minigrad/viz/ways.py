"""The chain rule taken apart: which ways lead from a loss to a tensor, and what each of them contributes.

The gradient of w is a sum over all ways through the graph from the loss down to w, of the product of the derivatives
along it. Of one number of w, a way goes from element to element; of a whole tensor, from array to array. There may be
more ways than atoms, so they are looked for, the largest first: a *tangent* says how each value on the way moves with
w, and a gradient times a tangent is what all ways through one place contribute together.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from heapq import heappop, heappush
from typing import Any, NamedTuple

import numpy as np

from minigrad.core.context import differentiating
from minigrad.core.graph import Leaf, sum_to_shape, walk
from minigrad.core.primitive import lift_constants
from minigrad.core.reachability import Path, formula_below, join_paths, path_onward
from minigrad.core.tensor import Tensor, wrap
from minigrad.viz.nodes import edges_of

#: Places at which the search goes on, at most, and how many it remembers of one step.
PLACES, WIDTH = 3000, 1000


class Place(NamedTuple):
    """Where a way has come to: a node, which element of it (None: all), and dL/d(this) on this way alone."""

    node: Any
    element: tuple[int, ...] | None
    gradient: Any
    path: Path | None
    before: Place | None

    def trail(self) -> list[Place]:
        """The way from the loss down to here."""
        place: Place | None = self
        places = []
        while place is not None:
            places.append(place)
            place = place.before
        return places[::-1]


class Search:
    """The ways from a root to ``target`` within the nodes of ``route``.

    ``direction`` says what the ways are measured by: an array of the target's shape. Of one element it is 1 there, and
    ways are those of elements. ``complete`` says afterwards whether all of them were found, ``ends`` the names of ops
    at which ways end, because the derivative there is 0.
    """

    def __init__(
        self, root: Any, target: Any, route: set[Any], direction: Any, element: tuple[int, ...] | None
    ) -> None:
        self.root, self.target, self.element = root, target, element
        self.route = route - {target}
        self.tangents = _tangents(target, self.route, direction)
        # The same with random weights: where two ways cancel, the tangent is 0, and this one is not.
        draw = np.random.default_rng(0)
        self.reached = _tangents(target, self.route, direction, lambda t: np.abs(t) * draw.uniform(0.5, 1.5, t.shape))
        self.complete = True
        self.ends = {
            node.op.name
            for node in self.route
            if not np.any(self.reached[node])
            and any(np.any(self.reached[edge[0]]) for edge in edges_of(node) if edge[0] in self.reached)
        }

    def ways(self) -> Iterator[Place]:
        """Each way as its last place, at the target, roughly the largest first."""
        one: Any = self.root.dtype.type(1)
        start = None if self.element is None else (0,) * len(self.root.shape)
        first = Place(self.root, start, one if start is not None else np.full(self.root.shape, one)[()], None, None)
        if self.root is self.target:
            yield first
            return
        count = itertools.count()
        waiting = [(0.0, next(count), first)]
        expanded = 0
        while waiting:
            place: Place | None = heappop(waiting)[2]
            while place is not None:  # to the end, by the largest share each time; the others wait
                if expanded == PLACES:
                    self.complete = False
                    return
                expanded += 1
                further = self._further(place)
                yield from (end for _, end in further if end.node is self.target)
                further = [entry for entry in further if entry[1].node is not self.target]
                place = further[0][1] if further else None
                for amount, other in further[1:]:
                    heappush(waiting, (-amount, next(count), other))

    def _further(self, place: Place) -> list[tuple[float, Place]]:
        """The places one step below, the largest amount first."""
        places: list[tuple[float, Place]] = []
        gradients = self._gradients(place)
        for parent, (gradient, path) in gradients.items():
            if self.element is None:
                if np.any(gradient):
                    places.append((self._amount(parent, gradient), Place(parent, None, gradient, path, place)))
                continue
            places += self._elements(parent, np.asarray(gradient), place)
        # Where nothing further down is reached, the derivative that is 0 stands there and not here.
        if not places and any(parent is self.target or np.any(self.reached[parent]) for parent in gradients):
            self.ends.add(place.node.op.name)
        return sorted(places, key=lambda entry: -entry[0])

    def _elements(self, parent: Any, gradient: np.ndarray, before: Place) -> list[tuple[float, Place]]:
        if parent is self.target:
            value = gradient[self.element]
            return [(np.inf, Place(parent, self.element, value, None, before))] if value else []
        places = np.flatnonzero((gradient != 0) & (self.reached[parent] != 0))
        flat = gradient.reshape(-1)[places]
        amounts = np.abs(np.real(flat * np.asarray(self.tangents[parent]).reshape(-1)[places]))
        amounts = np.nan_to_num(amounts)
        if len(places) > WIDTH:
            self.complete = False
            largest = np.argpartition(-amounts, WIDTH)[:WIDTH]
            places, flat, amounts = places[largest], flat[largest], amounts[largest]
        return [
            (float(amount), Place(parent, _index(number, parent.shape), value, None, before))
            for amount, number, value in zip(amounts, places.tolist(), flat, strict=True)
        ]

    def _gradients(self, place: Place) -> dict[Any, tuple[Any, Path | None]]:
        """dL/d(each parent) on this way, and what is reached of it."""
        node, g, path = place.node, place.gradient, place.path
        if place.element is not None:
            mask = np.zeros(node.shape, bool)
            mask[place.element] = True
            g, path = (
                np.where(mask, g, node.dtype.type(0))[()],
                Path(None, _by_mask, (mask,), node.shape, np.dtype(bool)),
            )
        gradients: dict[Any, Any] = {}
        paths: dict[Any, Path] = {}
        with np.errstate(all="ignore"):
            for parent, formula, saved in edges_of(node):
                if parent is not self.target and parent not in self.route:
                    continue
                gradient = _through(node, (parent, formula, saved), g, path, saved)
                onward = path_onward(node, path, formula, saved)
                if parent not in gradients:
                    gradients[parent] = gradient
                    if onward is not None:
                        paths[parent] = onward
                    continue
                gradients[parent] = gradients[parent] + gradient
                if parent in paths:
                    join_paths(paths, parent, onward)
        return {parent: (gradient, paths.get(parent)) for parent, gradient in gradients.items()}

    def _amount(self, node: Any, gradient: Any) -> float:
        """How much of the whole goes through a place: its gradient times its tangent, where there is a gradient."""
        if node is self.target:
            return float("inf")
        product = np.where(gradient == 0, 0, gradient * self.tangents[node])
        return float(np.nan_to_num(abs(np.real(product).sum())))


def _index(number: int, shape: tuple[int, ...]) -> tuple[int, ...]:
    """The index of an element by its number."""
    return tuple(int(i) for i in np.unravel_index(number, shape)) if shape else ()


def _by_mask(g: Any, mask: np.ndarray) -> np.ndarray:
    """The formula of a choice that a mask tells."""
    chosen: np.ndarray = np.logical_and(g, mask)
    return chosen


def _through(node: Any, edge: Any, g: Any, path: Path | None, saved: tuple[Any, ...]) -> Any:
    """dL/d(parent) by one edge, as the walk has it."""
    parent, formula, _ = edge
    gradient = formula(g, *saved) if path is None else formula_below(path, node.op.flow, formula, g, saved)
    if gradient.shape != parent.shape:
        gradient = sum_to_shape(gradient, parent.shape)
    if gradient.dtype != parent.dtype:
        gradient = (np.real(gradient) if parent.dtype.kind != "c" else gradient).astype(parent.dtype)
    return gradient


def _tangents(
    target: Any, route: set[Any], direction: Any, weighted: Callable[[np.ndarray], np.ndarray] = np.asarray
) -> dict[Any, Any]:
    """How each value of the route moves where the target moves in a direction, which each step weights.

    A formula is linear in g. So the derivative of <formula(g), tangent of the parent> with respect to g is what
    the parent contributes to the node's tangent, and no formula of a forward mode is needed.
    """
    tangents = {target: direction}
    for node in sorted(route, key=lambda node: -node.order):  # what was made first comes first
        total: Any = np.zeros(node.shape, node.dtype)
        for argument, edge in enumerate(node.edges):
            if edge is None or edge[0] not in tangents:
                continue
            leaf = Leaf(node.shape, node.dtype)
            g = wrap(np.ones(node.shape, node.dtype) if node.shape else node.dtype.type(1), leaf)
            with np.errstate(all="ignore"), differentiating():
                pulled = _through(node, edge, g, None, lift_constants(node, node.edges, argument))
                if isinstance(pulled, Tensor) and pulled._node is not None:
                    tangent = weighted(np.asarray(tangents[edge[0]]))
                    seeds = {pulled._node: tangent.astype(edge[0].dtype)[()]}
                    total = total + walk(seeds, retain=False).get(leaf, 0)
        tangents[node] = total
    return tangents
