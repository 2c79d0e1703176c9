"""The gamma distribution of shape ``a``."""

from __future__ import annotations

from typing import Any

import numpy as np
import scipy.stats

from minigrad import special
from minigrad.compat.autograd.faces import face


def log_density(x: Any, a: Any, loc: Any = 0.0, scale: Any = 1.0) -> Any:
    """(a - 1) log z - z - log Γ(a) - log(scale) with z = (x - loc) / scale, -inf below 0."""
    z = (x - loc) / scale
    inside = z >= 0
    z = np.where(inside, z, 1.0)
    return np.where(inside, special.xlogy(a - 1, z) - z - special.gammaln(a) - np.log(scale), -np.inf)


def probability(x: Any, a: Any, loc: Any = 0.0, scale: Any = 1.0) -> Any:
    """The probability of numbers up to x."""
    return special.gammainc(a, np.maximum((x - loc) / scale, 0.0))


logpdf = face(scipy.stats.gamma.logpdf, log_density)
pdf = face(scipy.stats.gamma.pdf, lambda x, a, loc=0.0, scale=1.0: np.exp(log_density(x, a, loc, scale)))
cdf = face(scipy.stats.gamma.cdf, probability)
