"""The model of ``char_transformer.py``: a small GPT whose characters know the few before them, and the last time."""

from __future__ import annotations

import functools

import numpy as np

import minigrad as mg
from minigrad import nn

#: Lengths of the n-grams that have embeddings of their own, beside the single characters, and the width of these.
GRAMS = (2, 3, 4, 5, 6)
GRAM_WIDTH = 32
#: Lengths of the n-grams of which is told what followed the last time.
COPIES = (3, 5, 8)


class CharacterGPT(nn.Module):
    """A transformer that sees only what came before, over characters, hashed n-grams of them, and what followed these.

    A transformer has to learn that it is the neighbours that tell most about the next character. With an embedding for
    the n-gram that ends at each place (Pagnoni and others, 2024, "Byte Latent Transformer") it knows that from the
    start. ``buckets`` rows are shared by all n-grams of one length. ``dropout`` acts on these embeddings alone: a long
    n-gram of the training text tells what follows better than one of another text, and must not be trusted so far.

    A large transformer also learns to look for the last time it saw what it sees now, and to expect what followed then
    (Olsson and others, 2022, "In-context Learning and Induction Heads"). That takes it long, so this one is told.
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
        self.copies = nn.ModuleList([nn.Embedding(characters + 1, width, **small) for _ in COPIES])
        self.blocks = nn.TransformerEncoder([block() for _ in range(layers)], norm=nn.LayerNorm(width))
        self.head = nn.Linear(width, characters, **small)

    def forward(self, inputs: np.ndarray) -> mg.Tensor:
        """``rows_of`` texts (rows, batch, steps) -> logits of what comes next (batch, steps, characters)."""
        tables = [self.characters, *self.grams, *self.copies]
        character, *known = [table(row) for table, row in zip(tables, inputs, strict=True)]
        grams, copies = known[: len(GRAMS)], known[len(GRAMS) :]
        x = character + self.positions(np.arange(inputs.shape[-1]))
        x = x + self.joined(self.dropout(np.concatenate(grams, -1)))
        return self.head(self.blocks(sum(copies, x), is_causal=True))


def rows_of(text: np.ndarray, buckets: int, memory: int) -> np.ndarray:
    """Numbers of characters (n,) -> the rows of the embeddings that stand for each place (1 + GRAMS + COPIES, n).

    They are the character, its n-grams, and the character that followed the same n-gram the last time: 0 where there
    was none within ``memory`` characters, else the character's number and one.
    """
    marks = fingerprints(text, max(*GRAMS, *COPIES))
    grams = [(marks[length] % np.uint64(buckets)).astype(text.dtype) for length in GRAMS]
    return np.stack([text, *grams, *[followed(text, marks[length], memory) for length in COPIES]])


def fingerprints(text: np.ndarray, longest: int) -> dict[int, np.ndarray]:
    """By length up to ``longest``: for each place (n,), 64 bits that tell the n-gram that ends there from others."""
    found, mark = {}, np.zeros(len(text), np.uint64)
    codes = text.astype(np.uint64) + np.uint64(1)  # 0 stands for what is before the beginning
    for length in range(1, longest + 1):
        mark = (mark ^ codes) * np.uint64(0x9E3779B97F4A7C15)  # Fibonacci hashing: the high bits are the good ones
        mark ^= mark >> np.uint64(29)
        found[length] = mark
        codes = np.concatenate([np.zeros(1, np.uint64), codes[:-1]])
    return found


def followed(text: np.ndarray, marks: np.ndarray, memory: int) -> np.ndarray:
    """For each place (n,): 1 + the character that came after the last place with the same mark; 0 if none is near."""
    order = np.argsort(marks, kind="stable")  # places of one mark beside each other, as they come in the text
    earlier, later = order[:-1], order[1:]
    near = (marks[earlier] == marks[later]) & (later - earlier <= memory)
    found = np.zeros_like(text)
    found[later[near]] = text[earlier[near] + 1] + 1
    return found
