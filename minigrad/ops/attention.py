"""Attention: its weights, softmax where a mask lets something through, and a mean of values by these weights.

q, k, v are query, key and value, p the weights, s the scores that they are the softmax of
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from minigrad.core.conversion import as_array, detached
from minigrad.core.primitive import primitive
from minigrad.core.reachability import ROUTING
from minigrad.core.table import Primitive
from minigrad.kernels import attention as kernels
from minigrad.ops.along import narrowed, widened
from minigrad.ops.elementwise import inexact
from minigrad.ops.equal_values import parts
from minigrad.ops.linalg import transposed

Shape = tuple[int, ...]

__all__ = ["masked_softmax"]

# -- the weights --------------------------------------------------------------------------------


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
    if p.dtype == np.float16:  # a sum of many leaves its range
        return _pullback(widened(g), widened(p)).astype(np.float16)
    return p * (g - np.sum(g * p, -1, keepdims=True))


masked_softmax: Primitive = primitive(
    _masked_softmax, lambda g, z, mask: _pullback(g, z), lambda g, z: _pullback(g, z),
    analytic=True, real=True, flow=ROUTING,
    doc="""softmax over the last axis of x where ``mask`` is True, or of x + mask for a mask of floats.

    The mask broadcasts with x. A row that is masked out, all False or all -inf, is 0 with a gradient of 0.
    """,
)


def _shown(g: Any, z: Any, mask: Any = True) -> Any:
    """The scores that a mask of bools lets through, in rows that are reached; of one that is added, all."""
    shown = mask if mask is True or mask.dtype.kind == "b" else True
    return np.broadcast_to(np.logical_and(np.any(g, -1, keepdims=True), shown), z.shape)


masked_softmax.op.reach = _shown  # what is hidden may be the result of log(0)


def causal_mask(queries: int, keys: int) -> Any:
    """Query i sees the keys up to i."""
    return np.arange(keys) <= np.arange(queries)[:, None]


def weights(query: Any, key: Any, mask: Any, causal: bool, scale: float) -> Any:
    """softmax(query @ key.T * scale) over the keys that ``mask`` (or None) lets through, and with ``causal`` order."""
    # Sums of products leave the range of float16 where the weights do not.
    scores = np.matmul(widened(query) * scale, transposed(widened(key)))
    added = getattr(getattr(mask, "dtype", None), "kind", "b") == "f"
    added_mask = mask if added else None
    if causal:
        before = causal_mask(*scores.shape[-2:])
        hidden = np.where(before, 0, -math.inf).astype(scores.dtype)
        mask = before if mask is None else mask + hidden if added else np.logical_and(mask, before)
    # True lets everything through: softmax itself would have no answer for no keys at all.
    return narrowed(masked_softmax(scores, True if mask is None else mask), query, key, added_mask)


# -- in tiles -----------------------------------------------------------------------------------


attention_logs: Primitive = primitive(
    lambda query, key, value, mask, causal, scale, shared=None:
        kernels.attention(query, key, value, mask, causal, scale)[1],
    lambda g, query, key, mask, causal, scale: g * np.matmul(weights(query, key, mask, causal, scale), key) * scale,
    lambda g, query, key, mask, causal, scale: np.matmul(
        transposed(g * weights(query, key, mask, causal, scale)), query
    ) * scale,
    lambda g, value: np.zeros_like(value),
    None,
    name="attention_logs", real=True,
    doc="The logarithms of the sums of exp(query @ key.T * scale) over the keys that are seen, (..., L, 1); inf where "
    "none is. ``value`` gives its leading axes alone.",
)
attention_logs.op.optional = frozenset({"mask"})


def _shapes(query: Any, key: Any, value: Any) -> list[Shape]:
    return [np.shape(x)[-2:] for x in (query, key, value)]


def _back_formula(argument: int) -> Callable[..., Any]:
    """One gradient of the second order, with the whole matrix: of u, the query, the key or the value."""

    def formula(g: Any, u: Any, query: Any, key: Any, value: Any, mask: Any, causal: Any, scale: Any) -> Any:
        g_q, g_k, g_v = parts(g, *_shapes(query, key, value))
        p, a = weights(query, key, mask, causal, scale), np.matmul(u, transposed(value))
        h = (np.matmul(g_q, transposed(key)) + np.matmul(query, transposed(g_k))) * scale
        if argument == 0:
            return np.matmul(p, g_v) + np.matmul(_pullback(h, p), value)
        if argument == 3:
            return np.matmul(transposed(_pullback(h, p)), u)
        of_p = np.matmul(u, transposed(g_v)) + h * (a - np.sum(a * p, -1, keepdims=True))
        of_s, s = _pullback(of_p - a * np.sum(h * p, -1, keepdims=True), p) * scale, _pullback(a, p) * scale
        if argument == 1:
            return np.matmul(s, g_k) + np.matmul(of_s, key)
        return np.matmul(transposed(s), g_q) + np.matmul(transposed(of_s), query)

    return formula


attention_back: Primitive = primitive(
    lambda u, query, key, value, mask, y, logs, causal, scale:
        kernels.attention_back(u, y, logs, query, key, value, mask, causal, scale),
    _back_formula(0), _back_formula(1), _back_formula(2), _back_formula(3), None, None, None,
    name="attention_back", real=True,
    doc="""The gradients of ``attention`` for a gradient u of its output: of query, key and value, packed.

    Each is flattened, one after the other along the last axis, with all leading axes. ``y`` and ``logs`` are what the
    forward pass gave, and add nothing to the gradients of this operation: they follow from the others.
    """,
)
attention_back.op.optional = frozenset({"mask"})


class Once:
    """What the formulas of one call share: calculated for the first of them, kept for the others."""

    __slots__ = ("_found",)

    def __init__(self) -> None:
        self._found: tuple[Any, Any] = (None, None)

    def of(self, g: Any, calculate: Callable[[], Any]) -> Any:
        """``calculate()``, once for each gradient that flows in."""
        if hasattr(g, "_node"):  # the graph of a Tensor would lead back to this object: a cycle
            return calculate()
        if self._found[0] is not g:
            self._found = g, calculate()
        return self._found[1]


def _formula(argument: int) -> Callable[..., Any]:
    """The formula of one argument: a part of what one walk over the tiles gives."""

    def formula(
        g: Any, z: Any, query: Any, key: Any, value: Any, mask: Any, causal: Any, scale: Any, shared: Any, logs: Any
    ) -> Any:
        def calculate() -> Any:
            return attention_back(g, query, key, value, mask, detached(z), detached(logs), causal, scale)

        gradients = calculate() if shared is None else shared.of(g, calculate)
        return parts(gradients, *_shapes(query, key, value))[argument]

    return formula


attention: Primitive = primitive(
    lambda query, key, value, mask, causal, scale, shared=None:
        kernels.attention(query, key, value, mask, causal, scale),
    _formula(0), _formula(1), _formula(2), None,
    name="attention", residuals={"logs": attention_logs}, real=True,
    doc="""softmax(query @ key.T * scale) @ value in tiles, without the matrix of scores, for arrays of one dtype.

    ``mask`` is None, bools (True: attend) or floats that are added, and has no gradient; with ``causal`` query i sees
    the keys up to i, as far as the mask lets it. A query that sees no key gives 0. Backwards the scores are computed
    again (Dao and others, 2022); the second order takes the whole matrix.
    """,
)
attention.op.optional = frozenset({"mask"})


#: Bytes of scores above which tiles are worth it; fewer where half of them is left out, of this many rows and more.
LARGE, LARGE_CAUSAL, CAUSAL_ROWS = 2**23, 2**20, 192


def attended(query: Any, key: Any, value: Any, mask: Any, causal: bool, scale: float) -> Any:
    """``weights(query, key, ...) @ value``, in tiles where the scores are many and the mask has no gradient."""
    if not getattr(mask, "requires_grad", False):
        dtypes = {getattr(x, "dtype", None) for x in (query, key, value)}
        dtypes |= set() if mask is None or mask.dtype.kind == "b" else {mask.dtype}
        itemsize = _TILED.get(query.dtype, 0) if len(dtypes) == 1 and hasattr(query, "dtype") else 0
        lead = np.broadcast_shapes(*[np.shape(x)[:-2] for x in (query, key, value)])
        rows = np.shape(query)[-2]
        enough = LARGE_CAUSAL if causal and rows >= CAUSAL_ROWS else LARGE
        if math.prod(lead) * rows * np.shape(key)[-2] * itemsize > enough:
            mask = detached(mask)
            if mask is not None and len(mask.shape) < 2:
                mask = np.reshape(mask, (1, -1))
            return attention(query, key, value, mask, causal, scale, Once())
    return np.matmul(weights(query, key, mask, causal, scale), value)


#: Bytes of an element, of the dtypes that tiles are for.
_TILED: dict[Any, int] = {np.dtype(np.float32): 4, np.dtype(np.float64): 8}
