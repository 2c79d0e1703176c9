"""Functions of functions: gradients, products with Jacobians, second orders, batches, and ``checkpoint``."""

import importlib
from typing import TYPE_CHECKING, Any

from minigrad.transforms.checkpointing import checkpoint
from minigrad.transforms.functions import grad, hvp, jvp, linearize, value_and_grad, vjp

if TYPE_CHECKING:
    from minigrad.transforms import implicit
    from minigrad.transforms.batches import vmap
    from minigrad.transforms.branching import cond, while_loop
    from minigrad.transforms.custom_rules import custom_jvp, custom_vjp, stop_gradient, straight_through
    from minigrad.transforms.holomorphic import holomorphic_grad
    from minigrad.transforms.jacobians import hessian, jacfwd, jacobian, jacrev
    from minigrad.transforms.ode import odeint
    from minigrad.transforms.scanning import scan

__all__ = [
    "checkpoint", "cond", "custom_jvp", "custom_vjp", "grad", "hessian", "holomorphic_grad", "hvp", "implicit",
    "jacfwd", "jacobian", "jacrev", "jvp", "linearize", "odeint", "scan", "stop_gradient", "straight_through",
    "value_and_grad", "vjp", "vmap", "while_loop",
]

#: The file of what few programs use, or what stands on rules for all of NumPy: it is imported when it is asked for.
LATER = {
    "cond": "branching", "custom_jvp": "custom_rules", "custom_vjp": "custom_rules", "hessian": "jacobians",
    "holomorphic_grad": "holomorphic", "implicit": "implicit", "jacfwd": "jacobians", "jacobian": "jacobians",
    "jacrev": "jacobians", "odeint": "ode", "scan": "scanning", "stop_gradient": "custom_rules",
    "straight_through": "custom_rules", "vmap": "batches", "while_loop": "branching",
}


def __getattr__(name: str) -> Any:
    if name not in LATER:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    module = importlib.import_module(f"{__name__}.{LATER[name]}")
    return module if name == LATER[name] else getattr(module, name)
