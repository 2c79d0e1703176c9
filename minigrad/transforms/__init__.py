"""Functions of functions: gradients, products with Jacobians, second orders, batches, and ``checkpoint``."""

import importlib
from typing import TYPE_CHECKING, Any

from minigrad.transforms.checkpointing import checkpoint
from minigrad.transforms.functions import grad, hvp, jvp, linearize, value_and_grad, vjp

if TYPE_CHECKING:
    from minigrad.transforms.batches import vmap
    from minigrad.transforms.jacobians import hessian, jacfwd, jacobian, jacrev

__all__ = [
    "checkpoint", "grad", "hessian", "hvp", "jacfwd", "jacobian", "jacrev", "jvp", "linearize", "value_and_grad", "vjp",
    "vmap",
]

#: What stands on rules for all of NumPy, whose import takes time: the file of each is imported when it is asked for.
LATER = {
    "hessian": "jacobians", "jacfwd": "jacobians", "jacobian": "jacobians", "jacrev": "jacobians", "vmap": "batches",
}


def __getattr__(name: str) -> Any:
    if name not in LATER:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(f"{__name__}.{LATER[name]}"), name)
