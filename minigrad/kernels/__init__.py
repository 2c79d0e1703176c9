"""Kernels: functions on arrays that need loops or buffers, or look at the data. They know NumPy alone.

Each is marked with ``numpy_function``: a compiled program calls it as a whole, and a backend may have another function
in its place. No kernel knows tensors, rows or gradients; the formulas that are made of them are in ``minigrad.ops``.
"""

from minigrad.kernels import (
    attention,
    convolution,
    depthwise,
    determinants,
    image_layout,
    normal,
    normalisation,
    pooling,
    recurrent,
    row_norms,
    scans,
    scattering,
    sorting,
    triangular,
    windows,
    winograd,
)

__all__ = [
    "attention", "convolution", "depthwise", "determinants", "image_layout", "normal", "normalisation", "pooling",
    "recurrent", "row_norms", "scans", "scattering", "sorting", "triangular", "windows", "winograd",
]
