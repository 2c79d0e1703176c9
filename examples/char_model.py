"""The model of ``char_transformer.py``: a small GPT whose characters also know the few before them."""

from __future__ import annotations

import functools

import numpy as np

import minigrad as mg
from minigrad import nn

#: Lengths of the n-grams that have embeddings of their own, beside the single characters, and the width of these.
GRAMS = (2, 3, 4, 5, 6)
GRAM_WIDTH = 32


class CharacterGPT(nn.Module):
    """A transformer that sees only what came before, over characters and hashed n-grams of them.

    A transformer has to learn that it is the neighbours that tell most about the next character. With an embedding for
    the n-gram that ends at each place (Pagnoni and others, 2024, "Byte Latent Transformer") it knows that from the
    start. ``buckets`` rows are shared by all n-grams of one length. ``dropout`` acts on these embeddings alone: a long
    n-gram of the training text tells what follows better than one of another text, and must not be trusted so far.
    """

    def __init__(
        self,
        characters: int,
        context: int,
        width: int,
        layers: int,
        heads: int,
        buckets: int,
        dropout: float,
        generator: np.random.Generator,
    ) -> None:
        small = {"init": "truncated_normal", "generator": generator}
        self.characters = nn.Embedding(characters, width, **small)
        self.positions = nn.Embedding(context, width, **small)
        self.grams = nn.ModuleList([nn.Embedding(buckets, GRAM_WIDTH, **small) for _ in GRAMS])
        self.dropout = nn.Dropout(dropout, generator)
        self.joined = nn.Linear(len(GRAMS) * GRAM_WIDTH, width, generator=generator)
        options = {"dropout": 0.0, "activation": "gelu", "batch_first": True, "norm_first": True}
        block = functools.partial(nn.TransformerEncoderLayer, width, heads, 4 * width, generator=generator, **options)
        self.blocks = nn.TransformerEncoder([block() for _ in range(layers)], norm=nn.LayerNorm(width))
        self.head = nn.Linear(width, characters, **small)

    def forward(self, inputs: np.ndarray) -> mg.Tensor:
        """``rows_of`` texts (1 + lengths, batch, steps) -> logits of what comes next (batch, steps, characters)."""
        grams = [embedding(inputs[row]) for row, embedding in enumerate(self.grams, start=1)]
        x = self.characters(inputs[0]) + self.positions(np.arange(inputs.shape[-1]))
        x = x + self.joined(self.dropout(np.concatenate(grams, -1)))
        return self.head(self.blocks(x, is_causal=True))


def rows_of(text: np.ndarray, buckets: int) -> np.ndarray:
    """Numbers of characters (n,) -> the rows that stand for each place (1 + lengths, n): the character, its n-grams."""
    rows = [text]
    gram = text.astype(np.uint64)
    for length in range(2, max(GRAMS) + 1):
        before = np.concatenate([np.zeros(length - 1, text.dtype), text[: 1 - length]])[: len(text)].astype(np.uint64)
        gram = (gram ^ before) * np.uint64(0x9E3779B97F4A7C15)  # Fibonacci hashing: the high bits are the good ones
        gram ^= gram >> np.uint64(29)
        if length in GRAMS:
            rows.append((gram % np.uint64(buckets)).astype(text.dtype))
    return np.stack(rows)
