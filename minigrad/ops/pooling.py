"""The maximum of windows of images (N, C, *sizes). Where elements tie, they share evenly."""

from __future__ import annotations

from minigrad.core.primitive import routing
from minigrad.core.table import Primitive
from minigrad.kernels import pooling as kernels

window_share: Primitive = routing(
    kernels.window_share, lambda g, x, top, window: window_gather(g, x, top, window), None, None,
    view=True,
    real=True,
    doc="y, one number for each window of x, divided evenly among its elements that equal ``top``, the maximum.",
)
window_gather: Primitive = routing(
    kernels.window_gather, lambda g, x, top, window: window_share(g, x, top, window), None, None,
    doc="The mean of y, an array like x, over the elements of each window of x that equal ``top``, the maximum.",
)
max_pool: Primitive = routing(
    kernels.max_pool, lambda g, z, x, window: window_share(g, x, z, window),
    real=True, doc="The maximum of each window of x (N, C, *sizes); elements that tie share the gradient evenly.",
)
