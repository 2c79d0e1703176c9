"""The Poisson distribution of mean ``mu``: gradients go to ``mu``."""

from __future__ import annotations

from typing import Any

import numpy as np
import scipy.stats

from minigrad import special
from minigrad.compat.autograd.faces import face
from minigrad.compat.autograd.values import getval


def _logpmf(k: Any, mu: Any, loc: Any = 0) -> Any:
    """k log mu - mu - log k!, and -inf where k is no count."""
    k = np.asarray(getval(k)) - loc
    counts = (k >= 0) & (k == np.floor(k))
    k = np.where(counts, k, 0)
    return np.where(counts, special.xlogy(k, mu) - mu - special.gammaln(k + 1.0), -np.inf)


def _cdf(k: Any, mu: Any, loc: Any = 0) -> Any:
    k = np.floor(np.asarray(getval(k)) - loc)
    return np.where(k >= 0, special.gammaincc(np.maximum(k, 0) + 1.0, mu), 0.0)


logpmf = face(scipy.stats.poisson.logpmf, _logpmf)
pmf = face(scipy.stats.poisson.pmf, lambda k, mu, loc=0: np.exp(_logpmf(k, mu, loc)))
cdf = face(scipy.stats.poisson.cdf, _cdf)
