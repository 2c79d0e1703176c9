"""Gradients as values: ``grad`` returns Tensors and leaves every ``.grad`` alone."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from minigrad.core.context import differentiating, is_recording, phase
from minigrad.core.graph import leading_to, uphill, walk
from minigrad.core.primitive import lift
from minigrad.core.tensor import Tensor, wrap
from minigrad.errors import DTypeError, GraphError
from minigrad.support.idioms import missing_from

__all__ = ["grad", "is_recording"]


def grad(
    outputs: Tensor | Sequence[Tensor],
    inputs: Tensor | Sequence[Tensor],
    grad_outputs: Any = None,
    retain_graph: bool | None = None,
    create_graph: bool = False,
    allow_unused: bool = False,
) -> list[Tensor | None]:
    """The gradients of ``outputs`` (summed over all of them) with respect to each of ``inputs``.

    ``grad_outputs`` holds dL/d(output) for each output that has more than one element, in its shape.
    With ``create_graph`` the gradients are themselves recorded, so that they can be differentiated
    again, to any order. The graph is kept if ``retain_graph``, by default if ``create_graph``. An
    input that no output depends on raises ``GraphError``, or gives None if ``allow_unused``.

    >>> x = mg.tensor(3.0, requires_grad=True)
    >>> [dx] = mg.autograd.grad(x**3, [x], create_graph=True)
    >>> [ddx] = mg.autograd.grad(dx, [x])
    >>> dx.item(), ddx.item()
    (27.0, 18.0)
    """
    roots, leaves = _tensors(outputs, "outputs"), _tensors(inputs, "inputs")
    if not isinstance(grad_outputs, (list, tuple)):
        grad_outputs = [grad_outputs] * len(roots)
    if len(grad_outputs) != len(roots):
        raise GraphError(f"one grad_outputs for each output: expected {len(roots)}, got {len(grad_outputs)}")
    for number, x in enumerate(leaves):
        if not x.requires_grad:
            raise GraphError(
                f"input {number} does not require a gradient: make it with requires_grad=True, or of a frozen weight "
                "write weight.requires_grad = True before the forward pass"
            )
    seeds: dict[Any, Any] = {}
    for output, g in zip(roots, grad_outputs, strict=True):
        if output._node is None:
            continue
        seed = output._seed(g)
        if create_graph:
            seed = uphill(g) if isinstance(g, Tensor) else wrap(seed)
        seeds[output._node] = seeds[output._node] + seed if output._node in seeds else seed
    wanted = {x._node for x in leaves}
    route, reached = leading_to(wanted, seeds)
    for number, x in enumerate(leaves):
        if x._node not in reached and not allow_unused:
            raise GraphError(
                f"no output depends on input {number} (of shape {x.shape}): pass allow_unused=True to get None for it"
            )
    retain = create_graph if retain_graph is None else retain_graph
    if create_graph:
        with phase("backward"), differentiating():  # also inside no_grad(): the graph was asked for by name
            by_node = walk(seeds, retain=retain, lift=lift, wanted=wanted, route=route)
            by_node = {node: uphill(g) for node, g in by_node.items()}
    else:
        with phase("backward"):
            by_node = walk(seeds, retain=retain, wanted=wanted, route=route)
            by_node = {node: uphill(g) for node, g in by_node.items()}
    gradients = [by_node.get(x._node) for x in leaves]
    return [g if g is None or isinstance(g, Tensor) else wrap(g) for g in gradients]


def _tensors(given: Any, what: str) -> list[Tensor]:
    """One Tensor or several as a list. Raises ``DTypeError`` for anything else."""
    tensors: list[Any] = list(given) if isinstance(given, (list, tuple)) else [given]
    for x in tensors:
        if not isinstance(x, Tensor):
            raise DTypeError(f"{what} of autograd.grad are Tensors or a list of them, got {type(x).__name__}")
    return tensors


if not TYPE_CHECKING:
    __getattr__ = missing_from(__name__)
    __path__ = ()  # where an import looks for what is missing, so that it gives this answer too
