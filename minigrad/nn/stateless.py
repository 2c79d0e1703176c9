"""A model called with other weights than its own, and the weights of several models as one batch.

Nothing is written: the call runs a twin of the model, which has the given tensors where the model has its own.
"""

from __future__ import annotations

import copy
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from minigrad.core.memory import share
from minigrad.core.tensor import Tensor, wrap
from minigrad.errors import StateError
from minigrad.nn.module import Module
from minigrad.nn.parameter import Buffer
from minigrad.support.idioms import closest

__all__ = ["functional_call", "stack_parameters"]


def functional_call(model: Module, weights: Mapping[str, Any], *inputs: Any, **options: Any) -> Any:
    """``model(*inputs, **options)`` with ``weights`` in place of the parameters and buffers of these names.

    The weights are Tensors or arrays in the shapes of the model's own; what is not named stays the model's. Gradients
    flow to the weights. The model is not changed, but for buffers that a layer in training writes to (its own, or
    those that are given), and whatever ``forward`` assigns to attributes is lost.

    >>> model = mg.nn.Linear(2, 1)
    >>> weights = {"weight": np.array([[1.0, 2.0]]), "bias": np.array([0.5])}
    >>> mg.functional_call(model, weights, np.array([10.0, 1.0]))
    tensor([12.5], dtype=float64)
    >>> mg.grad(lambda w: mg.functional_call(model, w, np.array([10.0, 1.0])).sum())(weights)
    {'weight': array([[10.,  1.]]), 'bias': array([1.])}

    Raises ``StateError`` for names that the model does not have and for other shapes.
    """
    own = model._made_state()
    problems: list[str] = []
    swapped: dict[int, Tensor] = {}
    values: dict[int, tuple[str, Any]] = {}
    for name, value in weights.items():
        tensor = own.get(name)
        if tensor is None:
            close = closest(str(name), own)
            problems.append(f"unexpected: {name}" + (f" (is it {close}?)" if close else ""))
            continue
        if np.shape(value) != tensor.shape:
            problems.append(f"{name}: expected shape {tensor.shape}, got {np.shape(value)}")
            continue
        other, known = values.setdefault(id(tensor), (name, value))
        if known is not value:
            problems.append(f"{other} and {name} are one {type(tensor).__name__} here, and two are given")
        swapped[id(tensor)] = _in_place_of(tensor, value)
    if problems:
        raise StateError(f"these weights do not fit {type(model).__name__}:\n  " + "\n  ".join(problems))
    return _twin(model, swapped, {})(*inputs, **options)


def stack_parameters(models: Sequence[Module]) -> dict[str, Tensor]:
    """The parameters and buffers of models of one kind by name, each stacked along a new first axis.

    They are new tensors, of the class and with the ``requires_grad`` of the first model's: an optimizer takes
    ``list(stacked.values())``, and ``vmap`` of ``functional_call`` runs all models at once.

    >>> models = [mg.nn.Linear(2, 1) for _ in range(3)]
    >>> stacked = mg.stack_parameters(models)
    >>> {name: value.shape for name, value in stacked.items()}
    {'weight': (3, 1, 2), 'bias': (3, 1)}
    >>> run = mg.vmap(lambda w, x: mg.functional_call(models[0], w, x), in_axes=(0, None))
    >>> run(stacked, mg.ones((5, 2))).shape
    (3, 5, 1)

    Buffers of integers, as the ``num_batches_tracked`` of BatchNorm, are among them and have no gradient: what
    ``mg.grad`` is taken of leaves them out, as in ``{k: v for k, v in stacked.items() if v.dtype.kind == "f"}``.

    Raises ``StateError`` for no models, and for models of which names, shapes or dtypes differ.
    """
    if not models:
        raise StateError("stack_parameters takes models of one kind, got none")
    states = [model._made_state() for model in models]
    first = states[0]
    for number, state in enumerate(states):
        if state.keys() != first.keys():
            names = ", ".join(sorted(state.keys() ^ first.keys()))
            raise StateError(f"stack_parameters takes models of one kind: models 0 and {number} differ in {names}")
        for name, value in state.items():
            one, two = ((x.shape, x.dtype) for x in (first[name], value))
            if one != two:
                raise StateError(
                    f"stack_parameters takes models of one kind: {name} has shape {one[0]} and dtype {one[1]} in model "
                    f"0, and {two[0]} and {two[1]} in model {number}"
                )
    return {
        name: type(value)(np.stack([state[name]._array for state in states]), requires_grad=value.requires_grad)
        for name, value in first.items()
    }


def _in_place_of(own: Tensor, value: Any) -> Tensor:
    """A given weight as what the model has there; a Tensor in place of a buffer itself, since it may be written to."""
    tensor = value if isinstance(value, Tensor) else wrap(share(np.asarray(value)))
    if isinstance(own, Buffer):
        return tensor
    twin: Tensor = object.__new__(own.__class__)
    twin._array, twin._node, twin._shared = tensor._array, tensor._node, None
    return twin


def _twin(value: Any, swapped: Mapping[int, Tensor], known: dict[int, Any]) -> Any:
    """A module, or a list, tuple or dict, with other tensors in it; itself where there are none to swap."""
    if id(value) in swapped:
        return swapped[id(value)]
    if not isinstance(value, (Module, list, tuple, dict)):
        return value
    if id(value) in known:
        return known[id(value)]
    if isinstance(value, Module):
        twin = known[id(value)] = copy.copy(value)
        for name, item in vars(value).items():
            vars(twin)[name] = _twin(item, swapped, known)
        return twin
    known[id(value)] = value  # a list in itself
    items = value.values() if isinstance(value, dict) else value
    others = [_twin(item, swapped, known) for item in items]
    if all(one is other for one, other in zip(items, others, strict=True)):
        return value
    if isinstance(value, tuple):
        known[id(value)] = type(value)(*others) if hasattr(value, "_fields") else tuple(others)
        return known[id(value)]
    copied = known[id(value)] = copy.copy(value)
    if isinstance(copied, dict):
        copied.update(zip(value, others, strict=True))
    else:
        copied[:] = others
    return copied
