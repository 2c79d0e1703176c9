"""Convolutions of one to three axes as large matrix products, and their transposes.

One trilinear form, sum(z * convolution(x, weight)), has three derivatives, and each is a row: ``convolution`` gives
z from x and the weight, ``convolution_transpose`` x from z and the weight, ``convolution_kernel`` the weight from x
and z. The gradients of each are the other two, so every order is made of these three.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from minigrad.core.primitive import primitive
from minigrad.core.table import Primitive
from minigrad.kernels import convolution as kernels


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
convolution.op.optional = frozenset({"bias"})
convolution_transpose: Primitive = primitive(
    kernels.convolution_transpose,
    lambda g, weight, window, groups: convolution(g, weight, None, window, groups),
    lambda g, x, window, groups: convolution_kernel(g, x, window, groups),
    lambda g: _sum_of_channels(g),
    analytic=True,
    doc="The adjoint of convolution with respect to its images: (N, out, *places) to (N, in, *size), plus bias (in,).",
)
convolution_transpose.op.optional = frozenset({"bias"})
convolution_kernel: Primitive = primitive(
    kernels.convolution_kernel,
    lambda g, y, x_shape, window, groups: convolution_transpose(y, g, None, window, x_shape[2:], groups),
    lambda g, x, window, groups: convolution(x, g, None, window, groups),
    analytic=True,
    doc="The adjoint of convolution with respect to its weight: x (N, in, *sizes) correlated with y (N, out, *places).",
)
