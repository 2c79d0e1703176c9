"""Names of arrays and layers as the model has them: ``hidden.weight`` rather than ``model.hidden.weight``."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from minigrad.nn.module import Module


def named_by_models(seen: Iterable[Any], names: dict[int, str]) -> None:
    """Name the members of the models among some objects as the models name them, by id."""
    modules = [x for x in seen if isinstance(x, Module) and x.parameters()]
    inside = {id(child) for module in modules for child in module.modules()[1:]}
    models = [module for module in modules if id(module) not in inside]
    for module in models:
        prefix = f"{names[id(module)]}." if len(models) > 1 else ""
        names[id(module)] = prefix.rstrip(".")
        for name, child in module.named_modules()[1:]:
            names[id(child)] = prefix + name
        for name, tensor in [*module.named_parameters(), *module.named_buffers()]:
            names[id(tensor._array)] = names[id(tensor._node)] = prefix + name
