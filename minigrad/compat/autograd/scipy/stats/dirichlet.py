"""The Dirichlet distribution of shares, with exponents ``alpha - 1``."""

from __future__ import annotations

from typing import Any

import numpy as np
import scipy.stats

from minigrad import special
from minigrad.compat.autograd.faces import face
from minigrad.compat.autograd.values import getval, notrace_primitive


def _logpdf(x: Any, alpha: Any) -> Any:
    """sum (alpha - 1) log x + log Γ(sum alpha) - sum log Γ(alpha), over the first axis of x."""
    scipy.stats.dirichlet.logpdf(getval(x), getval(alpha))  # raises for what are no shares
    if np.shape(x)[0] < np.shape(alpha)[0]:  # the last share may be left out
        x = np.concatenate([x, 1 - np.sum(x, axis=0, keepdims=True)])
    exponents = np.reshape(alpha, (-1,) + (1,) * (np.ndim(x) - 1)) - 1
    constant = special.gammaln(np.sum(alpha)) - np.sum(special.gammaln(alpha))
    return np.sum(special.xlogy(exponents, x), axis=0) + constant


logpdf = face(scipy.stats.dirichlet.logpdf, _logpdf)
pdf = face(scipy.stats.dirichlet.pdf, lambda x, alpha: np.exp(_logpdf(x, alpha)))
rvs = notrace_primitive(scipy.stats.dirichlet.rvs)
