"""``scipy.linalg`` for functions that are differentiated: SciPy's own on arrays, this package's on tensors."""

import scipy.linalg

from minigrad import linalg
from minigrad.compat.autograd.faces import namespace

__getattr__, __dir__ = namespace(scipy.linalg, globals(), linalg)
