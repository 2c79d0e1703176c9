"""Embedding: a learned vector for each of a number of things."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import DTypeLike

from minigrad.core.checks import is_whole, whole
from minigrad.core.conversion import dtype_or_default
from minigrad.errors import HyperparameterError
from minigrad.nn import functional as F
from minigrad.nn.init import Initializer, drawn
from minigrad.nn.module import Module
from minigrad.nn.parameter import Parameter

__all__ = ["Embedding"]


class Embedding(Module):
    """Row i of ``weight`` (num_embeddings, embedding_dim) for each index i, integers of any shape.

    ``weight`` is drawn by ``init``, as in PyTorch from N(0, 1), from ``generator``. The row ``padding_idx``, counted
    from the end if negative, starts as zeros and gets no gradient. Raises ``TargetError`` for an index out of range or
    negative, ``DTypeError`` for indices that are no integers, ``HyperparameterError`` for sizes below 1.

    >>> nn.Embedding(100, 8)(np.array([[5, 7, 7]])).shape
    (1, 3, 8)
    """

    def __init__(
        self,
        num_embeddings: int,
        embedding_dim: int,
        padding_idx: int | None = None,
        init: str | Initializer = "standard_normal",
        generator: np.random.Generator | None = None,
        dtype: DTypeLike | None = None,
    ) -> None:
        self.num_embeddings = whole("Embedding", "num_embeddings", num_embeddings)
        self.embedding_dim = whole("Embedding", "embedding_dim", embedding_dim)
        if padding_idx is not None and not (is_whole(padding_idx) and -num_embeddings <= padding_idx < num_embeddings):
            raise HyperparameterError(
                f"Embedding: padding_idx is one of the {num_embeddings} rows of the weight, got {padding_idx!r}"
            )
        self.padding_idx = padding_idx
        shape = (self.num_embeddings, self.embedding_dim)
        weight = drawn("Embedding", init, shape, generator, dtype_or_default(dtype))
        if padding_idx is not None:
            weight[padding_idx] = 0
        self.weight = Parameter(weight)

    def forward(self, indices: Any) -> Any:
        """indices (...) of integers -> (..., embedding_dim)."""
        return F.embedding(indices, self.weight, self.padding_idx)

    def extra_repr(self) -> str:
        """The sizes, and the row of the padding."""
        padding = "" if self.padding_idx is None else f", padding_idx={self.padding_idx}"
        return f"num_embeddings={self.num_embeddings}, embedding_dim={self.embedding_dim}{padding}"
