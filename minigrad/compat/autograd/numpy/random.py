"""NumPy's random numbers, which have no gradient, for functions that are differentiated."""

import numpy as np

from minigrad.compat.autograd.faces import namespace

__getattr__, __dir__ = namespace(np.random, globals())
