"""Multi-head attention, with PyTorch's weights and masks."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import DTypeLike

from minigrad.core.checks import probability, whole
from minigrad.core.conversion import as_array, detached, dtype_or_default
from minigrad.errors import DTypeError, HyperparameterError, ShapeError
from minigrad.nn import functional as F
from minigrad.nn.init import Initializer, drawn
from minigrad.nn.linear import Linear
from minigrad.nn.module import Module
from minigrad.nn.parameter import Parameter
from minigrad.ops.attention import attended
from minigrad.ops.attention import weights as attention_weights

__all__ = ["MultiheadAttention"]


class MultiheadAttention(Module):
    """Attention in ``num_heads`` subspaces side by side (Vaswani and others, 2017).

    Parameters as in PyTorch: ``in_proj_weight`` (3 * embed_dim, embed_dim) with the rows for queries, keys and values
    one below the other, drawn by ``init`` (glorot_uniform, as there); ``in_proj_bias``, zeros at first, or None;
    ``out_proj``, a Linear. In training, each weight of the attention is dropped with probability ``dropout``.

    Masks mean what they mean in PyTorch, where this layer and the function differ: **here True is not attended to**, in
    ``F.scaled_dot_product_attention`` True is. A query that may see no key gives the bias of ``out_proj`` (PyTorch:
    NaN). Raises ``HyperparameterError`` unless the heads divide ``embed_dim``.

    >>> attention = nn.MultiheadAttention(8, num_heads=2, batch_first=True)
    >>> x = mg.ones((2, 5, 8))
    >>> out, weights = attention(x, x, x)
    >>> out.shape, weights.shape
    ((2, 5, 8), (2, 5, 5))
    """

    def __init__(
        self,
        embed_dim: int,
        num_heads: int,
        dropout: float = 0.0,
        bias: bool = True,
        batch_first: bool = False,
        init: str | Initializer = "glorot_uniform",
        generator: np.random.Generator | None = None,
        dtype: DTypeLike | None = None,
    ) -> None:
        self.embed_dim = whole("MultiheadAttention", "embed_dim", embed_dim)
        self.num_heads = whole("MultiheadAttention", "num_heads", num_heads)
        if embed_dim % num_heads:
            raise HyperparameterError(
                f"MultiheadAttention: {num_heads} heads do not divide embed_dim={embed_dim}: take a divisor"
            )
        probability("MultiheadAttention", "dropout", dropout)
        self.dropout, self.batch_first, self.generator = float(dropout), batch_first, generator
        dtype = dtype_or_default(dtype)
        weight = drawn("MultiheadAttention", init, (3 * embed_dim, embed_dim), generator, dtype)
        self.in_proj_weight = Parameter(weight)
        self.in_proj_bias = Parameter(np.zeros(3 * embed_dim, dtype)) if bias else None
        self.out_proj = Linear(embed_dim, embed_dim, bias=bias, generator=generator, dtype=dtype)

    def forward(
        self,
        query: Any,
        key: Any,
        value: Any,
        key_padding_mask: Any = None,
        need_weights: bool = True,
        attn_mask: Any = None,
        average_attn_weights: bool = True,
        is_causal: bool = False,
    ) -> tuple[Any, Any]:
        """Queries, keys, values -> (outputs, weights or None).

        ``query`` is (L, N, embed_dim), ``key`` and ``value`` (S, N, embed_dim), with ``batch_first`` (N, L, ...) and
        (N, S, ...), or without N; outputs are like the query, weights (N, L, S), the mean over the heads, or (N, heads,
        L, S) unless ``average_attn_weights``. ``need_weights=False`` is faster.

        ``key_padding_mask`` (N, S) and ``attn_mask`` (L, S) or (N * heads, L, S) are bools, True: not attended to, or
        floats that are added to the scores. ``is_causal`` lets query i see the keys up to i; unlike in PyTorch it needs
        no mask beside it. Raises ``ShapeError`` or ``DTypeError``.
        """
        alone = len(np.shape(query)) == 2
        self._check(query, key, value)
        if alone:
            query, key, value = query[None], key[None], value[None]
            key_padding_mask = None if key_padding_mask is None else key_padding_mask[None]
        elif not self.batch_first:
            query, key, value = [np.swapaxes(x, 0, 1) for x in (query, key, value)]
        q, k, v = [self._heads(x, part) for part, x in enumerate((query, key, value))]
        mask = self._mask(attn_mask, key_padding_mask, (query.shape[0], q.shape[2], k.shape[2]), query.dtype)
        scale = 1 / math.sqrt(self.embed_dim // self.num_heads)
        weights: Any = None
        if need_weights or (self.dropout and self.training):
            weights = attention_weights(q, k, mask, is_causal, scale)
            weights = F.dropout(weights, self.dropout, self.training, self.generator)
            z = np.matmul(weights, v)
        else:
            z = attended(q, k, v, mask, is_causal, scale)
        z = self.out_proj(np.swapaxes(z, 1, 2).reshape(query.shape))
        z = z[0] if alone else z if self.batch_first else np.swapaxes(z, 0, 1)
        if not need_weights:
            return z, None
        weights = np.mean(weights, 1) if average_attn_weights else weights
        return z, weights[0] if alone else weights

    def _heads(self, x: Any, part: int) -> Any:
        """The projection of x for queries (part 0), keys or values: (N, heads, steps, embed_dim / heads)."""
        rows = slice(part * self.embed_dim, (part + 1) * self.embed_dim)
        bias = None if self.in_proj_bias is None else self.in_proj_bias[rows]
        projected = F.linear(x, self.in_proj_weight[rows], bias)
        split = projected.reshape((*x.shape[:2], self.num_heads, self.embed_dim // self.num_heads))
        return np.swapaxes(split, 1, 2)

    def _check(self, query: Any, key: Any, value: Any) -> None:
        q, k, v = np.shape(query), np.shape(key), np.shape(value)
        batch = 0 if self.batch_first else 1
        fits = len(q) in (2, 3) and len(k) == len(q) and k == v and {q[-1], k[-1]} == {self.embed_dim}
        if not fits or (len(q) == 3 and q[batch] != k[batch]):
            order = "(N, steps, " if self.batch_first else "(steps, N, "
            raise ShapeError(
                f"MultiheadAttention takes queries, keys and values of shape {order}{self.embed_dim}), or without N, "
                f"and one value for each key; got {q}, {k} and {v}"
            )

    def _mask(self, attn: Any, padding: Any, sizes: tuple[int, int, int], dtype: Any) -> Any:
        """All masks as one that broadcasts to (N, heads, L, S), of bools (True: attend) or of floats; or None."""
        batch, queries, keys = sizes
        known: dict[str, tuple[Any, list[tuple[int, ...]]]] = {
            "attn_mask": (attn, [(queries, keys), (batch * self.num_heads, queries, keys)]),
            "key_padding_mask": (padding, [(batch, keys)]),
        }
        masks = []
        for name, (value, shapes) in known.items():
            if value is None:
                continue
            mask = value if hasattr(value, "_node") and value.requires_grad else as_array(detached(value))
            if mask.dtype.kind not in "bf":
                raise DTypeError(f"{name} is of bools (True: not attended to) or floats, got dtype {mask.dtype}")
            if mask.shape not in shapes:
                raise ShapeError(f"{name} is of shape {' or '.join(map(str, shapes))}, got {mask.shape}")
            if name == "key_padding_mask":
                mask = mask[:, None, None]
            elif len(mask.shape) == 3:
                mask = mask.reshape((batch, self.num_heads, queries, keys))
            masks.append(np.logical_not(mask) if mask.dtype == bool else mask)
        if not masks:
            return None
        if all(mask.dtype == bool for mask in masks):
            joined = masks[0]
            for mask in masks[1:]:
                joined = np.logical_and(joined, mask)
            return joined
        added = [np.where(mask, 0, -math.inf).astype(dtype) if mask.dtype == bool else mask for mask in masks]
        joined = added[0]
        for mask in added[1:]:
            joined = joined + mask
        return joined

    def extra_repr(self) -> str:
        """The sizes, and what is not as by default."""
        parts = [f"embed_dim={self.embed_dim}, num_heads={self.num_heads}"]
        parts += [f"dropout={self.dropout}"] if self.dropout else []
        parts += ["bias=False"] if self.in_proj_bias is None else []
        return ", ".join([*parts, *(["batch_first=True"] if self.batch_first else [])])
