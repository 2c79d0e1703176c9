"""Layers in attributes of a class, which belong to no model."""

from __future__ import annotations

from typing import Any

from minigrad.core.tensor import Tensor
from minigrad.nn.lazy import Unmade
from minigrad.nn.parameter import Parameter


def refuse_shared(cls: type, module_type: type) -> None:
    """Raise ``TypeError`` for a class of modules that has parameters, or layers with a state or a mode, itself.

    All its models would share them, and the walk over a model's attributes would find none.
    """
    for name, value in vars(cls).items():
        if isinstance(value, Parameter) or (isinstance(value, module_type) and _belongs_to_one(value)):
            raise TypeError(
                f"{cls.__name__}.{name} is an attribute of the class: all its models would share it, and none would "
                f"learn or save it; write self.{name} = {type(value).__name__}(...) in __init__"
            )


def _belongs_to_one(module: Any) -> bool:
    """Whether a module has what is its model's own: tensors, or a mode that ``eval()`` of the model is to switch."""
    return any(
        "training" in inner.forward.__code__.co_names
        or any(isinstance(value, (Tensor, Unmade)) for value in vars(inner).values())
        for inner in module.modules()
    )
