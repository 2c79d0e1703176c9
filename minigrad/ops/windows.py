"""Windows that slide over the last axes of images (N, C, *sizes): as columns, and summed up.

Of each pair of rows, one is the gradient of the other. The geometry is a ``Window``, which convolutions and pooling
share; ``minigrad.nn.functional`` makes it of what a user writes.
"""

from __future__ import annotations

from minigrad.core.conversion import as_array
from minigrad.core.primitive import moving
from minigrad.core.table import Primitive
from minigrad.kernels import windows as kernels
from minigrad.ops.along import summable

window_columns: Primitive = moving(
    kernels.columns, lambda g, x_shape, window: window_uncolumns(g, window, x_shape[2:]),
    name="window_columns", analytic=True, view=True,
    doc="The windows of x (N, C, *sizes) as columns (N, C * kernel, places), padded with zeros.",
)
window_uncolumns: Primitive = moving(
    lambda x, window, size: kernels.uncolumns(summable(as_array(x)), window, size),
    lambda g, window: window_columns(g, window),
    name="window_uncolumns", analytic=True, view=True,
    doc="Columns added up where windows overlap: (N, C, *size), the adjoint of window_columns.",
)


window_sum: Primitive = moving(
    lambda x, window: kernels.window_sum(summable(as_array(x)), window),
    lambda g, x_shape, window: window_spread(g, window, x_shape[2:]),
    name="window_sum", analytic=True, doc="The sum over each window of x (N, C, *sizes), padded with zeros.",
)


window_spread: Primitive = moving(
    lambda x, window, size: kernels.window_spread(summable(as_array(x)), window, size),
    lambda g, window: window_sum(g, window),
    name="window_spread", analytic=True, view=True,
    doc="x added to every element of its window: (N, C, *size), the adjoint of window_sum.",
)
