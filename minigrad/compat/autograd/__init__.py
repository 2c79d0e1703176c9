"""The names of HIPS autograd over this package's derivatives: its users change one import line.

Arrays and numbers go in, arrays and NumPy's scalars come out. Inside a function that is differentiated, Tensors stand
in their places.

>>> import minigrad.compat.autograd.numpy as np
>>> from minigrad.compat.autograd import grad
>>> grad(lambda x: np.sum(np.sin(x) ** 2))(np.array([0.0, 1.0]))
array([0.        , 0.90929743])
"""

from minigrad.compat.autograd import core, differential_operators, numpy, scipy, tracer
from minigrad.compat.autograd.builtins import dict, isinstance, list, tuple, type
from minigrad.compat.autograd.differential_operators import *
from minigrad.compat.autograd.extend import defjvp, defvjp, primitive

__all__ = ["core", "defjvp", "defvjp", "dict", "isinstance", "list", "numpy", "primitive", "scipy", "tracer", "tuple"]
__all__ += ["type"]
__all__ += differential_operators.__all__
