"""``mg.linalg``: NumPy's linear algebra, differentiable."""

from minigrad.ops import decompositions, linalg
from minigrad.ops.decompositions import *
from minigrad.ops.linalg import *

__all__: list[str] = []
__all__ += linalg.__all__
__all__ += decompositions.__all__
