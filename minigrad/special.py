"""``mg.special``: the functions of ``scipy.special`` that have gradients, under its names. Most need SciPy.

``scipy.special.f(tensor)`` is the same as ``mg.special.f(tensor)`` for each of its ufuncs. Those of its functions
that are written in Python (``softmax``, ``logsumexp``, ``polygamma``, ``multigammaln``) make arrays of their arguments:
for tensors, write these.
"""

from typing import TYPE_CHECKING

from minigrad.ops import bessel, scipy_names, special
from minigrad.ops.activations import log_expit, softplus
from minigrad.ops.bessel import *
from minigrad.ops.convenience import *
from minigrad.ops.elementwise import cbrt, exp2, expm1, log1p
from minigrad.ops.error_functions import *
from minigrad.ops.gamma_functions import *
from minigrad.ops.incomplete_functions import *
from minigrad.ops.integrals import *
from minigrad.ops.orthogonal import *
from minigrad.ops.rounding import rint as round
from minigrad.ops.scipy_reductions import log_softmax, logsumexp, softmax
from minigrad.ops.special import *
from minigrad.ops.student import *
from minigrad.ops.trigonometry import sinc
from minigrad.support.idioms import missing_from

__all__ = [
    "cbrt", "exp2", "expm1", "jn", "log1p", "log_expit", "log_softmax", "logsumexp", "psi", "round", "sinc", "softmax",
    "softplus",
]
for _file in (special, *scipy_names.FILES):
    __all__ += _file.__all__

psi, jn = special.digamma, bessel.jv

if not TYPE_CHECKING:
    __getattr__ = missing_from(__name__)
    __path__ = ()  # where an import looks for what is missing, so that it gives this answer too
