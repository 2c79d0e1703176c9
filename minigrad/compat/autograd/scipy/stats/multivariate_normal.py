"""The normal distribution of vectors, of mean ``mean`` and covariance ``cov``, which may be a number or a diagonal."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import scipy.stats

from minigrad.compat.autograd.faces import face
from minigrad.compat.autograd.values import getval
from minigrad.errors import UnsupportedError


def _matrix(cov: Any, size: int) -> Any:
    """The covariance as a matrix. Raises ``LinAlgError`` unless it is positive definite."""
    cov = cov * np.eye(size, dtype=np.float64) if np.ndim(cov) < 2 else cov
    np.linalg.cholesky(getval(cov))
    return cov


def _without_singular(cov: Any) -> tuple[Any, float]:
    """The pseudo-inverse of a constant covariance, log det(2π C) over the directions that it has."""
    if getattr(cov, "requires_grad", False):
        raise UnsupportedError("multivariate_normal has no gradient with respect to a covariance that may be singular")
    values, vectors = np.linalg.eigh(getval(cov))
    there = values > 1e6 * np.finfo(values.dtype).eps * np.max(np.abs(values))
    directions = vectors[:, there] / np.sqrt(values[there])
    return directions @ directions.T, float(np.sum(np.log(2 * math.pi * values[there])))


def _logpdf(x: Any, mean: Any = None, cov: Any = 1.0, allow_singular: bool = False) -> Any:
    """-(d' C⁻¹ d + log det(2π C)) / 2 with d = x - mean, over the last axis of x."""
    mean = 0.0 if mean is None else mean
    size = max(np.shape(cov)[-1:] + np.shape(mean)[-1:], default=0) or (np.shape(x)[-1] if np.ndim(x) > 0 else 1)
    x = np.reshape(x, (*np.shape(x), 1)) if size == 1 and np.shape(x)[-1:] != (1,) else x
    d = x - mean
    if allow_singular:
        inverse, log_det = _without_singular(cov * np.eye(size, dtype=np.float64) if np.ndim(cov) < 2 else cov)
        return -0.5 * (np.sum(d @ inverse * d, axis=-1) + log_det)
    cov = _matrix(cov, size)
    distance = np.sum(d * np.linalg.solve(cov, d[..., None])[..., 0], axis=-1)
    return -0.5 * (distance + np.linalg.slogdet(cov)[1] + size * math.log(2 * math.pi))


def _entropy(mean: Any = None, cov: Any = 1.0) -> Any:
    """log det(2πe C) / 2."""
    size = max(np.shape(cov)[-1:] + np.shape(mean if mean is not None else 0.0)[-1:], default=1)
    return 0.5 * (np.linalg.slogdet(_matrix(cov, size))[1] + size * (math.log(2 * math.pi) + 1))


_scipy = scipy.stats.multivariate_normal
logpdf = face(_scipy.logpdf, _logpdf)
pdf = face(
    _scipy.pdf, lambda x, mean=None, cov=1.0, allow_singular=False: np.exp(_logpdf(x, mean, cov, allow_singular))
)
entropy = face(_scipy.entropy, _entropy)
