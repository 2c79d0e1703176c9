"""Student's t distribution with ``df`` degrees of freedom."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import scipy.special
import scipy.stats

from minigrad import special
from minigrad.compat.autograd.extend import defvjp, primitive
from minigrad.compat.autograd.faces import face


def _logpdf(x: Any, df: Any, loc: Any = 0.0, scale: Any = 1.0) -> Any:
    """log Γ((df + 1)/2) - log Γ(df/2) - log(π df)/2 - log(scale) - (df + 1)/2 log(1 + z²/df)."""
    z = (x - loc) / scale
    constant = special.gammaln((df + 1) / 2) - special.gammaln(df / 2) - 0.5 * np.log(math.pi * df)
    return constant - np.log(scale) - (df + 1) / 2 * np.log1p(z * z / df)


logpdf = face(scipy.stats.t.logpdf, _logpdf)
pdf = face(scipy.stats.t.pdf, lambda x, df, loc=0.0, scale=1.0: np.exp(_logpdf(x, df, loc, scale)))

_standard_cdf = primitive(scipy.special.stdtr)
defvjp(_standard_cdf, lambda ans, df, z: lambda g: g * np.exp(_logpdf(z, df)), argnums=(1,))

cdf = face(scipy.stats.t.cdf, lambda x, df, loc=0.0, scale=1.0: _standard_cdf(df, (x - loc) / scale))
logcdf = face(scipy.stats.t.logcdf, lambda x, df, loc=0.0, scale=1.0: np.log(_standard_cdf(df, (x - loc) / scale)))
