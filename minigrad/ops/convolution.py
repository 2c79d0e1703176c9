"""Convolutions of one to three axes as large matrix products, and their transposes.

One trilinear form, sum(z * convolution(x, weight)), has three derivatives, and each is a row: ``convolution`` gives
z from x and the weight, ``convolution_transpose`` x from z and the weight, ``convolution_kernel`` the weight from x
and z. The gradients of each are the other two, so every order is made of these three.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from minigrad.core.primitive import primitive
from minigrad.core.table import Primitive, derived
from minigrad.errors import HyperparameterError, ShapeError
from minigrad.kernels import convolution as kernels
from minigrad.kernels.windows import Sizes, Window
from minigrad.ops.along import given, summed
from minigrad.ops.windows import check_fits, check_images, sizes_of, window_of

__all__ = [
    "conv1d", "conv2d", "conv3d", "conv_transpose1d", "conv_transpose2d", "conv_transpose3d", "convolution",
    "convolution_kernel", "convolution_transpose",
]

# -- the three derivatives of one trilinear form ------------------------------------------------


def _sum_of_channels(g: Any) -> Any:
    """The gradient of a bias: the sum over all axes but the channels."""
    return np.sum(g, (0, *range(2, len(g.shape))))


convolution: Primitive = primitive(
    kernels.convolution,
    lambda g, weight, x_shape, window, groups: convolution_transpose(g, weight, None, window, x_shape[2:], groups),
    lambda g, x, window, groups: convolution_kernel(x, g, window, groups),
    lambda g: _sum_of_channels(g),
    analytic=True,
    doc="""The product of weight (out, in / groups, *kernel) with each window of x (N, in, *sizes), plus bias (out,).

    What conv1d, conv2d and conv3d call: ``window`` is a ``minigrad.kernels.windows.Window``, ``bias`` may be None.
    """,
)
convolution_transpose: Primitive = primitive(
    kernels.convolution_transpose,
    lambda g, weight, window, groups: convolution(g, weight, None, window, groups),
    lambda g, x, window, groups: convolution_kernel(g, x, window, groups),
    lambda g: _sum_of_channels(g),
    analytic=True,
    doc="The adjoint of convolution with respect to its images: (N, out, *places) to (N, in, *size), plus bias (in,).",
)
convolution_kernel: Primitive = primitive(
    kernels.convolution_kernel,
    lambda g, y, x_shape, window, groups: convolution_transpose(y, g, None, window, x_shape[2:], groups),
    lambda g, x, window, groups: convolution(x, g, None, window, groups),
    analytic=True,
    doc="The adjoint of convolution with respect to its weight: x (N, in, *sizes) correlated with y (N, out, *places).",
)

# -- what the user calls ------------------------------------------------------------------------


def _check_weight(what: str, weight: Any, bias: Any, axes: int, groups: Any, outputs: int) -> None:
    """Raise unless the weight has ``axes`` kernel sizes and the bias one number for each output channel."""
    shape = np.shape(weight)
    if len(shape) != axes + 2 or not all(shape):
        raise ShapeError(
            f"{what} takes a weight with {axes} kernel sizes after its channels, {axes + 2} axes in all, none of them "
            f"empty; got shape {shape}"
        )
    if isinstance(groups, bool) or not isinstance(groups, (int, np.integer)) or groups < 1 or shape[0] % groups:
        raise HyperparameterError(
            f"{what}: groups is an integer >= 1 that divides the channels; got {groups!r} for a weight of shape {shape}"
        )
    channels = shape[outputs] * (groups if outputs else 1)
    if bias is not None and np.shape(bias) != (channels,):
        raise ShapeError(
            f"{what}: the bias has one number for each output channel, shape ({channels},) for a weight of shape "
            f"{shape}; got {np.shape(bias)}: write bias.reshape(-1) if it holds as many"
        )


def _geometry(what: str, weight_shape: Sizes, stride: Any, padding: Any, dilation: Any) -> Window:
    kernel = weight_shape[2:]
    if not isinstance(padding, str):
        return window_of(len(kernel), kernel, stride, padding, dilation)
    window = window_of(len(kernel), kernel, stride, 0, dilation)
    if padding not in ("same", "valid"):
        raise HyperparameterError(f'{what}: padding is a size, one for each axis, "same" or "valid"; got {padding!r}')
    if padding == "valid":
        return window
    if any(step != 1 for step in window.stride):
        raise HyperparameterError(
            f'{what}: padding="same" keeps the sizes, which a stride of {window.stride} does not: write the padding as '
            "a number"
        )
    # An even kernel has no middle: the odd element of padding goes to the end.
    both = [extent - 1 for extent in window.extents()]
    return window._replace(padding=tuple([(total // 2, total - total // 2) for total in both]))


def _conv(axes: int, x: Any, weight: Any, bias: Any, stride: Any, padding: Any, dilation: Any, groups: int) -> Any:
    what = f"conv{axes}d"
    check_images(what, x, axes)
    _check_weight(what, weight, bias, axes, groups, 0)
    x_shape, weight_shape = np.shape(x), np.shape(weight)
    if x_shape[1] != weight_shape[1] * groups:
        raise ShapeError(
            f"{what}: x of shape {x_shape} has {x_shape[1]} channels, a weight (out, in / groups, *kernel) of shape "
            f"{weight_shape} takes {weight_shape[1] * groups} with groups={groups}: change in_channels or groups"
        )
    window = _geometry(what, weight_shape, stride, padding, dilation)
    check_fits(what, window, x_shape[2:])
    return convolution(*_whole(x, weight), bias, window, groups)


def _whole(x: Any, weight: Any) -> tuple[Any, Any]:
    """Both as they are; or, where both are integers, in the dtype in which ``np.sum`` adds up their products."""
    x, weight = given(x), given(weight)
    dtype = np.result_type(x.dtype, weight.dtype)
    return (x.astype(summed(dtype)), weight.astype(summed(dtype))) if dtype.kind in "iub" else (x, weight)


def _conv_transpose(
    axes: int,
    x: Any,
    weight: Any,
    bias: Any,
    stride: Any,
    padding: Any,
    output_padding: Any,
    groups: int,
    dilation: Any,
) -> Any:
    what = f"conv_transpose{axes}d"
    check_images(what, x, axes)
    _check_weight(what, weight, bias, axes, groups, 1)
    x_shape, weight_shape = np.shape(x), np.shape(weight)
    if x_shape[1] != weight_shape[0]:
        raise ShapeError(
            f"{what}: x of shape {x_shape} has {x_shape[1]} channels, a weight (in, out / groups, *kernel) of shape "
            f"{weight_shape} takes {weight_shape[0]}: change in_channels, or swap the first two axes of the weight"
        )
    window = window_of(axes, weight_shape[2:], stride, padding, dilation)
    extra = sizes_of(output_padding, axes, "output_padding", 0)
    if any(more >= step for more, step in zip(extra, window.stride, strict=True)):
        raise HyperparameterError(
            f"{what}: output_padding chooses among the sizes that a stride rounds to one, so it is less than the "
            f"stride {window.stride}; got {output_padding!r}"
        )
    spatial = zip(x_shape[2:], window.stride, window.padding, window.extents(), extra, strict=True)
    size = tuple([(n - 1) * step - 2 * pad + extent + more for n, step, (pad, _), extent, more in spatial])
    if any(side < 1 for side in size):
        raise ShapeError(f"{what} of shape {x_shape} with padding {padding!r} has no output, sizes {size}: pad less")
    return convolution_transpose(*_whole(x, weight), bias, window, size, groups)


@derived()
def conv1d(
    x: Any, weight: Any, bias: Any = None, stride: Any = 1, padding: Any = 0, dilation: Any = 1, groups: int = 1
) -> Any:
    """Windows of x (N, in, L) times weight (out, in / groups, *kernel), plus bias (out,): a cross-correlation.

    ``stride``, ``padding`` and ``dilation`` are integers; ``padding`` is also "valid" (none) or "same"
    (the sizes of x). ``groups`` cut the channels into as many convolutions side by side. Raises ``ShapeError`` for
    channels that do not match or a kernel that does not fit, ``HyperparameterError`` for options that are no sizes.
    """
    return _conv(1, x, weight, bias, stride, padding, dilation, groups)


@derived()
def conv2d(
    x: Any, weight: Any, bias: Any = None, stride: Any = 1, padding: Any = 0, dilation: Any = 1, groups: int = 1
) -> Any:
    """Windows of x (N, in, H, W) times weight (out, in / groups, *kernel), plus bias (out,): a cross-correlation.

    ``stride``, ``padding`` and ``dilation`` are integers, or one for each axis; ``padding`` is also "valid" (none) or
    "same" (the sizes of x). ``groups`` cut the channels into as many convolutions side by side. Raises ``ShapeError``
    for channels that do not match or a kernel that does not fit, ``HyperparameterError`` for options that are no sizes.
    """
    return _conv(2, x, weight, bias, stride, padding, dilation, groups)


@derived()
def conv3d(
    x: Any, weight: Any, bias: Any = None, stride: Any = 1, padding: Any = 0, dilation: Any = 1, groups: int = 1
) -> Any:
    """Windows of x (N, in, D, H, W) times weight (out, in / groups, *kernel), plus bias (out,): a cross-correlation.

    ``stride``, ``padding`` and ``dilation`` are integers, or one for each axis; ``padding`` is also "valid" (none) or
    "same" (the sizes of x). ``groups`` cut the channels into as many convolutions side by side. Raises ``ShapeError``
    for channels that do not match or a kernel that does not fit, ``HyperparameterError`` for options that are no sizes.
    """
    return _conv(3, x, weight, bias, stride, padding, dilation, groups)


@derived()
def conv_transpose1d(
    x: Any,
    weight: Any,
    bias: Any = None,
    stride: Any = 1,
    padding: Any = 0,
    output_padding: Any = 0,
    groups: int = 1,
    dilation: Any = 1,
) -> Any:
    """x (N, in, L) spread by weight (in, out / groups, *kernel), plus bias (out,): the adjoint of conv1d.

    Each size becomes (size - 1) * stride - 2 * padding + dilation * (kernel - 1) + 1 + output_padding, where
    ``output_padding`` is less than the stride. Raises as conv1d does.
    """
    return _conv_transpose(1, x, weight, bias, stride, padding, output_padding, groups, dilation)


@derived()
def conv_transpose2d(
    x: Any,
    weight: Any,
    bias: Any = None,
    stride: Any = 1,
    padding: Any = 0,
    output_padding: Any = 0,
    groups: int = 1,
    dilation: Any = 1,
) -> Any:
    """x (N, in, H, W) spread by weight (in, out / groups, *kernel), plus bias (out,): the adjoint of conv2d.

    Each size becomes (size - 1) * stride - 2 * padding + dilation * (kernel - 1) + 1 + output_padding, where
    ``output_padding`` is less than the stride. Raises as conv2d does.
    """
    return _conv_transpose(2, x, weight, bias, stride, padding, output_padding, groups, dilation)


@derived()
def conv_transpose3d(
    x: Any,
    weight: Any,
    bias: Any = None,
    stride: Any = 1,
    padding: Any = 0,
    output_padding: Any = 0,
    groups: int = 1,
    dilation: Any = 1,
) -> Any:
    """x (N, in, D, H, W) spread by weight (in, out / groups, *kernel), plus bias (out,): the adjoint of conv3d.

    Each size becomes (size - 1) * stride - 2 * padding + dilation * (kernel - 1) + 1 + output_padding, where
    ``output_padding`` is less than the stride. Raises as conv3d does.
    """
    return _conv_transpose(3, x, weight, bias, stride, padding, output_padding, groups, dilation)
