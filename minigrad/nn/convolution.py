"""Convolutions as layers, and their transposes."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import DTypeLike

from minigrad.core.checks import whole
from minigrad.errors import HyperparameterError, ShapeError
from minigrad.nn import functional as F
from minigrad.nn.functional.windows import check_images
from minigrad.nn.init import Initializer
from minigrad.nn.layer import AxesLayer
from minigrad.nn.penalties import penalties_shown
from minigrad.nn.weight_and_bias import Weighted

__all__ = ["Conv1d", "Conv2d", "Conv3d", "ConvTranspose1d", "ConvTranspose2d"]

Sizes = int | tuple[int, ...]


class _Convolution(AxesLayer, Weighted):
    """The base of all convolutions."""

    in_channels: int | None
    kernel_size: tuple[int, ...]

    def _channels(self, in_channels: int | None, out_channels: int, groups: int) -> None:
        layer = type(self).__name__
        self.groups = whole(layer, "groups", groups)
        self.in_channels = None if in_channels is None else whole(layer, "in_channels", in_channels)
        self.out_channels = whole(layer, "out_channels", out_channels)
        self._check_groups("out_channels", self.out_channels)
        if self.in_channels is not None:
            self._check_groups("in_channels", self.in_channels)

    def _check_groups(self, name: str, channels: int) -> None:
        if channels % self.groups:
            raise HyperparameterError(
                f"{type(self).__name__}: {self.groups} groups do not divide {name}={channels}: take a divisor"
            )

    def _learn_size(self, x: Any) -> None:
        layer = type(self).__name__
        check_images(layer, x, self._axes)
        channels = np.shape(x)[1]
        if not channels:
            raise ShapeError(f"{layer} learns in_channels from axis 1 of its first input, got shape {np.shape(x)}")
        self._check_groups("in_channels", channels)
        self._make(channels // self.groups)
        self.in_channels = channels

    def _weight_shape(self) -> tuple[int, int | None, *tuple[int, ...]]:
        inputs = None if self.in_channels is None else self.in_channels // self.groups
        return (self.out_channels, inputs, *self.kernel_size)

    def extra_repr(self) -> str:
        """The sizes, and each option that is not as usual."""
        shown = f"in_channels={self.in_channels}, out_channels={self.out_channels}, kernel_size={self.kernel_size}"
        usual = {"stride": 1, "padding": 0, "output_padding": 0, "dilation": 1, "groups": 1}
        for name, value in usual.items():
            own = vars(self).get(name, value)
            if own not in (value, (value,) * self._axes):
                shown += f", {name}={own!r}"
        return shown + ("" if self.bias is not None else ", bias=False") + penalties_shown(self)


class _Conv(_Convolution):
    def __init__(
        self,
        in_channels: int | None,
        out_channels: int,
        kernel_size: Sizes,
        stride: Sizes = 1,
        padding: Sizes | str = 0,
        dilation: Sizes = 1,
        groups: int = 1,
        bias: bool = True,
        init: str | Initializer = "glorot_uniform",
        generator: np.random.Generator | None = None,
        dtype: DTypeLike | None = None,
        *,
        weight_regularizer_l1: float = 0.0,
        weight_regularizer_l2: float = 0.0,
        bias_regularizer_l1: float = 0.0,
        bias_regularizer_l2: float = 0.0,
    ) -> None:
        self._channels(in_channels, out_channels, groups)
        self.kernel_size = self._sizes("kernel_size", kernel_size, 1)
        self.stride = self._sizes("stride", stride, 1)
        self.padding = padding if isinstance(padding, str) else self._sizes("padding", padding, 0)
        self.dilation = self._sizes("dilation", dilation, 1)
        if isinstance(padding, str) and (
            padding not in ("same", "valid") or (padding == "same" and set(self.stride) != {1})
        ):
            raise HyperparameterError(
                f'{type(self).__name__}: padding is a size, one for each axis, "valid", or with a stride of 1 "same"; '
                f"got {padding!r} with a stride of {self.stride}"
            )
        penalties = (weight_regularizer_l1, weight_regularizer_l2, bias_regularizer_l1, bias_regularizer_l2)
        self._prepare(self._weight_shape(), bias, init, generator, dtype, penalties)

    def forward(self, x: Any) -> Any:
        """x (N, in_channels, *sizes) -> (N, out_channels, *places)."""
        if self.in_channels is None:
            self._learn_size(x)
        return self._function(x, self.weight, self.bias, self.stride, self.padding, self.dilation, self.groups)


class Conv1d(_Conv, axes=1, function=F.conv1d):
    """Windows of x (N, in_channels, L) times a weight, plus a bias (out_channels,): (N, out_channels, places).

    ``weight`` is (out_channels, in_channels / groups, kernel), drawn by ``init`` from ``generator``; places are
    (L + 2 padding - dilation (kernel - 1) - 1) // stride + 1. Options, lazy ``in_channels`` and errors as in Conv2d.

    >>> nn.Conv1d(3, 8, kernel_size=3, padding=1)(mg.ones((2, 3, 10))).shape
    (2, 8, 10)
    """


class Conv2d(_Conv, axes=2, function=F.conv2d):
    """Windows of x (N, in_channels, H, W) times a weight, plus a bias (out_channels,): a cross-correlation.

    ``weight`` is (out_channels, in_channels / groups, *kernel), drawn by ``init`` from ``generator``; ``bias`` is zeros
    at first, or None without one. ``kernel_size``, ``stride``, ``padding`` and ``dilation`` are integers or one for
    each axis; ``padding`` is also "valid" (none) or "same" (the sizes of x). Each size becomes
    (size + 2 padding - dilation (kernel - 1) - 1) // stride + 1. ``groups`` cut the channels into as many convolutions
    side by side. Where ``in_channels`` is None, the first call says how many there are. The regularizers are the
    factors of this layer's part of ``model.regularization_loss()``.

    Raises ``HyperparameterError`` for options that are no sizes and groups that do not divide the channels,
    ``ShapeError`` for an input with other channels or smaller than the kernel.

    >>> nn.Conv2d(3, 8, kernel_size=3, stride=2)(mg.ones((2, 3, 11, 11))).shape
    (2, 8, 5, 5)
    """


class Conv3d(_Conv, axes=3, function=F.conv3d):
    """Windows of x (N, in_channels, D, H, W) times a weight, plus a bias: ``Conv2d`` with one more axis.

    >>> nn.Conv3d(1, 2, kernel_size=3)(mg.ones((2, 1, 5, 5, 5))).shape
    (2, 2, 3, 3, 3)
    """


class _ConvTranspose(_Convolution):
    def __init__(
        self,
        in_channels: int | None,
        out_channels: int,
        kernel_size: Sizes,
        stride: Sizes = 1,
        padding: Sizes = 0,
        output_padding: Sizes = 0,
        groups: int = 1,
        bias: bool = True,
        dilation: Sizes = 1,
        init: str | Initializer = "glorot_uniform",
        generator: np.random.Generator | None = None,
        dtype: DTypeLike | None = None,
        *,
        weight_regularizer_l1: float = 0.0,
        weight_regularizer_l2: float = 0.0,
        bias_regularizer_l1: float = 0.0,
        bias_regularizer_l2: float = 0.0,
    ) -> None:
        self._channels(in_channels, out_channels, groups)
        self.kernel_size = self._sizes("kernel_size", kernel_size, 1)
        self.stride = self._sizes("stride", stride, 1)
        self.padding = self._sizes("padding", padding, 0)
        self.output_padding = self._sizes("output_padding", output_padding, 0)
        self.dilation = self._sizes("dilation", dilation, 1)
        if any(more >= step for more, step in zip(self.output_padding, self.stride, strict=True)):
            raise HyperparameterError(
                f"{type(self).__name__}: output_padding chooses among the sizes that a stride rounds to one, so it is "
                f"less than the stride {self.stride}; got {output_padding!r}"
            )
        penalties = (weight_regularizer_l1, weight_regularizer_l2, bias_regularizer_l1, bias_regularizer_l2)
        self._prepare(self._weight_shape(), bias, init, generator, dtype, penalties)

    def _stored_weight(self, weight: Any) -> Any:
        """(out, in / groups, *kernel) as (in, out / groups, *kernel), group by group."""
        out, inner, *kernel = weight.shape
        grouped = np.swapaxes(np.reshape(weight, (self.groups, out // self.groups, inner, *kernel)), 1, 2)
        return np.reshape(grouped, (self.groups * inner, out // self.groups, *kernel))

    def forward(self, x: Any) -> Any:
        """x (N, in_channels, *sizes) -> (N, out_channels, *larger sizes)."""
        if self.in_channels is None:
            self._learn_size(x)
        return self._function(
            x, self.weight, self.bias, self.stride, self.padding, self.output_padding, self.groups, self.dilation
        )


class ConvTranspose1d(_ConvTranspose, axes=1, function=F.conv_transpose1d):
    """x (N, in_channels, L) spread by a weight (in_channels, out_channels / groups, kernel): the adjoint of Conv1d.

    Options and errors as in ConvTranspose2d.

    >>> nn.ConvTranspose1d(3, 8, kernel_size=2, stride=2)(mg.ones((2, 3, 5))).shape
    (2, 8, 10)
    """


class ConvTranspose2d(_ConvTranspose, axes=2, function=F.conv_transpose2d):
    """x (N, in_channels, H, W) spread by a weight (in_channels, out_channels / groups, *kernel), plus a bias.

    The adjoint of Conv2d with the same options, whose strides make images smaller; here they make them larger: each
    size becomes (size - 1) stride - 2 padding + dilation (kernel - 1) + 1 + output_padding. The weight is drawn as
    that of a convolution from in_channels to out_channels. Options and errors as in Conv2d.

    >>> nn.ConvTranspose2d(3, 8, kernel_size=2, stride=2)(mg.ones((2, 3, 5, 5))).shape
    (2, 8, 10, 10)
    """
