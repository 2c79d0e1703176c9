"""Convolutions of one to three axes, and their transposes: one function of each kind, and its faces by axes."""

from __future__ import annotations

from typing import Any

import numpy as np

from minigrad.core.checks import is_whole
from minigrad.errors import HyperparameterError, ShapeError
from minigrad.kernels.windows import Sizes, Window
from minigrad.nn.functional.windows import by_axes, check_fits, check_images, sizes_of, window_of
from minigrad.ops.along import given, summed
from minigrad.ops.convolution import convolution, convolution_transpose

__all__ = ["conv1d", "conv2d", "conv3d", "conv_transpose1d", "conv_transpose2d", "conv_transpose3d"]


def _conv(
    axes: int,
    x: Any,
    weight: Any,
    bias: Any = None,
    stride: Any = 1,
    padding: Any = 0,
    dilation: Any = 1,
    groups: int = 1,
) -> Any:
    """Windows of x (N, in, {sizes}) times weight (out, in / groups, *kernel), plus bias (out,): a cross-correlation.

    ``stride``, ``padding`` and ``dilation`` are integers, or one for each axis; ``padding`` is also "valid" (none) or
    "same" (the sizes of x). ``groups`` cut the channels into as many convolutions side by side. Raises ``ShapeError``
    for channels that do not match or a kernel that does not fit, ``HyperparameterError`` for options that are no sizes.
    """
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


def _conv_transpose(
    axes: int,
    x: Any,
    weight: Any,
    bias: Any = None,
    stride: Any = 1,
    padding: Any = 0,
    output_padding: Any = 0,
    groups: int = 1,
    dilation: Any = 1,
) -> Any:
    """x (N, in, {sizes}) spread by weight (in, out / groups, *kernel), plus bias (out,): the adjoint of conv{n}d.

    Each size becomes (size - 1) * stride - 2 * padding + dilation * (kernel - 1) + 1 + output_padding, where
    ``output_padding`` is less than the stride. Raises as conv{n}d does.
    """
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


conv1d, conv2d, conv3d = by_axes("conv{n}d", _conv, (1, 2, 3))
conv_transpose1d, conv_transpose2d, conv_transpose3d = by_axes("conv_transpose{n}d", _conv_transpose, (1, 2, 3))


# -- what is checked ----------------------------------------------------------------------------


def _check_weight(what: str, weight: Any, bias: Any, axes: int, groups: Any, outputs: int) -> None:
    """Raise unless the weight has ``axes`` kernel sizes and the bias one number for each output channel."""
    shape = np.shape(weight)
    if len(shape) != axes + 2 or not all(shape):
        raise ShapeError(
            f"{what} takes a weight with {axes} kernel sizes after its channels, {axes + 2} axes in all, none of them "
            f"empty; got shape {shape}"
        )
    if not is_whole(groups, 1) or shape[0] % groups:
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


def _whole(x: Any, weight: Any) -> tuple[Any, Any]:
    """Both as they are; or, where both are integers, in the dtype in which ``np.sum`` adds up their products."""
    x, weight = given(x), given(weight)
    dtype = np.result_type(x.dtype, weight.dtype)
    return (x.astype(summed(dtype)), weight.astype(summed(dtype))) if dtype.kind in "iub" else (x, weight)
