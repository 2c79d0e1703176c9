"""autograd's names for what stands in an array's place, and for what is behind it."""

from minigrad.compat.autograd.extend import primitive
from minigrad.compat.autograd.values import Box, getval, isbox, notrace_primitive

__all__ = ["Box", "getval", "isbox", "notrace_primitive", "primitive"]
