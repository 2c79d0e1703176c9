"""Rows of a matrix picked by number, and its adjoint, which adds rows up where they were picked."""

from __future__ import annotations

from typing import Any

import numpy as np

from minigrad.core.conversion import as_array
from minigrad.core.primitive import routing
from minigrad.core.table import Primitive
from minigrad.kernels import scattering as kernels
from minigrad.ops.along import summable
from minigrad.ops.indexing import few_rows, read


def _without(g: Any, indices: Any, padding_idx: int | None) -> Any:
    """The gradient of picked rows with 0 for those of the padding."""
    return g if padding_idx is None else np.where((indices == padding_idx)[..., None], 0, g)


take_rows: Primitive = routing(
    lambda x, indices, padding_idx=None: read(x, indices),
    lambda g, x_shape, indices, padding_idx: scatter_rows(_without(g, indices, padding_idx), indices, x_shape[0]),
    name="take_rows", analytic=True,
    doc="""The rows of x (count, width) with these numbers, an array of integers (...): (..., width).

    The row ``padding_idx`` has no gradient.
    """,
)
take_rows.op.rows = lambda x_shape, indices, padding_idx: few_rows(x_shape, indices)
scatter_rows: Primitive = routing(
    lambda x, indices, count: kernels.scatter_rows(summable(as_array(x)), indices, count),
    lambda g, indices: take_rows(g, indices),
    name="scatter_rows", analytic=True,
    doc="Rows (..., width) added up by their numbers (...) into zeros (count, width).",
)
