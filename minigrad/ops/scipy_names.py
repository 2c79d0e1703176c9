"""The functions of the table under the names of ``scipy.special``: ``scipy.special.erf(tensor)``.

Imported when the first of SciPy's functions gets a tensor (``minigrad.core.table.later``), with the files of
formulas that nothing else needs.
"""

from __future__ import annotations

from collections.abc import Callable
from types import ModuleType
from typing import Any

from minigrad.core.table import builtin, numpy_functions, ops
from minigrad.ops import (
    activations,
    bessel,
    convenience,
    densities,
    elementwise,
    error_functions,
    gamma_functions,
    incomplete_functions,
    integrals,
    log_shares,
    orthogonal,
    rounding,
    special,
    student,
)
from minigrad.ops.examples import add_examples

FILES: tuple[ModuleType, ...] = (
    bessel, convenience, densities, error_functions, gamma_functions, incomplete_functions, integrals, log_shares,
    orthogonal, student,
)

#: Made of ufuncs: SciPy has no ufunc of the name.
_UNNAMED = ("lambertw", "multigammaln", "zeta")

#: The name of SciPy's ufunc, and what tensors answer it with.
SCIPY: dict[str, Callable[..., Any]] = {
    "betaln": special.betaln, "cbrt": elementwise.cbrt, "entr": special.entr, "erf": special.erf, "erfc": special.erfc,
    "erfinv": special.erfinv, "exp2": elementwise.exp2, "expit": elementwise.sigmoid, "expm1": elementwise.expm1,
    "gammaln": special.gammaln, "i0": special.i0, "iv": special.iv, "log1p": elementwise.log1p,
    "log_expit": activations.logsigmoid, "logit": special.logit, "ndtr": special.ndtr, "psi": special.digamma,
    "round": rounding.rint, "xlog1py": special.xlog1py, "xlogy": special.xlogy,
    "_lambertw": convenience.lambertw, "_zeta": gamma_functions.zeta,
    **{name: getattr(file, name) for file in FILES for name in file.__all__ if name not in _UNNAMED},
}

numpy_functions.update({f"scipy.special.{name}": function for name, function in SCIPY.items()})

builtin.update(f"scipy.special.{name}" for name in SCIPY)
_listed = [getattr(file, name) for file in FILES for name in file.__all__]
_rows = [row for name, row in ops.items() if any(vars(file).get(name) is row for file in FILES)]  # parts of them too
for _function in [*_listed, *_rows]:
    builtin.update((_function.__name__, getattr(_function, "__wrapped__", _function)))
add_examples(_function.__name__ for _function in [*_listed, *_rows])
