"""``scipy.special`` for functions that are differentiated: SciPy's own on arrays, this package's on tensors."""

import scipy.special

from minigrad import special
from minigrad.compat.autograd.faces import namespace

__getattr__, __dir__ = namespace(scipy.special, globals(), special)
