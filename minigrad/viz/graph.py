"""``graph(loss)``: what a value was computed from, as a picture."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from minigrad.core.graph import Leaf, walk
from minigrad.core.stands import shown
from minigrad.core.tensor import Tensor
from minigrad.errors import DTypeError, GraphError, MinigradError
from minigrad.support.idioms import told
from minigrad.viz.dot import Picture, Sketch, amount
from minigrad.viz.formula_text import formula_texts
from minigrad.viz.modules import module_groups
from minigrad.viz.nodes import edges_of, kept_values, line_of, nodes_below
from minigrad.viz.summaries import SIDE, summary

#: The heat maps of a page together, about.
_BYTES = 1_500_000


@told
def graph(loss: Tensor, model: Any = None) -> Picture:
    """The graph that led to ``loss``: operations as boxes, tensors that require a gradient as ellipses.

    A box shows the shape and dtype of its output and the bytes that the graph keeps for its gradients. With ``model``,
    or anything else that has ``named_parameters()``, parameters have their names, and operations are in modules that
    fold. A notebook shows the picture, and ``picture.save("graph.html")`` writes it as one page without network: a
    click on a node shows its formulas, its value as far as the graph has kept it, its gradient, and the line of your
    code where the graph was made inside ``mg.detect_anomaly()``.

    >>> x = mg.tensor([1.0, 2.0], requires_grad=True)
    >>> picture = mg.viz.graph((x * x).sum())
    >>> [name in picture.dot for name in ("multiply", "sum")]
    [True, True]

    Raises ``GraphError`` for a tensor that no gradient flows to, and for a graph that ``backward()`` has freed;
    ``.svg`` raises ``ImportError`` where Graphviz is missing.
    """
    if not isinstance(loss, Tensor):
        raise DTypeError(
            f"graph(loss, model): expected a Tensor as loss, got {type(loss).__name__}; of a model draw what it gives, "
            "graph(model(x), model), and of a compiled function its program, step.graph()"
        )
    if loss._node is None:
        raise GraphError(
            "graph(loss): this tensor has no graph: it was computed under no_grad, or nothing that it was computed "
            "from requires a gradient; of a frozen model write model.requires_grad_(True), and compute it again"
        )
    names = {p._node: name for name, p in model.named_parameters()} if model is not None else {}
    nodes = nodes_below(loss._node)
    for node in nodes:
        if not isinstance(node, Leaf) and node.edges is None:
            raise GraphError(
                "graph(loss): backward() has freed the graph: draw it before, or call backward(retain_graph=True)"
            )
    sketch = Sketch("the graph of a tensor")
    boxes = {}
    values = {loss._node: np.asarray(shown(loss._array)), **_parameters(model, nodes), **kept_values(nodes)}
    for node, more in zip(nodes, _details(loss, nodes, names, values), strict=True):
        boxes[node] = _box(sketch, node, names, more)
        for parent, *_ in edges_of(node):
            sketch.arrow(boxes[parent], boxes[node])
    return sketch.picture()


def _box(sketch: Sketch, node: Any, names: dict[Any, str], more: dict[str, Any]) -> str:
    look = f"{node.shape} {node.dtype}"
    if isinstance(node, Leaf):
        return sketch.box([names.get(node, "leaf"), look], outside=True, more=more)
    saved = [x for edge in edges_of(node) for x in edge[2] if isinstance(x, np.ndarray)]
    size = sum({id(x): x.nbytes for x in saved}.values())
    return sketch.box([node.op.name, look, f"keeps {amount(size)}" if size else ""], more=more)


def _parameters(model: Any, nodes: Sequence[Any]) -> dict[Any, np.ndarray]:
    """The values of a model's parameters, of those that were not written to since the graph was made."""
    started = max((node.order for node in nodes if not isinstance(node, Leaf)), default=0)
    named = model.named_parameters() if model is not None else ()
    return {
        p._node: np.asarray(shown(p._array))
        for _, p in named
        if isinstance(p._node, Leaf) and not p._node.was_written(started)
    }


def _details(
    loss: Tensor, nodes: Sequence[Any], names: dict[Any, str], values: dict[Any, np.ndarray]
) -> Iterator[dict[str, Any]]:
    """What the page shows of each node: its module, formulas, line, and its value and gradient in small."""
    groups = module_groups(nodes, names)
    gradients, why = _gradients(loss, nodes)
    side = int(np.clip(np.sqrt(_BYTES / (3 * len(nodes))), 4, SIDE))  # the page stays small where nodes are many
    for node in nodes:
        more: dict[str, Any] = {"g": list(groups[node]), "l": line_of(node)}
        if isinstance(node, Leaf):
            more["k"] = "leaf"
            more["n"] = names.get(node, "leaf").rpartition(".")[2]
        else:
            more["f"] = formula_texts(node.op)
        if node in values:
            more["v"] = summary(values[node], side)
        else:
            more["w"] = "not kept: no formula asks for it"
        if node in gradients:
            more["d"] = summary(np.asarray(gradients[node]), side)
        else:
            more["x"] = why
        yield more


def _gradients(loss: Tensor, nodes: Sequence[Any]) -> tuple[dict[Any, Any], str]:
    """dL/d(each node), or none and why."""
    if loss.size != 1 or loss.dtype.kind == "c":
        return {}, "of a loss of one real number"
    try:
        with np.errstate(all="ignore"):
            return walk({loss._node: loss._seed(None)}, retain=True, wanted=set(nodes), route=set(nodes)), "none"
    except (MinigradError, ArithmeticError, ValueError) as error:
        return {}, str(error)
