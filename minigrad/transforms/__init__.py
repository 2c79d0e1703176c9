"""Functions of functions: gradients, products with Jacobians, second orders, and ``checkpoint``."""

from minigrad.transforms.checkpointing import checkpoint
from minigrad.transforms.functions import grad, hessian, hvp, jacobian, jvp, value_and_grad, vjp

__all__ = ["checkpoint", "grad", "hessian", "hvp", "jacobian", "jvp", "value_and_grad", "vjp"]
