"""``mg.sparse``: matrices of ``scipy.sparse`` and tensors, with gradients; Jacobians as such matrices.

Once this module is imported, ``A @ t``, ``t @ A`` and ``A.dot(t)`` of SciPy's matrices and tensors give tensors.
``import minigrad`` imports it where ``scipy.sparse`` is loaded already.
"""

from typing import TYPE_CHECKING

from minigrad.numerics import sparse_matrices
from minigrad.numerics.sparse_matrices import *
from minigrad.support.idioms import missing_from
from minigrad.transforms import sparse_jacobians
from minigrad.transforms.sparse_jacobians import *

__all__: list[str] = []
__all__ += sparse_matrices.__all__ + sparse_jacobians.__all__

sparse_matrices.teach()

if not TYPE_CHECKING:
    __getattr__ = missing_from(__name__)
