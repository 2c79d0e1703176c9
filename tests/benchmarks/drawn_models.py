"""Kinds of models whose layers and sizes are drawn: each is written once, for the ``nn`` of minigrad and of PyTorch.

A kind is a function of a generator of random numbers that returns a ``Model``. Nothing here was chosen for its speed:
sizes are those that people train on a processor, so that a step takes 0.1 to 100 ms.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np

Rng = np.random.Generator


@dataclass(frozen=True)
class Model:
    """``make(nn, dropout)`` gives a model; ``dropout`` is 0 while losses are compared, as masks differ."""

    title: str
    make: Callable[[Any, float], Any]
    inputs: tuple[np.ndarray, ...]
    labels: np.ndarray
    dropout: float = 0.0


def one(rng: Rng, *choices: Any) -> Any:
    """One of the choices."""
    return choices[rng.integers(len(choices))]


def _floats(rng: Rng, *shape: int) -> np.ndarray:
    return rng.standard_normal(shape).astype(np.float32)


def _labels(rng: Rng, rows: int, classes: int) -> np.ndarray:
    """Classes, or for one class the numbers of a regression."""
    return _floats(rng, rows, 1) if classes == 1 else rng.integers(0, classes, rows)


def _module(nn: Any, forward: Callable[..., Any], **parts: Any) -> Any:
    """A module with these parts, which ``forward(parts, *inputs)`` calls."""

    class Drawn(nn.Module):  # type: ignore[misc]
        def __init__(self) -> None:
            super().__init__()
            for name, part in parts.items():
                setattr(self, name, part)

        def forward(self, *inputs: Any) -> Any:
            return forward(self, *inputs)

    return Drawn()


ACTIVATIONS = ("ReLU", "Tanh", "GELU", "SiLU", "LeakyReLU", "ELU", "Sigmoid", "Softplus")


def mlp(rng: Rng) -> Model:
    """Layers with an activation, and perhaps a normalisation and dropout."""
    sizes = [one(rng, 8, 20, 64, 200, 784), *(one(rng, 32, 64, 100, 256, 500) for _ in range(one(rng, 1, 2, 3, 5)))]
    activation, norm = one(rng, *ACTIVATIONS), one(rng, "", "", "BatchNorm1d", "LayerNorm")
    dropout, batch, classes = one(rng, 0.0, 0.0, 0.1, 0.5), one(rng, 16, 64, 128, 256), one(rng, 1, 2, 10)

    def make(nn: Any, dropout: float) -> Any:
        layers = []
        for n, m in pairwise(sizes):
            layers += [nn.Linear(n, m), *([getattr(nn, norm)(m)] if norm else []), getattr(nn, activation)()]
            layers += [nn.Dropout(dropout)] if dropout else []
        return nn.Sequential(*layers, nn.Linear(sizes[-1], classes))

    shape = "-".join(map(str, [*sizes, classes]))
    title = f"{shape} {activation} {norm} dropout {dropout} batch {batch}"
    return Model(title, make, (_floats(rng, batch, sizes[0]),), _labels(rng, batch, classes), dropout)


def regression(rng: Rng) -> Model:
    """Logistic or softmax regression: one linear layer."""
    features, classes, batch = one(rng, 5, 20, 100, 784), one(rng, 2, 3, 10, 100), one(rng, 16, 64, 256, 1000)
    return Model(
        f"{features} to {classes} batch {batch}", lambda nn, _: nn.Linear(features, classes),
        (_floats(rng, batch, features),), _labels(rng, batch, classes),
    )  # fmt: skip


def convolutional(rng: Rng) -> Model:
    """Convolutions, some strided, grouped or depthwise, with pooling or a way around."""
    channels, side, batch = one(rng, 1, 3), one(rng, 16, 28, 32), one(rng, 4, 16, 32)
    width, kernel, depth = one(rng, 8, 16, 32), one(rng, 3, 3, 5), one(rng, 1, 2, 3)
    style = one(rng, "plain", "residual", "depthwise", "grouped", "strided")
    activation, norm, pool = one(rng, "ReLU", "SiLU", "GELU"), one(rng, True, False), one(rng, "MaxPool2d", "AvgPool2d")

    def block(nn: Any, last: bool) -> list[Any]:
        groups = {"depthwise": width, "grouped": 4}.get(style, 1)
        stride = 2 if style == "strided" and last else 1
        layers = [nn.Conv2d(width, width, kernel, stride=stride, padding=kernel // 2, groups=groups)]
        layers += [nn.Conv2d(width, width, 1)] if style == "depthwise" else []
        return [*layers, *([nn.BatchNorm2d(width)] if norm else []), getattr(nn, activation)()]

    def make(nn: Any, _: float) -> Any:
        blocks = [nn.Sequential(*block(nn, i == depth - 1)) for i in range(depth)]

        def forward(self: Any, x: Any) -> Any:
            x = self.first(x)
            for layers in self.blocks:
                x = x + layers(x) if style == "residual" else layers(x)
            return self.head(self.pool(x).mean((2, 3)))

        first = nn.Conv2d(channels, width, kernel, padding=kernel // 2)
        parts = {"first": first, "blocks": nn.ModuleList(blocks), "pool": getattr(nn, pool)(2)}
        return _module(nn, forward, **parts, head=nn.Linear(width, 10))

    title = f"{style} {channels}x{side}x{side} width {width} kernel {kernel} x{depth} {activation} {pool}"
    title += f"{' BatchNorm2d' if norm else ''} batch {batch}"
    return Model(title, make, (_floats(rng, batch, channels, side, side),), _labels(rng, batch, 10))


def recurrent(rng: Rng) -> Model:
    """A recurrent layer, or a loop over its cell, and a linear layer on the last state."""
    name, layers, both = one(rng, "RNN", "GRU", "LSTM"), one(rng, 1, 1, 2), one(rng, False, False, True)
    features, hidden, steps, batch = one(rng, 4, 16, 32), one(rng, 16, 64, 128), one(rng, 10, 30, 60), one(rng, 8, 32)
    by_cell = one(rng, False, False, True)

    def make(nn: Any, _: float) -> Any:
        if not by_cell:
            layer = getattr(nn, name)(features, hidden, num_layers=layers, bidirectional=both)
            head = nn.Linear(hidden * (1 + both), 5)
            return _module(nn, lambda self, x: self.head(self.layer(x)[0][-1]), layer=layer, head=head)

        def forward(self: Any, x: Any) -> Any:
            state = None
            for t in range(steps):
                state = self.cell(x[t], state)
            return self.head(state[0] if name == "LSTM" else state)

        return _module(nn, forward, cell=getattr(nn, f"{name}Cell")(features, hidden), head=nn.Linear(hidden, 5))

    what = f"{name}Cell" if by_cell else f"{layers} {name}{' bidirectional' if both else ''}"
    title = f"{what} {features} to {hidden}, {steps} steps batch {batch}"
    return Model(title, make, (_floats(rng, steps, batch, features),), _labels(rng, batch, 5))


def attention(rng: Rng) -> Model:
    """Attention alone, causal or not, with as many heads for keys as for queries or fewer."""
    heads, size, length = one(rng, 2, 4, 8), one(rng, 16, 32, 64), one(rng, 32, 128, 256, 512)
    batch, causal, shared = one(rng, 1, 2, 4), one(rng, True, False), one(rng, 1, 1, 2)
    width, few = heads * size, heads // shared * size

    def make(nn: Any, _: float) -> Any:
        def split(x: Any) -> Any:
            return x.reshape(batch, length, -1, size).swapaxes(1, 2)

        def forward(self: Any, x: Any) -> Any:
            q, k, v = split(self.q(x)), split(self.k(x)), split(self.v(x))
            options = {"enable_gqa": True} if shared > 1 else {}
            z = nn.functional.scaled_dot_product_attention(q, k, v, is_causal=causal, **options)
            return self.out(z.swapaxes(1, 2).reshape(batch * length, width))

        parts = {"q": nn.Linear(width, width), "k": nn.Linear(width, few), "v": nn.Linear(width, few)}
        return _module(nn, forward, **parts, out=nn.Linear(width, 10))

    title = f"{batch}x{length}x{width} {heads} heads{f' ({heads // shared} of keys)' if shared > 1 else ''}"
    title += " causal" if causal else ""
    return Model(title, make, (_floats(rng, batch, length, width),), _labels(rng, batch * length, 10))


def transformer(rng: Rng) -> Model:
    """Layers of a transformer over embedded tokens."""
    width, heads, length, batch = one(rng, 32, 64, 128), one(rng, 2, 4), one(rng, 16, 64, 128), one(rng, 2, 8, 16)
    layers, activation, before = one(rng, 1, 2), one(rng, "relu", "gelu"), one(rng, True, False)
    causal, dropout, words = one(rng, True, False), one(rng, 0.0, 0.0, 0.1), one(rng, 65, 1000)
    options = {"activation": activation, "batch_first": True, "norm_first": before}

    def make(nn: Any, dropout: float) -> Any:
        stack = [nn.TransformerEncoderLayer(width, heads, 4 * width, dropout, **options) for _ in range(layers)]

        def forward(self: Any, tokens: Any, mask: Any) -> Any:
            x = self.tokens(tokens)
            for layer in self.layers:
                x = layer(x, mask, is_causal=True) if causal else layer(x)
            return self.head(x).reshape(-1, words)

        tokens, head = nn.Embedding(words, width), nn.Linear(width, words)
        return _module(nn, forward, tokens=tokens, layers=nn.ModuleList(stack), head=head)

    tokens = rng.integers(0, words, (batch, length + 1))
    title = f"{layers} layers width {width} {heads} heads {length} tokens of {words} batch {batch} {activation}"
    title += f"{' norm first' if before else ''}{' causal' if causal else ''} dropout {dropout}"
    inputs = (tokens[:, :-1].copy(), np.triu(np.ones((length, length), bool), 1))
    return Model(title, make, inputs, tokens[:, 1:].reshape(-1), dropout)


def embedding(rng: Rng) -> Model:
    """The mean of embedded words, and a linear layer."""
    words, width = one(rng, 500, 5000, 20_000), one(rng, 16, 64, 128)
    batch, length, classes = one(rng, 16, 64, 128), one(rng, 1, 8, 32), one(rng, 2, 10)

    def make(nn: Any, _: float) -> Any:
        parts = {"table": nn.Embedding(words, width), "head": nn.Linear(width, classes)}
        return _module(nn, lambda self, tokens: self.head(self.table(tokens).mean(1)), **parts)

    title = f"{words}x{width}, {batch}x{length} rows to {classes}"
    return Model(title, make, (rng.integers(0, words, (batch, length)),), _labels(rng, batch, classes))


MODELS: dict[str, Callable[[Rng], Model]] = {
    "mlp": mlp,
    "regression": regression,
    "convolutional": convolutional,
    "recurrent": recurrent,
    "attention": attention,
    "transformer": transformer,
    "embedding": embedding,
}
