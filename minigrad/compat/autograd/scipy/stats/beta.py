"""The beta distribution with exponents ``a - 1`` and ``b - 1`` on (0, 1)."""

from __future__ import annotations

from typing import Any

import numpy as np
import scipy.stats

from minigrad import special
from minigrad.compat.autograd.faces import face


def _logpdf(x: Any, a: Any, b: Any, loc: Any = 0.0, scale: Any = 1.0) -> Any:
    """(a - 1) log z + (b - 1) log(1 - z) - log B(a, b) - log(scale) with z = (x - loc) / scale, -inf outside."""
    z = (x - loc) / scale
    inside = (z >= 0) & (z <= 1)
    z = np.where(inside, z, 0.5)
    value = special.xlogy(a - 1, z) + special.xlog1py(b - 1, -z) - special.betaln(a, b) - np.log(scale)
    return np.where(inside, value, -np.inf)


def _cdf(x: Any, a: Any, b: Any, loc: Any = 0.0, scale: Any = 1.0) -> Any:
    return special.betainc(a, b, np.clip((x - loc) / scale, 0.0, 1.0))


logpdf = face(scipy.stats.beta.logpdf, _logpdf)
pdf = face(scipy.stats.beta.pdf, lambda x, a, b, loc=0.0, scale=1.0: np.exp(_logpdf(x, a, b, loc, scale)))
cdf = face(scipy.stats.beta.cdf, _cdf)
