"""The Poisson distribution: SciPy's functions on arrays, this package's on tensors."""

from __future__ import annotations

from typing import Any

import scipy.stats

from minigrad import stats
from minigrad.compat.autograd.faces import attribute


def __getattr__(name: str) -> Any:
    """Each function, made when it is first asked for."""
    return attribute(name, scipy.stats.poisson, globals(), getattr(stats.poisson, name, None))
