"""Windows that slide over the last axes of images (N, C, *sizes): as columns, and summed up.

Of each pair of rows, one is the gradient of the other. The geometry is a ``Window``, which convolutions and pooling
share; ``minigrad.nn.functional`` makes it of what a user writes.
"""

from __future__ import annotations

from typing import Any

from minigrad.core.conversion import as_array
from minigrad.core.primitive import moving
from minigrad.core.table import Primitive
from minigrad.kernels import windows as kernels
from minigrad.kernels.windows import Sizes, Window
from minigrad.ops.along import summable

__all__ = ["window_spread", "window_sum"]


def _uncolumns(x: Any, window: Window, size: Sizes) -> Any:
    return kernels.uncolumns(summable(as_array(x)), window, size)


window_columns: Primitive = moving(
    kernels.columns, lambda g, x_shape, window: window_uncolumns(g, window, x_shape[2:]),
    name="window_columns", analytic=True, view=True,
    doc="The windows of x (N, C, *sizes) as columns (N, C * kernel, places), padded with zeros.",
)
window_uncolumns: Primitive = moving(
    _uncolumns, lambda g, window: window_columns(g, window),
    name="window_uncolumns", analytic=True, view=True,
    doc="Columns added up where windows overlap: (N, C, *size), the adjoint of window_columns.",
)


def _window_sum(x: Any, window: Window) -> Any:
    return kernels.window_sum(summable(as_array(x)), window)


window_sum: Primitive = moving(
    _window_sum, lambda g, x_shape, window: window_spread(g, window, x_shape[2:]),
    name="window_sum", analytic=True, doc="The sum over each window of x (N, C, *sizes), padded with zeros.",
)


def _spread_out(x: Any, window: Window, size: Sizes) -> Any:
    return kernels.window_spread(summable(as_array(x)), window, size)


window_spread: Primitive = moving(
    _spread_out, lambda g, window: window_sum(g, window),
    name="window_spread", analytic=True, view=True,
    doc="x added to every element of its window: (N, C, *size), the adjoint of window_sum.",
)
