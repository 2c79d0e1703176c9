"""Several results as one vector: a node has one output, so a function with more packs them and hands out parts."""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from minigrad.core.primitive import primitive
from minigrad.ops.complex_numbers import real
from minigrad.ops.elementwise import astype
from minigrad.ops.indexing import put
from minigrad.ops.shaping import reshape

#: One of several results, cut out of the vector of all.
part = primitive(
    lambda packed, start, shape: np.reshape(packed[start : start + math.prod(shape)], shape),
    lambda g, packed_shape, start, shape: put(np.reshape(g, -1), slice(start, start + math.prod(shape)), packed_shape),
    name="part",
    holomorphic=True,
    doc="One of several results that are one vector in the graph.",
)


def starts(outputs: Sequence[Any]) -> list[int]:
    """Where each output starts in the vector of all."""
    return list(itertools.accumulate((z.size for z in outputs[:-1]), initial=0))


def parts(packed: Any, outputs: Sequence[Any]) -> list[Any]:
    """The vector of all taken apart, in the shapes and dtypes of ``outputs``; of a single one, it is that itself."""
    if len(outputs) == 1:
        return [packed]
    tensors = []
    for start, z in zip(starts(outputs), outputs, strict=True):
        piece = reshape(packed[start : start + z.size], z.shape)
        tensors.append(as_kind(piece, z.dtype))
    return tensors


def as_kind(piece: Any, dtype: np.dtype) -> Any:
    """A part of the vector of all in its own dtype: that of all may be wider, and complex where a part is real."""
    if piece.dtype.kind == "c" and dtype.kind != "c":
        piece = real(piece)
    return piece if piece.dtype == dtype else astype(piece, dtype)
