"""Which module an operation of a graph belongs to, as far as the names of parameters tell."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from minigrad.core.graph import Leaf
from minigrad.viz.nodes import edges_of

Group = tuple[str, ...]


def module_groups(nodes: Sequence[Any], names: Mapping[Any, str]) -> dict[Any, Group]:
    """{node: the names that lead to its module}, for nodes that come before what was made from them.

    An operation on a parameter belongs to the parameter's module. Any other lies between two of those: it belongs to
    the innermost module that both are part of, so ``relu`` between ``block.first`` and ``block.second`` to ``block``.
    """
    groups: dict[Any, Group] = {}
    for node, name in names.items():
        groups[node] = tuple(name.split(".")[:-1])
    before: dict[Any, tuple[int, Group]] = {}  # the last operation of a known module above: its place and its module
    place = {node: number for number, node in enumerate(nodes)}
    for node in nodes:
        parents = [edge[0] for edge in edges_of(node)]
        own = [groups[parent] for parent in parents if parent in names]
        if own and not isinstance(node, Leaf):
            groups[node] = _common(own)
            before[node] = place[node], groups[node]
        elif known := [before[parent] for parent in parents if parent in before]:
            before[node] = max(known)
    after: dict[Any, tuple[int, Group]] = {}
    for node in reversed(nodes):
        for parent, *_ in edges_of(node):
            known_below = (place[node], groups[node]) if node in groups else after.get(node)
            if known_below is not None and known_below < after.get(parent, (len(nodes), ())):
                after[parent] = known_below
    for node in nodes:
        if node not in groups:
            around = [places[node][1] for places in (before, after) if node in places]
            groups[node] = _common(around) if len(around) == 2 else ()
    return groups


def _common(groups: Sequence[Group]) -> Group:
    """The names with which all of them begin."""
    first, last = min(groups), max(groups)
    same = next((i for i, (a, b) in enumerate(zip(first, last, strict=False)) if a != b), min(len(first), len(last)))
    return first[:same]
