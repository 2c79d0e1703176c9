"""The weights of attention: softmax where a mask lets something through."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from minigrad.core.conversion import as_array
from minigrad.core.primitive import primitive
from minigrad.core.table import Primitive
from minigrad.ops.elementwise import inexact

__all__ = ["masked_softmax"]


def _masked_softmax(x: Any, mask: Any) -> Any:
    x = inexact(x)
    mask = as_array(mask)
    if x.dtype.char == "e":  # a sum of many would leave its range
        return _masked_softmax(x.astype(np.float32), mask).astype(np.result_type(x, mask))
    with np.errstate(over="ignore", invalid="ignore"):  # -inf - -inf, in rows that are masked altogether
        if mask.dtype != bool:
            scores = x + mask
        elif x.dtype.kind == "c":
            scores = np.where(mask, x, -math.inf)
        else:  # the same in a third of the time; a NaN that may be seen becomes inf, and its row NaN all the same
            scores = np.fmin(x, np.where(mask, math.inf, -math.inf).astype(x.dtype))
        top = np.max(np.real(scores), -1, keepdims=True, initial=-math.inf)
        scores -= np.where(np.isfinite(top), top, 0)
        np.exp(scores, out=scores)
    total = np.matmul(scores, np.ones(scores.shape[-1], scores.dtype))[..., None]  # BLAS sums rows faster than np.sum
    scores /= np.where(total == 0, 1, total)  # a row that is masked altogether stays 0
    return scores


def _pullback(g: Any, p: Any) -> Any:
    """The product of g with the Jacobian of softmax, diag(p) - p pT."""
    return p * (g - np.sum(g * p, -1, keepdims=True))


masked_softmax: Primitive = primitive(
    _masked_softmax, lambda g, z: _pullback(g, z), lambda g, z: _pullback(g, z),
    analytic=True, real=True,
    doc="""softmax over the last axis of x where ``mask`` is True, or of x + mask for a mask of floats.

    The mask broadcasts with x. A row that is masked out, all False or all -inf, is 0 with a gradient of 0.
    """,
)


def _masked_softmax_by_parts(x: Any, mask: Any) -> Any:
    mask = mask if hasattr(mask, "_node") else as_array(mask)
    e = np.where(mask, np.exp(x), 0) if mask.dtype == bool else np.exp(x + mask)
    total = np.sum(e, -1, keepdims=True)
    return e / np.where(total == 0, 1, total)


#: The plain function that each fused operation equals, on Tensors.
composites: dict[str, Callable[..., Any]] = {"masked_softmax": _masked_softmax_by_parts}
