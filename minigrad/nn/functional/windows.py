"""Windows over images (N, C, *sizes): unfold and fold, and what a user says of a window, checked."""

from __future__ import annotations

import functools
import math
from collections.abc import Callable, Iterable
from types import FunctionType
from typing import Any, Concatenate, ParamSpec, cast

import numpy as np

from minigrad.core.checks import is_whole
from minigrad.core.table import derived
from minigrad.errors import HyperparameterError, ShapeError
from minigrad.kernels.windows import Sizes, Window
from minigrad.ops.along import given
from minigrad.ops.windows import window_columns, window_uncolumns

__all__ = ["fold", "unfold"]

P = ParamSpec("P")

#: The sizes of images by their number of axes, in the letters of docstrings.
LETTERS = ("", "L", "H, W", "D, H, W")


def by_axes(
    name: str, function: Callable[Concatenate[int, P], Any], numbers: Iterable[int]
) -> tuple[Callable[P, Any], ...]:
    """A function of the table for each number of axes, made of one whose first argument that number is.

    ``name`` and the docstring say {n} for the number and {sizes} for the letters of as many sizes.
    """

    def face(axes: int) -> Callable[P, Any]:
        called = name.format(n=axes)
        own = cast(FunctionType, function)  # a copy, so that Python's errors say its name
        own = FunctionType(own.__code__, own.__globals__, called, own.__defaults__)
        own.__qualname__, own.__annotations__ = called, function.__annotations__
        call = functools.partial(own, axes)
        doc = (function.__doc__ or "").format(n=axes, sizes=LETTERS[axes])
        vars(call).update(__name__=called, __qualname__=called, __module__=function.__module__, __doc__=doc)
        return derived()(call)

    return tuple([face(axes) for axes in numbers])


def sizes_of(value: Any, axes: int, name: str, least: int) -> Sizes:
    """One integer for each axis, from one for all or a sequence. Raises ``HyperparameterError``."""
    values = tuple(value) if isinstance(value, (tuple, list)) else (value,) * axes
    right = all(is_whole(v, least) for v in values)
    if len(values) != axes or not right:
        raise HyperparameterError(
            f"{name} is an integer >= {least}, or one for each of {axes} axes, such as {(max(least, 1),) * axes}; "
            f"got {value!r}"
        )
    return tuple([int(v) for v in values])


def window_of(axes: int, kernel: Any, stride: Any = 1, padding: Any = 0, dilation: Any = 1) -> Window:
    """A Window with the same padding on both sides. Raises ``HyperparameterError``."""
    return Window(
        sizes_of(kernel, axes, "kernel_size", 1),
        sizes_of(stride, axes, "stride", 1),
        tuple([(p, p) for p in sizes_of(padding, axes, "padding", 0)]),
        sizes_of(dilation, axes, "dilation", 1),
    )


def check_fits(what: str, window: Window, sizes: Sizes) -> None:
    """Raise ``ShapeError`` unless the window has at least one place."""
    if any(extent > size for extent, size in zip(window.extents(), window.padded(sizes), strict=True)):
        raise ShapeError(
            f"{what}: a window that reaches over {window.extents()} elements (kernel {window.kernel}, dilation "
            f"{window.dilation}) does not fit into {sizes} with padding {window.padding}: take a smaller kernel or "
            "more padding"
        )


def check_images(what: str, x: Any, axes: int) -> None:
    """Raise ``ShapeError`` unless x is a batch of channels with this number of axes."""
    shape = np.shape(x)
    if len(shape) != axes + 2:
        names = f"(N, C, {('L', 'H, W', 'D, H, W')[axes - 1]})"
        hint = ": write x[None] for a batch of one" if len(shape) == axes + 1 else ""
        raise ShapeError(f"{what} takes x of shape {names}, {axes + 2} axes, got shape {shape}{hint}")


@derived()
def unfold(x: Any, kernel_size: Any, *, stride: Any = 1, padding: Any = 0, dilation: Any = 1) -> Any:
    """The windows of x (N, C, *sizes) as columns (N, C * kernel, places), padded with zeros; 1 to 3 sizes.

    The rows run over channels, then over the elements of the window; the columns over its places. Raises
    ``ShapeError`` for a window that does not fit, ``HyperparameterError`` for options that are no sizes.
    """
    x = given(x)
    axes = len(x.shape) - 2
    if axes not in (1, 2, 3):
        raise ShapeError(f"unfold takes x of shape (N, C, *sizes) with 1 to 3 sizes, got shape {x.shape}")
    window = window_of(axes, kernel_size, stride, padding, dilation)
    check_fits("unfold", window, x.shape[2:])
    return window_columns(x, window)


@derived()
def fold(x: Any, output_size: Any, kernel_size: Any, *, stride: Any = 1, padding: Any = 0, dilation: Any = 1) -> Any:
    """Columns (N, C * kernel, places) added up where windows overlap: (N, C, *output_size), the adjoint of unfold.

    ``output_size`` is a tuple of 1 to 3 sizes, without the padding. Raises ``ShapeError`` for columns that are no
    windows of an array of that size.
    """
    x = given(x)
    if not isinstance(output_size, (tuple, list)):
        raise HyperparameterError(f"output_size has one size for each axis, such as (28, 28), got {output_size!r}")
    size = sizes_of(output_size, len(output_size), "output_size", 0)
    window = window_of(len(size), kernel_size, stride, padding, dilation)
    check_fits("fold", window, size)
    counts, elements = window.counts(size), math.prod(window.kernel)
    if len(x.shape) != 3 or x.shape[1] % elements or x.shape[2] != math.prod(counts):
        raise ShapeError(
            f"fold into {size} takes x of shape (N, C * {elements}, {math.prod(counts)}): kernel {window.kernel} has "
            f"{elements} elements and {counts} places there; got shape {x.shape}"
        )
    return window_uncolumns(x, window, size)
