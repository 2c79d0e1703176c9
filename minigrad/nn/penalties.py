"""L1 and L2 penalties of single layers, as the course "Neural Networks from Scratch" writes them.

They are terms of the loss: their gradient goes through the optimizer like any other (Adam divides it by its running
mean). Decoupled weight decay, which shrinks weights past the optimizer's arithmetic, is an option of the optimizers.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np

from minigrad.core.checks import not_negative
from minigrad.nn.lazy import require_made

#: The attributes of a layer that say how much its parameters cost, by the parameter's name.
PENALTIES = {
    "weight": ("weight_regularizer_l1", "weight_regularizer_l2"),
    "bias": ("bias_regularizer_l1", "bias_regularizer_l2"),
}


def penalty_of(layer: str, name: str, value: Any) -> float:
    """The factor of a penalty as a float. Raises ``HyperparameterError`` unless it is finite and at least 0."""
    return not_negative(layer, name, value, "5e-4")


def penalties_shown(layer: Any) -> str:
    """The penalties of a layer that are not 0, for its ``repr``."""
    named = [(name, vars(layer).get(name)) for pair in PENALTIES.values() for name in pair]
    return "".join(f", {name}={value}" for name, value in named if value)


def regularization_loss(named_modules: Iterable[tuple[str, Any]]) -> Any:
    """sum l1 |w| + l2 w² over all layers' parameters that have a penalty: a scalar, or None where none has one."""
    total: Any = None
    for path, module in named_modules:
        attributes = vars(module)
        for parameter, (l1, l2) in PENALTIES.items():
            one, two, value = attributes.get(l1), attributes.get(l2), attributes.get(parameter)
            if value is None or not (one or two):
                continue
            require_made(f"{path}.{parameter}".lstrip("."), value)
            for factor, size in ((one, np.abs), (two, np.square)):
                if factor:
                    term = factor * np.sum(size(value))
                    total = term if total is None else total + term
    return total
