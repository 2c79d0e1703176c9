"""The beta distribution: SciPy's functions on arrays, this package's on tensors."""

import scipy.stats

from minigrad import stats
from minigrad.compat.autograd.faces import namespace

__getattr__, __dir__ = namespace(scipy.stats.beta, globals(), stats.beta)
