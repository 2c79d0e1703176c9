"""Gradients as values: ``grad`` returns Tensors and leaves every ``.grad`` alone."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from minigrad.errors import GraphError
from minigrad.graph import walk
from minigrad.primitive import lift
from minigrad.tensor import Tensor, wrap


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

    >>> import minigrad as mg
    >>> x = mg.tensor(3.0, requires_grad=True)
    >>> [dx] = mg.autograd.grad(x**3, [x], create_graph=True)
    >>> [ddx] = mg.autograd.grad(dx, [x])
    >>> dx.item(), ddx.item()
    (27.0, 18.0)
    """
    outputs = [outputs] if isinstance(outputs, Tensor) else list(outputs)
    inputs = [inputs] if isinstance(inputs, Tensor) else list(inputs)
    if grad_outputs is None or isinstance(grad_outputs, (Tensor, np.ndarray)):
        grad_outputs = [grad_outputs] * len(outputs)
    if len(grad_outputs) != len(outputs):
        raise GraphError(f"one grad_outputs for each output: expected {len(outputs)}, got {len(grad_outputs)}")
    for number, x in enumerate(inputs):
        if not x.requires_grad:
            raise GraphError(f"input {number} does not require a gradient: make it with requires_grad=True")
    seeds: dict[Any, Any] = {}
    for output, g in zip(outputs, grad_outputs, strict=True):
        if output._node is None:
            continue
        seed = output._seed(g)
        if create_graph:
            seed = g if isinstance(g, Tensor) else wrap(seed)
        seeds[output._node] = seeds[output._node] + seed if output._node in seeds else seed
    found = walk(
        seeds,
        retain=create_graph if retain_graph is None else retain_graph,
        lift=lift if create_graph else None,
        wanted={x._node for x in inputs},
    )
    gradients: list[Tensor | None] = []
    for number, x in enumerate(inputs):
        g = found.get(x._node)
        if g is None and not allow_unused:
            raise GraphError(
                f"no output depends on input {number} (of shape {x.shape}): pass allow_unused=True to get None for it"
            )
        gradients.append(g if g is None or isinstance(g, Tensor) else wrap(g))
    return gradients
