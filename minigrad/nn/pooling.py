"""Pooling as layers: the maximum or the mean of windows."""

from __future__ import annotations

from typing import Any

from minigrad.nn import functional as F
from minigrad.nn.functional.windows import sizes_of
from minigrad.nn.layer import AxesLayer

__all__ = ["AdaptiveAvgPool1d", "AdaptiveAvgPool2d", "AdaptiveMaxPool1d", "AdaptiveMaxPool2d"]
__all__ += ["AvgPool1d", "AvgPool2d", "AvgPool3d", "MaxPool1d", "MaxPool2d", "MaxPool3d"]

Sizes = int | tuple[int, ...]


class _Pool(AxesLayer):
    """Holds the window."""

    def _window(self, kernel_size: Sizes, stride: Sizes | None, padding: Sizes) -> None:
        self.kernel_size = self._sizes("kernel_size", kernel_size, 1)
        self.stride = self.kernel_size if stride is None else self._sizes("stride", stride, 1)
        self.padding = self._sizes("padding", padding, 0)

    def extra_repr(self) -> str:
        """The window, and each option that is not as usual."""
        shown = f"kernel_size={self.kernel_size}, stride={self.stride}"
        usual = {"padding": (0,) * self._axes, "dilation": (1,) * self._axes, "ceil_mode": False}
        usual |= {"count_include_pad": True}
        for name, value in usual.items():
            if vars(self).get(name, value) != value:
                shown += f", {name}={vars(self)[name]}"
        return shown


class _MaxPool(_Pool):
    def __init__(
        self,
        kernel_size: Sizes,
        stride: Sizes | None = None,
        padding: Sizes = 0,
        dilation: Sizes = 1,
        ceil_mode: bool = False,
    ) -> None:
        self._window(kernel_size, stride, padding)
        self.dilation = self._sizes("dilation", dilation, 1)
        self.ceil_mode = ceil_mode

    def forward(self, x: Any) -> Any:
        """x (N, C, *sizes) -> (N, C, *places)."""
        return self._function(x, self.kernel_size, self.stride, self.padding, self.dilation, self.ceil_mode)


class MaxPool1d(_MaxPool, axes=1, function=F.max_pool1d):
    """The maximum of each window of x (N, C, L). Options as in MaxPool2d.

    >>> nn.MaxPool1d(2)(mg.tensor([[[1.0, 2.0, 3.0, 4.0]]]))
    tensor([[[2., 4.]]])
    """


class MaxPool2d(_MaxPool, axes=2, function=F.max_pool2d):
    """The maximum of each window of x (N, C, H, W); the stride is the kernel's size unless given.

    Ties share the gradient evenly. The padding is at most half of the kernel; with ``ceil_mode`` a last window may
    reach over the end. Raises ``HyperparameterError`` for options that are no sizes, ``ShapeError`` for an input
    smaller than the window.

    >>> nn.MaxPool2d(3, stride=2, padding=1)(mg.ones((2, 3, 8, 8))).shape
    (2, 3, 4, 4)
    """


class MaxPool3d(_MaxPool, axes=3, function=F.max_pool3d):
    """The maximum of each window of x (N, C, D, H, W). Options as in MaxPool2d.

    >>> nn.MaxPool3d(2)(mg.ones((2, 3, 4, 4, 4))).shape
    (2, 3, 2, 2, 2)
    """


class _AvgPool(_Pool):
    def __init__(
        self,
        kernel_size: Sizes,
        stride: Sizes | None = None,
        padding: Sizes = 0,
        ceil_mode: bool = False,
        count_include_pad: bool = True,
    ) -> None:
        self._window(kernel_size, stride, padding)
        self.ceil_mode = ceil_mode
        self.count_include_pad = count_include_pad

    def forward(self, x: Any) -> Any:
        """x (N, C, *sizes) -> (N, C, *places)."""
        return self._function(x, self.kernel_size, self.stride, self.padding, self.ceil_mode, self.count_include_pad)


class AvgPool1d(_AvgPool, axes=1, function=F.avg_pool1d):
    """The mean of each window of x (N, C, L). Options as in AvgPool2d.

    >>> nn.AvgPool1d(2)(mg.tensor([[[1.0, 2.0, 3.0, 4.0]]]))
    tensor([[[1.5, 3.5]]])
    """


class AvgPool2d(_AvgPool, axes=2, function=F.avg_pool2d):
    """The mean of each window of x (N, C, H, W); the stride is the kernel's size unless given.

    The padding counts as zeros if ``count_include_pad``, else not at all. Other options and errors as in MaxPool2d.

    >>> nn.AvgPool2d(2)(mg.ones((2, 3, 8, 8))).shape
    (2, 3, 4, 4)
    """


class AvgPool3d(_AvgPool, axes=3, function=F.avg_pool3d):
    """The mean of each window of x (N, C, D, H, W). Options as in AvgPool2d.

    >>> nn.AvgPool3d(2)(mg.ones((2, 3, 4, 4, 4))).shape
    (2, 3, 2, 2, 2)
    """


class _AdaptivePool(AxesLayer):
    def __init__(self, output_size: int | tuple[int | None, ...] | None) -> None:
        sizes = tuple(output_size) if isinstance(output_size, (tuple, list)) else (output_size,) * self._axes
        name = f"{type(self).__name__}: output_size"
        # A size of None stays that of the input.
        sizes_of(tuple([1 if size is None else size for size in sizes]), self._axes, name, 1)
        self.output_size = sizes

    def forward(self, x: Any) -> Any:
        """x (N, C, *sizes) -> (N, C, *output_size)."""
        return self._function(x, self.output_size)

    def extra_repr(self) -> str:
        """The size of the output."""
        return f"output_size={self.output_size}"


class AdaptiveAvgPool1d(_AdaptivePool, axes=1, function=F.adaptive_avg_pool1d):
    """The mean of as many windows of x (N, C, L) as there are outputs: (N, C, output_size). 1 is the mean of all.

    >>> nn.AdaptiveAvgPool1d(4)(mg.ones((2, 3, 10))).shape
    (2, 3, 4)
    """


class AdaptiveAvgPool2d(_AdaptivePool, axes=2, function=F.adaptive_avg_pool2d):
    """The mean of windows of x (N, C, H, W) chosen so that the result is (N, C, *output_size).

    Window i runs from floor(i * size / places) to ceil((i + 1) * size / places); a size of None stays as it is. Raises
    ``HyperparameterError`` for what is no size.

    >>> nn.AdaptiveAvgPool2d(1)(mg.ones((2, 3, 10, 10))).shape
    (2, 3, 1, 1)
    """


class AdaptiveMaxPool1d(_AdaptivePool, axes=1, function=F.adaptive_max_pool1d):
    """The maximum of as many windows of x (N, C, L) as there are outputs: (N, C, output_size).

    >>> nn.AdaptiveMaxPool1d(4)(mg.ones((2, 3, 10))).shape
    (2, 3, 4)
    """


class AdaptiveMaxPool2d(_AdaptivePool, axes=2, function=F.adaptive_max_pool2d):
    """The maximum of windows of x (N, C, H, W) chosen as AdaptiveAvgPool2d does: (N, C, *output_size).

    >>> nn.AdaptiveMaxPool2d((4, 1))(mg.ones((2, 3, 10, 10))).shape
    (2, 3, 4, 1)
    """
