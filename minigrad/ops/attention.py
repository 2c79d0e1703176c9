"""Attention: a mean of values, weighted by how well each key answers the query."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from minigrad.core.conversion import as_array
from minigrad.core.primitive import primitive
from minigrad.core.table import Primitive, derived
from minigrad.errors import DTypeError, HyperparameterError, ShapeError
from minigrad.ops.along import narrowed, widened
from minigrad.ops.elementwise import inexact

__all__ = ["attention_weights", "masked_softmax", "scaled_dot_product_attention"]


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

    The mask broadcasts with x. A row of which nothing is left, all False or all -inf, is 0 with a gradient of 0.
    """,
)


def _causal(queries: int, keys: int) -> Any:
    """Query i sees the keys up to i."""
    return np.arange(keys) <= np.arange(queries)[:, None]


def _check(query: Any, key: Any, attn_mask: Any, is_causal: bool) -> None:
    q, k = np.shape(query), np.shape(key)
    if len(q) < 2 or len(k) < 2 or q[-1] != k[-1]:
        raise ShapeError(
            f"attention takes query (..., L, E) and key (..., S, E) with one E, got {q} and {k}: split heads with "
            "x.reshape(N, L, heads, E).swapaxes(1, 2)"
        )
    if attn_mask is None:
        return
    if is_causal:
        raise HyperparameterError("give attn_mask or is_causal=True, not both: put the causal mask into attn_mask")
    mask = attn_mask if hasattr(attn_mask, "_node") else as_array(attn_mask)
    if mask.dtype.kind not in "bf":
        raise DTypeError(
            f"attn_mask is of bools (True: attend) or of floats that are added, got dtype {mask.dtype}: write "
            ".astype(bool)"
        )
    try:
        fits = np.broadcast_shapes(mask.shape, (q[-2], k[-2]))[-2:] == (q[-2], k[-2])
    except ValueError:
        fits = False
    if not fits:
        raise ShapeError(f"attn_mask broadcasts to (..., {q[-2]}, {k[-2]}), (queries, keys); got {mask.shape}")


@derived()
def attention_weights(
    query: Any, key: Any, attn_mask: Any = None, *, is_causal: bool = False, scale: float | None = None
) -> Any:
    """softmax(query @ key.T * scale) over the keys: (..., L, E) and (..., S, E) give (..., L, S).

    ``attn_mask`` broadcasts to the result: bools (True: attend) or floats that are added to the scores. With
    ``is_causal`` query i sees the keys up to i. ``scale`` is 1 / sqrt(E) unless given. A query that may see no key
    has the weights 0 and no gradient (PyTorch gives NaN).
    """
    _check(query, key, attn_mask, is_causal)
    width = np.shape(query)[-1]
    scale = 1 / math.sqrt(max(width, 1)) if scale is None else scale
    # Sums of products leave the range of float16 where the weights do not.
    scores = np.matmul(widened(query) * scale, np.swapaxes(widened(key), -1, -2))
    if is_causal:
        attn_mask = _causal(*scores.shape[-2:])
    # True lets everything through: softmax itself would have no answer for no keys at all.
    weights = masked_softmax(scores, True if attn_mask is None else attn_mask)
    added = getattr(getattr(attn_mask, "dtype", None), "kind", "b") == "f"
    return narrowed(weights, query, key, attn_mask if added else None)


@derived()
def scaled_dot_product_attention(
    query: Any, key: Any, value: Any, attn_mask: Any = None, *, is_causal: bool = False, scale: float | None = None
) -> Any:
    """attention_weights(query, key) @ value: (..., L, E), (..., S, E), (..., S, V) give (..., L, V).

    Leading axes (batch, heads) broadcast. Masks, ``scale`` and errors as in ``attention_weights``; a query that may
    see no key gives 0 with a gradient of 0. Of the (L, S) matrices the graph keeps the weights alone. Source: Vaswani
    and others, 2017.
    """
    if np.ndim(value) < 2 or np.shape(value)[-2] != np.shape(key)[-2]:
        raise ShapeError(
            f"attention takes one value for each key: key (..., S, E) and value (..., S, V), got {np.shape(key)} and "
            f"{np.shape(value)}"
        )
    return np.matmul(attention_weights(query, key, attn_mask, is_causal=is_causal, scale=scale), value)


def _masked_softmax_by_parts(x: Any, mask: Any) -> Any:
    mask = mask if hasattr(mask, "_node") else as_array(mask)
    e = np.where(mask, np.exp(x), 0) if mask.dtype == bool else np.exp(x + mask)
    total = np.sum(e, -1, keepdims=True)
    return e / np.where(total == 0, 1, total)


#: The plain function that each fused operation equals, on Tensors.
composites: dict[str, Callable[..., Any]] = {"masked_softmax": _masked_softmax_by_parts}
