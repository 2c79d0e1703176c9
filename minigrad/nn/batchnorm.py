"""Batch normalisation: by the statistics of the batch in training, by their running means in evaluation."""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np
from numpy.typing import DTypeLike

from minigrad.core.checks import lies_between, not_negative, whole
from minigrad.core.conversion import dtype_or_default
from minigrad.core.inplace import seen
from minigrad.errors import HyperparameterError, ShapeError
from minigrad.nn import functional as F
from minigrad.nn.lazy import UNMADE
from minigrad.nn.module import Module
from minigrad.nn.parameter import Buffer, Parameter
from minigrad.nn.running_statistics import count, share_of_next

__all__ = ["BatchNorm1d", "BatchNorm2d", "BatchNorm3d"]


class _BatchNorm(Module):
    _ndims: ClassVar[tuple[int, ...]]
    _shown: ClassVar[str]
    num_features: int | None

    def __init__(
        self,
        num_features: int | None,
        eps: float = 1e-5,
        momentum: float | None = 0.1,
        affine: bool = True,
        dtype: DTypeLike | None = None,
    ) -> None:
        layer = type(self).__name__
        self.num_features = None if num_features is None else whole(layer, "num_features", num_features)
        self.eps = not_negative(layer, "eps", eps, "1e-5")
        if momentum is not None and not lies_between(momentum, 0, 1):
            raise HyperparameterError(
                f"{layer}: momentum is the weight of the newest batch, in [0, 1], or None for the mean of all batches; "
                f"got {momentum!r}"
            )
        self.momentum = momentum
        self._dtype = dtype_or_default(dtype)
        self.weight: Any = UNMADE if affine else None
        self.bias: Any = UNMADE if affine else None
        self.running_mean: Any = UNMADE
        self.running_var: Any = UNMADE
        self.num_batches_tracked = Buffer(np.zeros((), np.int64))
        if self.num_features is not None:
            self._make(self.num_features)

    def _make(self, channels: int) -> None:
        if self.weight is not None:
            self.weight = Parameter(np.ones(channels, self._dtype))
            self.bias = Parameter(np.zeros(channels, self._dtype))
        self.running_mean = Buffer(np.zeros(channels, self._dtype))
        self.running_var = Buffer(np.ones(channels, self._dtype))

    def forward(self, x: Any) -> Any:
        """x (N, num_features, ...) -> the same shape."""
        shape = np.shape(x)
        if len(shape) not in self._ndims or not shape[1]:
            raise ShapeError(f"{type(self).__name__} takes x of shape {self._shown}, got shape {shape}")
        if self.num_features is None:
            self._make(shape[1])
            self.num_features = shape[1]
        mean, var = self.running_mean, self.running_var
        if not self.training:
            return F.batch_norm(x, mean, var, self.weight, self.bias, eps=self.eps)
        momentum: Any = self.momentum
        if momentum is None:
            momentum = share_of_next(seen(self.num_batches_tracked), mean.dtype)
        z = F.batch_norm(x, mean, var, self.weight, self.bias, True, momentum, self.eps)
        count(self.num_batches_tracked)
        return z

    def extra_repr(self) -> str:
        """The sizes, and what is left out."""
        affine = "" if self.weight is not None else ", affine=False"
        return f"num_features={self.num_features}, eps={self.eps}, momentum={self.momentum}{affine}"


class BatchNorm1d(_BatchNorm):
    """(x - mean) / sqrt(var + eps) * weight + bias for each channel of x (N, num_features) or (N, num_features, L).

    Options, state and errors as in BatchNorm2d.

    >>> nn.BatchNorm1d(3)(mg.tensor([[1.0, 2.0, 3.0], [3.0, 6.0, 9.0]])).round(2)
    tensor([[-1., -1., -1.],
            [ 1.,  1.,  1.]], op=round)
    """

    _ndims = (2, 3)
    _shown = "(N, C) or (N, C, L)"


class BatchNorm2d(_BatchNorm):
    """(x - mean) / sqrt(var + eps) * weight + bias for each channel of x (N, num_features, H, W).

    In training, mean and variance are those of the batch, and the buffers ``running_mean`` and ``running_var`` follow
    them in place: (1 - momentum) * running + momentum * batch, where the variance of the batch is divided by n - 1. A
    ``momentum`` of None gives the mean over all batches, which ``num_batches_tracked`` counts. In
    evaluation the running ones stand in. ``weight`` is ones at first and ``bias`` zeros; without ``affine`` both are
    None. Where ``num_features`` is None, the first call says how many channels there are. Source: Ioffe and Szegedy,
    2015.

    Raises ``ShapeError`` for an input with other channels, or with one value per channel in training, and
    ``HyperparameterError`` for options out of range.

    >>> nn.BatchNorm2d(3)(mg.ones((2, 3, 4, 4))).shape
    (2, 3, 4, 4)
    """

    _ndims = (4,)
    _shown = "(N, C, H, W)"


class BatchNorm3d(_BatchNorm):
    """(x - mean) / sqrt(var + eps) * weight + bias for each channel of x (N, num_features, D, H, W). As BatchNorm2d.

    >>> nn.BatchNorm3d(3)(mg.ones((2, 3, 4, 4, 4))).shape
    (2, 3, 4, 4, 4)
    """

    _ndims = (5,)
    _shown = "(N, C, D, H, W)"
