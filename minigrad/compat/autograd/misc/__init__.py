"""What autograd has besides: structures as vectors, simple optimizers, fixed points."""

from minigrad.compat.autograd.misc.flatten import flatten

__all__ = ["flatten"]
