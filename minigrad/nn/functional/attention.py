"""Attention: a mean of values, weighted by how well each key answers the query."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from minigrad.core.checks import finite, flag
from minigrad.core.conversion import as_array
from minigrad.core.table import derived
from minigrad.errors import DTypeError, HyperparameterError, ShapeError
from minigrad.ops.attention import attended, weights

__all__ = ["attention_weights", "scaled_dot_product_attention"]


def _checked(query: Any, key: Any, attn_mask: Any, is_causal: bool) -> Any:
    """The mask, as an array or a Tensor."""
    flag("attention", "is_causal", is_causal)
    q, k = np.shape(query), np.shape(key)
    if len(q) < 2 or len(k) < 2 or q[-1] != k[-1]:
        raise ShapeError(
            f"attention takes query (..., L, E) and key (..., S, E) with one E, got {q} and {k}: split heads with "
            "x.reshape(N, L, heads, E).swapaxes(1, 2)"
        )
    if attn_mask is None:
        return None
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
    return mask


@derived()
def attention_weights(
    query: Any, key: Any, attn_mask: Any = None, *, is_causal: bool = False, scale: float | None = None
) -> Any:
    """softmax(query @ key.T * scale) over the keys: (..., L, E) and (..., S, E) give (..., L, S).

    ``attn_mask`` broadcasts to the result: bools (True: attend) or floats that are added to the scores. With
    ``is_causal`` query i sees the keys up to i. ``scale`` is 1 / sqrt(E) unless given. A query that may see no key
    has the weights 0 and no gradient (PyTorch gives NaN).
    """
    attn_mask = _checked(query, key, attn_mask, is_causal)
    return weights(query, key, attn_mask, is_causal, _scale(query, scale))


def _scale(query: Any, scale: float | None) -> float:
    if scale is None:
        return 1 / math.sqrt(max(np.shape(query)[-1], 1))
    return float(finite("attention", "scale", scale, such_as="0.125"))


def _grouped(query: Any, key: Any, value: Any, mask: Any) -> list[Any]:
    """Heads of queries as (heads of keys, queries of each), and an axis of size 1 for the others beside it."""
    shapes = [np.shape(x) for x in (query, key, value)]
    if min(map(len, shapes)) < 3:
        raise ShapeError(f"attention of grouped heads takes (..., heads, length, size), got {shapes}")
    heads, groups, others = (shape[-3] for shape in shapes)
    if groups != others or not groups or heads % groups:
        raise ShapeError(
            f"attention of grouped heads takes as many heads of values as of keys, and a multiple of them of queries; "
            f"got {heads} of queries, {groups} of keys and {others} of values"
        )
    query = np.reshape(query, (*shapes[0][:-3], groups, heads // groups, *shapes[0][-2:]))
    shape = np.shape(mask)
    if len(shape) > 2:
        split = (groups, heads // groups) if shape[-3] == heads else (shape[-3], 1)
        mask = np.reshape(mask, (*shape[:-3], *split, *shape[-2:]))
    return [query, np.expand_dims(key, -3), np.expand_dims(value, -3), mask]


@derived()
def scaled_dot_product_attention(
    query: Any,
    key: Any,
    value: Any,
    attn_mask: Any = None,
    *,
    is_causal: bool = False,
    scale: float | None = None,
    enable_gqa: bool = False,
) -> Any:
    """attention_weights(query, key) @ value: (..., L, E), (..., S, E), (..., S, V) give (..., L, V).

    Leading axes (batch, heads) broadcast. Masks, ``scale`` and errors as in ``attention_weights``; a query that may
    see no key gives 0 with a gradient of 0. With ``enable_gqa`` the heads of queries, in axis -3, are a multiple of
    those of keys and values, and neighbours share one (Ainslie and others, 2023).

    Where the scores take more than 8 MiB (causal ones 1 MiB), they are never there as a whole: memory goes with L + S,
    also backward; not so for the second order, for a mask of floats that has a gradient, and for arguments of several
    dtypes. Source: Vaswani and others, 2017.
    """
    if np.ndim(value) < 2 or np.shape(value)[-2] != np.shape(key)[-2]:
        raise ShapeError(
            f"attention takes one value for each key: key (..., S, E) and value (..., S, V), got {np.shape(key)} and "
            f"{np.shape(value)}"
        )
    flag("attention", "enable_gqa", enable_gqa)
    attn_mask = _checked(query, key, attn_mask, is_causal)
    scale = _scale(query, scale)
    if not enable_gqa:
        return attended(query, key, value, attn_mask, is_causal, scale)
    query, key, value, attn_mask = _grouped(query, key, value, attn_mask)
    z = attended(query, key, value, attn_mask, is_causal, scale)
    return np.reshape(z, (*z.shape[:-4], z.shape[-4] * z.shape[-3], *z.shape[-2:]))
