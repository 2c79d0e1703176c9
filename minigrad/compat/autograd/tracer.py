"""autograd's names for a traced array and for the array behind it."""

from minigrad.compat.autograd.extend import primitive
from minigrad.compat.autograd.values import Box, getval, isbox, notrace_primitive

__all__ = ["Box", "getval", "isbox", "notrace_primitive", "primitive"]
