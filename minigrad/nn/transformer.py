"""Layers of transformers: attention and a small network, each with a way around it (Vaswani and others, 2017)."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, ClassVar

import numpy as np
from numpy.typing import DTypeLike

from minigrad.errors import HyperparameterError
from minigrad.nn import functional as F
from minigrad.nn.attention import MultiheadAttention
from minigrad.nn.containers import ModuleList
from minigrad.nn.dropout import Dropout
from minigrad.nn.linear import Linear
from minigrad.nn.module import Module
from minigrad.nn.normalisation import LayerNorm

__all__ = ["TransformerDecoder", "TransformerDecoderLayer", "TransformerEncoder", "TransformerEncoderLayer"]

_ACTIVATIONS: dict[str, Callable[[Any], Any]] = {"relu": F.relu, "gelu": F.gelu}


class _Layer(Module):
    """The base of encoder and decoder layers: their parts, and the residual connection of each."""

    ATTENTION: ClassVar[tuple[str, ...]] = ("self_attn",)

    self_attn: MultiheadAttention
    linear1: Linear
    linear2: Linear
    dropout: Dropout

    def __init__(
        self,
        d_model: int,
        nhead: int,
        dim_feedforward: int = 2048,
        dropout: float = 0.1,
        activation: str | Callable[[Any], Any] = "relu",
        layer_norm_eps: float = 1e-5,
        batch_first: bool = False,
        norm_first: bool = False,
        bias: bool = True,
        generator: np.random.Generator | None = None,
        dtype: DTypeLike | None = None,
    ) -> None:
        if not callable(activation) and activation not in _ACTIVATIONS:
            raise HyperparameterError(
                f"{type(self).__name__}: activation is 'relu', 'gelu' or a function of tensors, got {activation!r}"
            )
        self.activation = activation if callable(activation) else _ACTIVATIONS[activation]
        self.norm_first = norm_first
        for name in self.ATTENTION:
            attention = MultiheadAttention(d_model, nhead, dropout, bias, batch_first, generator=generator, dtype=dtype)
            setattr(self, name, attention)
        self.linear1 = Linear(d_model, dim_feedforward, bias, generator=generator, dtype=dtype)
        self.dropout = Dropout(dropout, generator)
        self.linear2 = Linear(dim_feedforward, d_model, bias, generator=generator, dtype=dtype)
        parts = range(1, len(self.ATTENTION) + 2)  # the network too
        for number in parts:
            setattr(self, f"norm{number}", LayerNorm(d_model, layer_norm_eps, bias=bias, dtype=dtype))
        for number in parts:
            setattr(self, f"dropout{number}", Dropout(dropout, generator))

    def _around(self, x: Any, part: Callable[[Any], Any], norm: LayerNorm, dropout: Dropout) -> Any:
        """x + part(norm(x)) with ``norm_first``, else norm(x + part(x)); the part is dropped out."""
        if self.norm_first:
            return x + dropout(part(norm(x)))
        return norm(x + dropout(part(x)))

    def _network(self, x: Any) -> Any:
        return self.linear2(self.dropout(self.activation(self.linear1(x))))


class TransformerEncoderLayer(_Layer):
    """Self-attention and a network of two linear layers, each with a way around it and layer normalisation.

    Parameters and options as in PyTorch: ``self_attn``, ``linear1`` (dim_feedforward, d_model), ``linear2``, ``norm1``,
    ``norm2``. With ``norm_first`` the normalisation stands before each part, else behind the sum. ``activation`` is
    "relu", "gelu" or a function. Raises ``HyperparameterError``.

    >>> layer = nn.TransformerEncoderLayer(8, nhead=2, dim_feedforward=16, batch_first=True)
    >>> layer(mg.ones((2, 5, 8))).shape
    (2, 5, 8)
    """

    norm1: LayerNorm
    norm2: LayerNorm
    dropout1: Dropout
    dropout2: Dropout

    def forward(self, src: Any, src_mask: Any = None, src_key_padding_mask: Any = None, is_causal: bool = False) -> Any:
        """src (steps, N, d_model), or (N, steps, d_model) with ``batch_first`` -> the same shape.

        Masks as in ``MultiheadAttention``: True is not attended to; ``is_causal`` needs no mask beside it.
        """

        def attend(x: Any) -> Any:
            return self.self_attn(x, x, x, src_key_padding_mask, False, src_mask, is_causal=is_causal)[0]

        x = self._around(src, attend, self.norm1, self.dropout1)
        return self._around(x, self._network, self.norm2, self.dropout2)


class TransformerDecoderLayer(_Layer):
    """Self-attention, attention to a memory, and a network, each with a way around it and layer normalisation.

    Parameters and options as in PyTorch and in ``TransformerEncoderLayer``; ``multihead_attn`` attends to the memory,
    between the other two, with ``norm2``; ``norm3`` is that of the network.

    >>> layer = nn.TransformerDecoderLayer(8, nhead=2, dim_feedforward=16, batch_first=True)
    >>> layer(mg.ones((2, 5, 8)), mg.ones((2, 7, 8))).shape
    (2, 5, 8)
    """

    ATTENTION = ("self_attn", "multihead_attn")

    multihead_attn: MultiheadAttention
    norm1: LayerNorm
    norm2: LayerNorm
    norm3: LayerNorm
    dropout1: Dropout
    dropout2: Dropout
    dropout3: Dropout

    def forward(
        self,
        tgt: Any,
        memory: Any,
        tgt_mask: Any = None,
        memory_mask: Any = None,
        tgt_key_padding_mask: Any = None,
        memory_key_padding_mask: Any = None,
        tgt_is_causal: bool = False,
        memory_is_causal: bool = False,
    ) -> Any:
        """tgt (steps, N, d_model) and memory (S, N, d_model), or batches first -> the shape of tgt.

        Masks as in ``MultiheadAttention``: True is not attended to; the two ``is_causal`` need no mask beside them.
        """

        def attend(x: Any) -> Any:
            return self.self_attn(x, x, x, tgt_key_padding_mask, False, tgt_mask, is_causal=tgt_is_causal)[0]

        def look(x: Any) -> Any:
            return self.multihead_attn(
                x, memory, memory, memory_key_padding_mask, False, memory_mask, is_causal=memory_is_causal
            )[0]

        x = self._around(tgt, attend, self.norm1, self.dropout1)
        x = self._around(x, look, self.norm2, self.dropout2)
        return self._around(x, self._network, self.norm3, self.dropout3)


def _stack(name: str, layers: Any, norm: Any) -> ModuleList:
    """The layers of ``name``. Raises ``HyperparameterError`` for one layer and a number, as PyTorch has them."""
    stack = list(layers) if isinstance(layers, Iterable) else []
    if not stack or not (norm is None or isinstance(norm, Module)):
        raise HyperparameterError(
            f"{name} takes a list of layers, each with weights of its own, and a module or None as norm: write "
            f"{name}([{name}Layer(...) for _ in range(6)])"
        )
    return ModuleList(stack)


class TransformerEncoder(Module):
    """Encoder layers one after the other, and a last ``norm``, if there is one.

    Unlike PyTorch's, which copies one layer with its weights, it takes the layers themselves, each with weights and
    noise of its own; the names of the parameters are PyTorch's.

    >>> layer = nn.TransformerEncoderLayer(8, nhead=2, dim_feedforward=16, batch_first=True)
    >>> nn.TransformerEncoder([layer])(mg.ones((2, 5, 8))).shape
    (2, 5, 8)
    """

    def __init__(self, layers: Iterable[Module], norm: Module | None = None) -> None:
        self.layers = _stack("TransformerEncoder", layers, norm)
        self.norm = norm

    def forward(self, src: Any, mask: Any = None, src_key_padding_mask: Any = None, is_causal: bool = False) -> Any:
        """src -> the same shape; masks as in ``TransformerEncoderLayer``."""
        for layer in self.layers:
            src = layer(src, mask, src_key_padding_mask, is_causal)
        return src if self.norm is None else self.norm(src)


class TransformerDecoder(Module):
    """Decoder layers one after the other, and a last ``norm``, if there is one; made as ``TransformerEncoder`` is.

    >>> layer = nn.TransformerDecoderLayer(8, nhead=2, dim_feedforward=16, batch_first=True)
    >>> decoder = nn.TransformerDecoder([layer])
    >>> decoder(mg.ones((2, 5, 8)), mg.ones((2, 7, 8))).shape
    (2, 5, 8)
    """

    def __init__(self, layers: Iterable[Module], norm: Module | None = None) -> None:
        self.layers = _stack("TransformerDecoder", layers, norm)
        self.norm = norm

    def forward(self, tgt: Any, memory: Any, *args: Any, **masks: Any) -> Any:
        """tgt and memory -> the shape of tgt; further arguments are those of ``TransformerDecoderLayer``."""
        for layer in self.layers:
            tgt = layer(tgt, memory, *args, **masks)
        return tgt if self.norm is None else self.norm(tgt)
