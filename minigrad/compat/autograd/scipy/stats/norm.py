"""The normal distribution of mean ``loc`` and standard deviation ``scale``."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import scipy.stats

from minigrad import special
from minigrad.compat.autograd.faces import face

_HALF_LOG_2PI = 0.5 * math.log(2 * math.pi)


def _logpdf(x: Any, loc: Any = 0.0, scale: Any = 1.0) -> Any:
    """-z²/2 - log(sqrt(2π) scale) with z = (x - loc) / scale."""
    z = (x - loc) / scale
    return -0.5 * z * z - (np.log(scale) + _HALF_LOG_2PI)


logpdf = face(scipy.stats.norm.logpdf, _logpdf)
pdf = face(scipy.stats.norm.pdf, lambda x, loc=0.0, scale=1.0: np.exp(_logpdf(x, loc, scale)))
cdf = face(scipy.stats.norm.cdf, lambda x, loc=0.0, scale=1.0: special.ndtr((x - loc) / scale))
sf = face(scipy.stats.norm.sf, lambda x, loc=0.0, scale=1.0: special.ndtr((loc - x) / scale))
logcdf = face(scipy.stats.norm.logcdf, lambda x, loc=0.0, scale=1.0: special.log_ndtr((x - loc) / scale))
logsf = face(scipy.stats.norm.logsf, lambda x, loc=0.0, scale=1.0: special.log_ndtr((loc - x) / scale))
