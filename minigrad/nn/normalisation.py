"""Normalisation within each sample: ``LayerNorm``, ``RMSNorm``, ``GroupNorm``: alike in training and evaluation."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import DTypeLike

from minigrad.core.checks import not_negative, whole, wholes
from minigrad.core.conversion import dtype_or_default
from minigrad.errors import HyperparameterError, ShapeError
from minigrad.nn import functional as F
from minigrad.nn.module import Module
from minigrad.nn.parameter import Parameter

__all__ = ["GroupNorm", "LayerNorm", "RMSNorm"]


class LayerNorm(Module):
    """(x - mean) / sqrt(var + eps) * weight + bias over the last axes, which have the shape ``normalized_shape``.

    ``weight``, ones at first, and ``bias``, zeros at first, have that shape; without ``elementwise_affine`` both are
    None, and with ``bias=False`` the bias is. Source: Ba, Kiros and Hinton, 2016. Raises ``ShapeError`` for an input
    with other last sizes, ``HyperparameterError`` for sizes below 1.

    >>> nn.LayerNorm(3)(mg.tensor([[1.0, 2.0, 3.0]])).round(2)
    tensor([[-1.22,  0.  ,  1.22]], op=round)
    """

    def __init__(
        self,
        normalized_shape: int | tuple[int, ...] | list[int],
        eps: float = 1e-5,
        elementwise_affine: bool = True,
        bias: bool = True,
        dtype: DTypeLike | None = None,
    ) -> None:
        self.normalized_shape = wholes("LayerNorm", "normalized_shape", normalized_shape)
        self.eps = not_negative("LayerNorm", "eps", eps, "1e-5")
        dtype = dtype_or_default(dtype)
        self.weight = Parameter(np.ones(self.normalized_shape, dtype)) if elementwise_affine else None
        self.bias = Parameter(np.zeros(self.normalized_shape, dtype)) if elementwise_affine and bias else None

    def forward(self, x: Any) -> Any:
        """x (..., *normalized_shape) -> the same shape."""
        return F.layer_norm(x, self.normalized_shape, self.weight, self.bias, self.eps)

    def extra_repr(self) -> str:
        """The shape, eps, and what is left out."""
        affine = ", elementwise_affine=False" if self.weight is None else ", bias=False" if self.bias is None else ""
        return f"normalized_shape={self.normalized_shape}, eps={self.eps}{affine}"


class RMSNorm(Module):
    """x / sqrt(mean(x²) + eps) * weight over the last axes, which have the shape ``normalized_shape``.

    ``weight`` has that shape, ones at first, or is None without ``elementwise_affine``. ``eps`` is by default the
    smallest step at 1 of x's dtype (float16: float32's). Source: Zhang and Sennrich, 2019. Raises like ``LayerNorm``.

    >>> nn.RMSNorm(3)(mg.tensor([[1.0, 2.0, 3.0]])).round(2)
    tensor([[0.46, 0.93, 1.39]], op=round)
    """

    def __init__(
        self,
        normalized_shape: int | tuple[int, ...] | list[int],
        eps: float | None = None,
        elementwise_affine: bool = True,
        dtype: DTypeLike | None = None,
    ) -> None:
        self.normalized_shape = wholes("RMSNorm", "normalized_shape", normalized_shape)
        self.eps = None if eps is None else not_negative("RMSNorm", "eps", eps, "1e-5")
        ones = np.ones(self.normalized_shape, dtype_or_default(dtype))
        self.weight = Parameter(ones) if elementwise_affine else None

    def forward(self, x: Any) -> Any:
        """x (..., *normalized_shape) -> the same shape."""
        return F.rms_norm(x, self.normalized_shape, self.weight, self.eps)

    def extra_repr(self) -> str:
        """The shape, eps, and what is left out."""
        affine = "" if self.weight is not None else ", elementwise_affine=False"
        return f"normalized_shape={self.normalized_shape}, eps={self.eps}{affine}"


class GroupNorm(Module):
    """Each of ``num_groups`` groups of channels of each x (N, C, ...) normalised, then * weight (C,) + bias (C,).

    ``num_channels`` is C; ``weight`` is ones at first and ``bias`` zeros, or both None without ``affine``. Source: Wu
    and He, 2018. Raises ``HyperparameterError`` for groups that do not divide the channels, ``ShapeError`` for an input
    with other channels.

    >>> nn.GroupNorm(2, 6)(mg.ones((3, 6, 4, 4))).shape
    (3, 6, 4, 4)
    """

    def __init__(
        self, num_groups: int, num_channels: int, eps: float = 1e-5, affine: bool = True, dtype: DTypeLike | None = None
    ) -> None:
        self.num_groups = whole("GroupNorm", "num_groups", num_groups)
        self.num_channels = whole("GroupNorm", "num_channels", num_channels)
        if self.num_channels % self.num_groups:
            raise HyperparameterError(
                f"GroupNorm: {num_groups} groups do not divide {num_channels} channels: take a divisor"
            )
        self.eps = not_negative("GroupNorm", "eps", eps, "1e-5")
        dtype = dtype_or_default(dtype)
        self.weight = Parameter(np.ones(self.num_channels, dtype)) if affine else None
        self.bias = Parameter(np.zeros(self.num_channels, dtype)) if affine else None

    def forward(self, x: Any) -> Any:
        """x (N, num_channels, ...) -> the same shape."""
        if self.weight is None and np.shape(x)[1:2] != (self.num_channels,):  # which the weight would have noticed
            raise ShapeError(f"GroupNorm takes x of shape (N, {self.num_channels}, ...), got shape {np.shape(x)}")
        return F.group_norm(x, self.num_groups, self.weight, self.bias, self.eps)

    def extra_repr(self) -> str:
        """The sizes, eps, and what is left out."""
        affine = "" if self.weight is not None else ", affine=False"
        return f"num_groups={self.num_groups}, num_channels={self.num_channels}, eps={self.eps}{affine}"
