"""The chi-squared distribution with ``df`` degrees of freedom: a gamma distribution of shape df/2 and scale 2."""

from __future__ import annotations

import numpy as np
import scipy.stats

from minigrad.compat.autograd.faces import face
from minigrad.compat.autograd.scipy.stats.gamma import log_density, probability

logpdf = face(scipy.stats.chi2.logpdf, lambda x, df, loc=0.0, scale=1.0: log_density(x, df / 2, loc, 2 * scale))
pdf = face(scipy.stats.chi2.pdf, lambda x, df, loc=0.0, scale=1.0: np.exp(log_density(x, df / 2, loc, 2 * scale)))
cdf = face(scipy.stats.chi2.cdf, lambda x, df, loc=0.0, scale=1.0: probability(x, df / 2, loc, 2 * scale))
