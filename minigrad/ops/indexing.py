"""Indexing by anything NumPy accepts, and its adjoint: ``getitem`` reads, ``put`` adds up what was read."""

from __future__ import annotations

from typing import Any

import numpy as np

from minigrad.core.context import recorder
from minigrad.core.conversion import as_array, zeros
from minigrad.core.members import at, batches_made
from minigrad.core.primitive import routing
from minigrad.core.table import Primitive
from minigrad.kernels.scattering import fitted, may_repeat, scatter_add

__all__ = ["put"]

Shape = tuple[int, ...]


def _put(x: Any, index: Any, shape: Shape) -> Any:
    if may_repeat(index):
        return scatter_add(x, index, shape)
    z = zeros(shape, x)
    z[index] = fitted(x)
    return z


def read(g: Any, index: Any) -> Any:
    """``g[index]``, also where g is plain, as a table or gradient of ones is, and the index recorded or of a batch."""
    recording = recorder()
    if (recording is None and not batches_made) or hasattr(g, "_node"):
        return g[index]
    return at(recording.capture(g) if recording is not None and type(g) is np.ndarray else g, index)


def refitted(g: Any, x_shape: Shape) -> Any:
    """The elements of a gradient at an index, with the axes of size 1 that ``fitted`` took off."""
    extra = len(x_shape) - len(g.shape)
    return np.reshape(g, (1,) * extra + g.shape) if extra > 0 else g


#: Rows are few if they are at most this part of all: more of them are updated sooner all together.
_FEW = 8


def few_rows(x_shape: Any, indices: Any) -> np.ndarray | None:
    """The numbers of the rows that are picked, in order and each once, if these are a small part of a matrix."""
    if len(x_shape) != 2 or type(indices) is not np.ndarray or indices.dtype.kind != "i":
        return None
    if indices.size * _FEW > x_shape[0]:
        return None
    picked = np.zeros(x_shape[0], bool)
    picked[indices] = True
    return np.flatnonzero(picked)


getitem: Primitive = routing(
    lambda x, index: at(as_array(x), index) if batches_made else as_array(x)[index],
    lambda g, x_shape, index: put(g, index, x_shape),
    name="getitem",
    analytic=True, view=True, doc="x[index]: ints, slices, None, ..., arrays of ints or bools, and tuples of them.",
)
getitem.op.rows = few_rows
put: Primitive = routing(
    _put, lambda g, index, x_shape: refitted(read(g, index), x_shape),
    analytic=True, doc="Zeros of ``shape`` with x added at ``index``: the adjoint of ``getitem``.",
)
