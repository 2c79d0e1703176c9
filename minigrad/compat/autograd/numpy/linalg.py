"""NumPy's linear algebra, for functions that are differentiated."""

import numpy as np

from minigrad.compat.autograd.faces import namespace

__getattr__, __dir__ = namespace(np.linalg, globals())
