"""Families of vectors: the normal distribution of several dimensions, and Dirichlet's of shares."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from minigrad.core.conversion import detached
from minigrad.core.members import anywhere, everywhere
from minigrad.distributions.continuous import TABLE
from minigrad.distributions.family import random_shares, shape_of_samples
from minigrad.distributions.frozen import Frozen
from minigrad.distributions.shares import exp_of_rest
from minigrad.errors import ShapeError
from minigrad.ops.along import together
from minigrad.ops.decompositions import cholesky
from minigrad.ops.special import gammaln, xlogy
from minigrad.ops.triangular import solve_triangular
from minigrad.random import drawn

_gamma = next(family for family in TABLE if family.name == "gamma")


class MultivariateNormal:
    """The normal distribution of vectors, in the last axis, with the methods of SciPy's.

    >>> mg.stats.multivariate_normal.logpdf(mg.tensor([0.0, 0.0]), np.zeros(2), np.eye(2)).round(4)
    tensor(-1.8379, dtype=float64)
    """

    def __call__(self, mean: Any = None, cov: Any = 1) -> Frozen:
        """The distribution with these parameters."""
        return Frozen(self, (mean, cov), {})

    def logpdf(self, x: Any, mean: Any = None, cov: Any = 1) -> Any:
        """The logarithm of the density at each vector in the last axis of x.

        ``cov`` is a matrix, the variances of independent parts, or one variance of all. ``mean`` and ``cov`` may be
        stacks, which SciPy's are not. Raises NumPy's ``LinAlgError`` unless cov is positive definite, and
        ``ShapeError``.
        """
        x, mean, factor = _parameters(x, mean, cov)
        rest = x - mean
        turned = solve_triangular(factor, np.expand_dims(rest, -1), lower=True)[..., 0]
        logs = np.sum(np.log(np.diagonal(factor, 0, -2, -1)), -1)
        return np.sum(turned * turned, -1) * -0.5 - logs - rest.shape[-1] * 0.5 * math.log(2 * math.pi)

    def pdf(self, x: Any, mean: Any = None, cov: Any = 1) -> Any:
        """The density at each vector in the last axis of x."""
        return np.exp(self.logpdf(x, mean, cov))

    def rvs(self, mean: Any = None, cov: Any = 1, size: Any = None, random_state: Any = None) -> Any:
        """Vectors ``mean + L @ noise`` of shape ``(*size, dimensions)``, with gradients to mean and cov = L @ L.T."""
        dimensions = np.shape(mean)[-1:] or np.shape(cov)[-1:] or (1,)
        _, mean, factor = _parameters(np.zeros(dimensions, np.float64), mean, cov, like=(mean, cov))
        batch = np.broadcast_shapes(mean.shape[:-1], factor.shape[:-2])
        shape = shape_of_samples(size, batch)
        noise = drawn(random_state, "standard_normal", (*shape, factor.shape[-1])).astype(factor.dtype)
        return mean + np.sum(factor * np.expand_dims(noise, -2), -1)


def _parameters(x: Any, mean: Any, cov: Any, like: Any = ()) -> tuple[Any, Any, Any]:
    """x, the mean, and the Cholesky factor of the covariance."""
    if like and not any(hasattr(y, "dtype") for y in like):
        like = ()
    x, mean, cov = together(0.0 if like else x, 0.0 if mean is None else mean, cov)
    x = np.zeros(1, x.dtype) if like and not np.ndim(x) else x
    if not np.ndim(x):
        x = np.reshape(x, (1,))
    n = max((np.shape(mean) or (1,))[-1], (np.shape(cov) or (1,))[-1])
    if n == 1 and np.ndim(x) == 1 and x.shape[0] != 1:
        x = np.expand_dims(x, -1)  # of one dimension, a vector is points
    cov = np.broadcast_to(cov, (n,)) if np.ndim(cov) == 0 else cov
    if np.ndim(cov) == 1:
        cov = np.where(np.eye(n, dtype=bool), np.expand_dims(cov, -2), 0.0)
    if cov.shape[-2:] != (n, n) or (np.shape(mean) or (n,))[-1] not in (1, n) or x.shape[-1] not in (1, n):
        raise ShapeError(
            f"multivariate_normal takes vectors, means and covariances of one dimension, got x of shape {np.shape(x)}, "
            f"mean of {np.shape(mean)} and cov of {np.shape(cov)}"
        )
    return x, np.broadcast_to(mean, (n,)) if np.ndim(mean) < 1 else mean, cholesky(cov)


class Dirichlet:
    """Dirichlet's distribution of shares that sum to 1, with the methods of SciPy's.

    >>> mg.stats.dirichlet.logpdf(mg.tensor([0.5, 0.5]), [1.0, 1.0]).round(4)
    tensor(0.)
    """

    def __call__(self, alpha: Any) -> Frozen:
        """The distribution with this parameter."""
        return Frozen(self, (alpha,), {})

    def logpdf(self, x: Any, alpha: Any) -> Any:
        """The logarithm of the density at each column of x: shares are along the first axis, as in SciPy.

        x has as many shares as ``alpha`` has elements, or all but the last. Raises ``ValueError`` for shares that are
        negative or do not sum to 1, and ``ShapeError``.
        """
        return _log_dirichlet(*_as_shares(x, alpha))

    def pdf(self, x: Any, alpha: Any) -> Any:
        """The density at each column of x."""
        x, alpha = _as_shares(x, alpha)
        log = _log_dirichlet(x, alpha)
        never = np.isneginf(log)
        if not anywhere(never):
            return np.exp(log)
        # At an edge the density is 0 and may have a slope; the logarithm there is -inf and has none.
        inner = np.where(never, 1 / len(alpha), x)
        zero = never & (x == 0)
        powers = np.prod(np.where(zero, x, 1.0) ** (_beside(alpha, x) - 1), 0)
        rest = _log_dirichlet(np.where(zero, 1.0, x), alpha)
        return np.where(never, powers * exp_of_rest(rest), np.exp(_log_dirichlet(inner, alpha)))

    def rvs(self, alpha: Any, size: Any = None, random_state: Any = None) -> Any:
        """Shares of shape ``(*size, n)``, with gradients to alpha: samples of gamma, over their sum."""
        (alpha,) = together(alpha)
        shape = (*shape_of_samples(size), *alpha.shape)
        q = random_shares(random_state, shape, alpha.dtype)
        logs = (np.log(q) + gammaln(alpha + 1)) / alpha  # of gamma's quantile, but for a factor of 1 + that
        small = logs < math.log(float(np.finfo(alpha.dtype).eps))
        logs = np.where(small, logs, np.log(_gamma.ppf(np.where(small, 0.5, q), np.where(small, 1.0, alpha))))
        parts = np.exp(logs - np.max(detached(logs), -1, keepdims=True))
        return parts / np.sum(parts, -1, keepdims=True)


def _as_shares(x: Any, alpha: Any) -> tuple[Any, Any]:
    """Both as arrays of one dtype, with all shares."""
    x, alpha = together(x, alpha)
    if np.ndim(alpha) != 1 or np.ndim(x) < 1 or x.shape[0] not in (alpha.shape[0], alpha.shape[0] - 1):
        raise ShapeError(
            f"dirichlet takes a vector alpha of n elements, and x with n shares (or all but the last) along its "
            f"first axis, got alpha of shape {np.shape(alpha)} and x of {np.shape(x)}"
        )
    if x.shape[0] < alpha.shape[0]:
        x = np.concatenate([x, np.expand_dims(1 - np.sum(x, 0), 0)])
    plain, shapes = detached(x), detached(alpha)
    eps = float(np.finfo(plain.dtype).eps)
    if not everywhere(shapes > 0):
        raise ValueError("dirichlet takes positive alpha")
    if not (everywhere(plain >= 0) and everywhere(np.abs(np.sum(plain, 0) - 1) <= 1e4 * eps)):
        raise ValueError("dirichlet takes shares x from 0 on that sum to 1 along the first axis")
    return x, alpha


def _log_dirichlet(x: Any, alpha: Any) -> Any:
    with np.errstate(divide="ignore"):  # of a share of 0 it is -inf, which is right
        powers = np.tensordot(np.ones(alpha.shape, alpha.dtype), xlogy(_beside(alpha, x) - 1, x), 1)
    return powers - _log_beta(alpha)


def _beside(alpha: Any, x: Any) -> Any:
    return np.reshape(alpha, (alpha.shape[0], *(1,) * (np.ndim(x) - 1)))


def _log_beta(alpha: Any) -> Any:
    """The logarithm of the product of gamma(alpha), over gamma of their sum."""
    return np.sum(gammaln(alpha)) - gammaln(np.sum(alpha))
