"""NumPy's Fourier transforms, for functions that are differentiated."""

import numpy as np

from minigrad.compat.autograd.faces import namespace

__getattr__, __dir__ = namespace(np.fft, globals())
