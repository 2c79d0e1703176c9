"""What can be told of the nodes of a graph: their names, the values that the graph has kept, the user's lines."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np

from minigrad.core.graph import Leaf
from minigrad.core.stands import shown
from minigrad.core.watching import Place, WatchedNode


def edges_of(node: Any) -> list[Any]:
    """The edges of a node that carry a gradient: a leaf has none, nor has a node that was freed."""
    return [] if isinstance(node, Leaf) or node.edges is None else [edge for edge in node.edges if edge is not None]


def nodes_below(*roots: Any) -> list[Any]:
    """The roots and all their ancestors, oldest first: each comes after what it was computed from."""
    seen, todo = set(roots), [*roots]
    while todo:
        for parent, *_ in edges_of(todo.pop()):
            if parent not in seen:
                seen.add(parent)
                todo.append(parent)
    return sorted(seen, key=lambda node: -(node.made if isinstance(node, Leaf) else node.order))


def labels(nodes: Iterable[Any], names: Mapping[Any, str]) -> dict[Any, str]:
    """A name for each node: that in ``names``, else its op's, numbered where there are several."""
    ordered = list(nodes)
    bases = {node: names.get(node) or ("leaf" if isinstance(node, Leaf) else node.op.name) for node in ordered}
    total, count = Counter(bases.values()), Counter[str]()
    labelled = {}
    for node, base in bases.items():
        count[base] += 1
        labelled[node] = f"{base} {count[base]}" if total[base] > 1 else base
    return labelled


def kept_values(nodes: Iterable[Any]) -> dict[Any, np.ndarray]:
    """The values of nodes that the graph has kept for its formulas, which are those of this very step.

    A leaf that was written to since the forward pass is left out: its old value is gone.
    """
    values: dict[Any, np.ndarray] = {}
    for node in nodes:
        for argument, edge in enumerate(() if isinstance(node, Leaf) else node.edges or ()):
            if edge is None:
                continue
            roles = node.op.roles[0 if node.op.variadic else argument]
            for role, value in zip(roles, edge[2], strict=False):
                owner = _owner(node, role)
                if owner is not None and isinstance(value, (np.ndarray, np.generic)):
                    array = np.asarray(shown(value))
                    if array.shape == owner.shape and not (isinstance(owner, Leaf) and owner.was_written(node.order)):
                        values.setdefault(owner, array)
    return values


def _owner(node: Any, role: str) -> Any:
    """The node whose value an edge has saved under a name: this one (z), an argument's, or None."""
    if role == "z":
        return node
    if node.op.variadic or role not in node.op.arguments:
        return None
    edge = node.edges[node.op.arguments.index(role)]
    return None if edge is None else edge[0]


def line_of(node: Any) -> str:
    """The user's line that made a node, where it is known: the graph was made inside ``mg.detect_anomaly()``."""
    if not isinstance(node, WatchedNode) or not hasattr(node, "place"):
        return ""
    return line_at(node.place)


def line_at(place: Place) -> str:
    """A line of the user's code, with the name of its file."""
    return str(place).removeprefix(os.path.dirname(place.file) + os.sep)
