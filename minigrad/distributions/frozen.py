"""A distribution of a family with its parameters fixed: ``mg.stats.norm(loc, scale).logpdf(x)``."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from minigrad.errors import UnsupportedError
from minigrad.typing import ArrayLike, Shape


@dataclass(frozen=True)
class Frozen:
    """A family and its parameters; the methods are the family's, without these."""

    family: Any
    args: tuple[Any, ...]
    parameters: Mapping[str, Any]

    def _of(self, method: str, x: Any) -> Any:
        if not hasattr(self.family, method):
            raise UnsupportedError(f"{type(self.family).__name__} has no {method}: it has logpdf, pdf and rvs")
        return getattr(self.family, method)(x, *self.args, **self.parameters)

    def logpdf(self, x: ArrayLike) -> Any:
        """The logarithm of the density at x."""
        return self._of("logpdf", x)

    def pdf(self, x: ArrayLike) -> Any:
        """The density at x."""
        return self._of("pdf", x)

    def logpmf(self, k: ArrayLike) -> Any:
        """The logarithm of the probability of k."""
        return self._of("logpmf", k)

    def pmf(self, k: ArrayLike) -> Any:
        """The probability of k."""
        return self._of("pmf", k)

    def cdf(self, x: ArrayLike) -> Any:
        """The share up to x."""
        return self._of("cdf", x)

    def logcdf(self, x: ArrayLike) -> Any:
        """The logarithm of the share up to x."""
        return self._of("logcdf", x)

    def sf(self, x: ArrayLike) -> Any:
        """The share above x."""
        return self._of("sf", x)

    def logsf(self, x: ArrayLike) -> Any:
        """The logarithm of the share above x."""
        return self._of("logsf", x)

    def ppf(self, q: ArrayLike) -> Any:
        """The x up to which a share q is."""
        return self._of("ppf", q)

    def isf(self, q: ArrayLike) -> Any:
        """The x above which a share q is."""
        return self._of("isf", q)

    def rvs(self, size: Shape | None = None, random_state: np.random.Generator | None = None) -> Any:
        """Samples of shape ``size``."""
        return self.family.rvs(*self.args, size=size, random_state=random_state, **self.parameters)
