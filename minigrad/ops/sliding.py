"""Windows that slide over any axes of an array, as a view: NumPy's ``sliding_window_view``."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from minigrad.core.primitive import moving
from minigrad.ops.indexing import put

__all__ = ["sliding_window_view"]

Shape = tuple[int, ...]


def _added_up(g: Any, x_shape: Shape, window: Any, axis: Any) -> Any:
    """The gradients of all windows that an element stands in."""
    places = np.lib.stride_tricks.sliding_window_view(np.arange(math.prod(x_shape)).reshape(x_shape), window, axis)
    return np.reshape(put(g, places, (math.prod(x_shape),)), x_shape)


sliding_window_view = moving(
    lambda x, window, axis=None: np.lib.stride_tricks.sliding_window_view(x, window, axis),
    lambda g, x_shape, window, axis: _added_up(g, x_shape, window, axis),
    name="sliding_window_view", numpy=(np.lib.stride_tricks.sliding_window_view,), analytic=True,
    doc="The windows of ``window`` along ``axis`` (all axes by default), as last axes, at each place where they "
    "fit: a view, so mean(sliding_window_view(x, 5), -1) is a moving average.",
)
