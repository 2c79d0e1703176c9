"""``mg.linalg``: NumPy's linear algebra, differentiable."""

from typing import TYPE_CHECKING

from minigrad.core.idioms import missing_from
from minigrad.ops import decompositions, determinants, eigenvalues, linalg, matrices, matrix_functions, norms
from minigrad.ops.decompositions import *
from minigrad.ops.determinants import *
from minigrad.ops.eigenvalues import *
from minigrad.ops.linalg import *
from minigrad.ops.matrices import *
from minigrad.ops.matrix_functions import *
from minigrad.ops.norms import *

__all__: list[str] = []
__all__ += decompositions.__all__
__all__ += eigenvalues.__all__
__all__ += linalg.__all__
__all__ += determinants.__all__
__all__ += matrices.__all__
__all__ += matrix_functions.__all__
__all__ += norms.__all__

if not TYPE_CHECKING:
    __getattr__ = missing_from(__name__)
