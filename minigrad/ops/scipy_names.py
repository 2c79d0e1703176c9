"""The functions of the table under the names of ``scipy.special``: ``scipy.special.erf(tensor)``.

They are registered by name: SciPy need not be there, and is not imported.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from minigrad.ops import activations, elementwise, rounding, special
from minigrad.table import numpy_functions

#: The name of SciPy's ufunc, and what tensors answer it with.
SCIPY: dict[str, Callable[..., Any]] = {
    "betaln": special.betaln, "cbrt": elementwise.cbrt, "entr": special.entr, "erf": special.erf, "erfc": special.erfc,
    "erfinv": special.erfinv, "exp2": elementwise.exp2, "expit": elementwise.sigmoid, "expm1": elementwise.expm1,
    "gammaln": special.gammaln, "i0": special.i0, "iv": special.iv, "log1p": elementwise.log1p,
    "log_expit": activations.logsigmoid, "logit": special.logit, "ndtr": special.ndtr, "psi": special.digamma,
    "round": rounding.rint, "xlog1py": special.xlog1py, "xlogy": special.xlogy,
}  # fmt: skip
numpy_functions.update({f"scipy.special.{name}": function for name, function in SCIPY.items()})
