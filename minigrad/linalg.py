"""``mg.linalg``: NumPy's linear algebra, and functions of ``scipy.linalg`` under its names, differentiable.

Where both have a name (``cholesky``, ``qr``, ``svd``, ``pinv``, ``lstsq``, ``norm``), the arguments are NumPy's.
"""

from importlib import import_module as _import
from typing import TYPE_CHECKING

from minigrad.ops.decompositions import *
from minigrad.ops.determinants import *
from minigrad.ops.eigenvalues import *
from minigrad.ops.least_squares import *
from minigrad.ops.linalg import *
from minigrad.ops.matrices import *
from minigrad.ops.matrix_equations import *
from minigrad.ops.matrix_functions import *
from minigrad.ops.matrix_logarithms import *
from minigrad.ops.norms import *
from minigrad.ops.structured import *
from minigrad.ops.triangular import *
from minigrad.support.idioms import missing_from

__all__: list[str] = []
for _family in """
    decompositions determinants eigenvalues least_squares linalg matrices matrix_equations matrix_functions
    matrix_logarithms norms structured triangular
""".split():
    __all__ += _import(f"minigrad.ops.{_family}").__all__

if not TYPE_CHECKING:
    __getattr__ = missing_from(__name__)
    __path__ = ()  # where an import looks for what is missing, so that it gives this answer too
