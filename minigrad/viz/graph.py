"""``graph(loss)``: what a value was computed from, as a picture."""

from __future__ import annotations

from typing import Any

import numpy as np

from minigrad.core.graph import Leaf
from minigrad.core.tensor import Tensor
from minigrad.errors import DTypeError, GraphError
from minigrad.viz.dot import Picture, Sketch, amount


def graph(loss: Tensor, model: Any = None) -> Picture:
    """The graph that led to ``loss``: operations as boxes, tensors that require a gradient as ellipses.

    A box shows the shape and dtype of its output and the bytes that the graph keeps for its gradients. With ``model``,
    or anything else that has ``named_parameters()``, parameters have their names. The picture has ``.dot``, ``.svg``
    and ``.html``, and a notebook shows it.

    >>> import minigrad as mg
    >>> x = mg.tensor([1.0, 2.0], requires_grad=True)
    >>> picture = mg.viz.graph((x * x).sum())
    >>> [name in picture.dot for name in ("multiply", "sum")]
    [True, True]

    Raises ``GraphError`` for a tensor that no gradient flows to, and for a graph that ``backward()`` has freed;
    ``.svg`` and ``.html`` raise ``ImportError`` where Graphviz is missing.
    """
    if not isinstance(loss, Tensor):
        raise DTypeError(f"graph(loss): expected a Tensor, got {type(loss).__name__}")
    if loss._node is None:
        raise GraphError(
            "graph(loss): this tensor has no graph: nothing that it was computed from requires a gradient, or it was "
            "computed under no_grad"
        )
    names = {id(p._node): name for name, p in model.named_parameters()} if model is not None else {}
    sketch = Sketch("the graph of a tensor")
    boxes: dict[Any, str] = {}
    todo = [loss._node]
    while todo:
        node = todo.pop()
        if node not in boxes:
            boxes[node] = _box(sketch, node, names)
            todo += reversed([edge[0] for edge in _edges(node)])
    for node, box in boxes.items():
        for parent, *_ in _edges(node):
            sketch.arrow(boxes[parent], box)
    return sketch.picture()


def _edges(node: Any) -> list[Any]:
    return [] if isinstance(node, Leaf) else [edge for edge in node.edges if edge is not None]


def _box(sketch: Sketch, node: Any, names: dict[int, str]) -> str:
    look = f"{node.shape} {node.dtype}"
    if isinstance(node, Leaf):
        return sketch.box([names.get(id(node), "leaf"), look], outside=True)
    if node.edges is None:
        raise GraphError(
            "graph(loss): backward() has freed the graph: draw it before, or call backward(retain_graph=True)"
        )
    saved = [x for edge in _edges(node) for x in edge[2] if isinstance(x, np.ndarray)]
    kept = sum({id(x): x.nbytes for x in saved}.values())
    return sketch.box([node.op.name, look, f"keeps {amount(kept)}" if kept else ""])
