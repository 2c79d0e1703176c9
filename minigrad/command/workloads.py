"""What ``bench`` times: the steps of docs/performance.md that need minigrad alone, on the same data and weights."""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise
from typing import Any

import numpy as np

import minigrad as mg
from minigrad import nn, optim

Step = Callable[[], Any]

#: So small that the weights, and with them the work, stay what they were.
RATE = 1e-6
#: Scalar multiplications of ``chain``, whose time is that of one.
LENGTH = 1000
#: Of the transformer: words, words in a row, rows, width.
WORDS, LONG, ROWS, WIDTH = 65, 64, 16, 64


def spiral(rate: float = RATE) -> Step:
    """A training step of the notebook's network: 2-64-3, 300 points, Adam."""
    rng = np.random.default_rng(0)
    radius, labels = np.tile(np.linspace(0.0, 1.0, 100), 3), np.repeat(np.arange(3), 100)
    angle = 4 * (labels + radius) + 0.2 * rng.standard_normal(300)
    points = radius[:, None] * np.stack([np.sin(2.5 * angle), np.cos(2.5 * angle)], 1)
    return _of_layers((2, 64, 3), points, labels, rate)


def mlp(rate: float = RATE) -> Step:
    """A training step of 784-512-256-10, batch 128, Adam: matrix products are most of the work."""
    rng = np.random.default_rng(0)
    return _of_layers((784, 512, 256, 10), rng.standard_normal((128, 784)), rng.integers(0, 10, 128), rate)


def _of_layers(sizes: tuple[int, ...], points: np.ndarray, labels: np.ndarray, rate: float) -> Step:
    rng = np.random.default_rng(0)
    layers: list[nn.Module] = []
    for inputs, outputs in pairwise(sizes):
        layer = nn.Linear(inputs, outputs)
        layer.weight.data = (rng.standard_normal((inputs, outputs)) * (2 / inputs) ** 0.5).astype("float32").T.copy()
        layers += [layer, nn.ReLU()]
    x = mg.tensor(points.astype("float32"))
    return _training(nn.Sequential(*layers[:-1]), (x,), labels.astype("int64"), rate)


def _training(model: nn.Module, inputs: tuple[Any, ...], labels: np.ndarray, rate: float) -> Step:
    """Forward, cross entropy, backward, Adam."""
    optimizer, criterion = optim.Adam(model.parameters(), lr=rate, eps=1e-7), nn.CrossEntropyLoss()

    def step() -> Any:
        loss = criterion(model(*inputs), labels)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        return loss

    return step


def elem() -> Step:
    """Value and gradient of sum(tanh(c * w + 0.5)**2 * sigmoid(w)), a million elements."""
    start, factors = np.random.default_rng(0).standard_normal((2, 1_000_000)).astype("float32")
    w, c = mg.tensor(start, requires_grad=True), mg.tensor(factors)

    def step() -> Any:
        w.grad = None
        loss = (mg.tanh(c * w + 0.5) ** 2 * mg.sigmoid(w)).sum()
        loss.backward()
        return loss

    return step


def chain() -> Step:
    """A thousand multiplications of scalars, forward and backward."""
    start, w = mg.tensor(1.0), mg.tensor(1.0001, requires_grad=True)

    def step() -> Any:
        w.grad = None
        x = start
        for _ in range(LENGTH):
            x = x * w
        x.backward()
        return x

    return step


class _Transformer(nn.Module):
    """Two pre-norm layers over embedded words and positions, each word seeing those before it."""

    def __init__(self) -> None:
        self.tokens, self.positions = nn.Embedding(WORDS, WIDTH), nn.Embedding(LONG, WIDTH)
        options: dict[str, Any] = {"activation": "gelu", "batch_first": True, "norm_first": True}
        self.layers = nn.ModuleList([nn.TransformerEncoderLayer(WIDTH, 4, 4 * WIDTH, 0.0, **options) for _ in range(2)])
        self.norm, self.head = nn.LayerNorm(WIDTH), nn.Linear(WIDTH, WORDS)

    def forward(self, tokens: Any, positions: Any, mask: Any) -> Any:
        """tokens (rows, long) -> scores (rows * long, words)."""
        x = self.tokens(tokens) + self.positions(positions)
        for layer in self.layers:
            x = layer(x, mask, is_causal=True)
        return self.head(self.norm(x)).reshape(-1, WORDS)


class _Recurrent(nn.Module):
    """A GRU of 64 units over 50 steps, and a linear layer on its last state."""

    def __init__(self) -> None:
        self.gru, self.head = nn.GRU(32, 64), nn.Linear(64, 10)

    def forward(self, x: Any) -> Any:
        """x (steps, batch, 32) -> scores (batch, 10)."""
        return self.head(self.gru(x)[0][-1])


def _data() -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Words (rows, long + 1), images, sequences, and labels for each of the last two: drawn in one order."""
    rng = np.random.default_rng(0)
    words = rng.integers(0, WORDS, (ROWS, LONG + 1))
    images = rng.standard_normal((64, 1, 28, 28)).astype("float32")
    sequences = rng.standard_normal((50, 32, 32)).astype("float32")
    return words, images, sequences, rng.integers(0, 10, 32), rng.integers(0, 10, 64)


def tfm(rate: float = RATE) -> Step:
    """A training step of a transformer: 2 layers of width 64, 4 heads, 64 words, batch 16, Adam."""
    words = _data()[0]
    mask = np.triu(np.ones((LONG, LONG), bool), 1)
    mg.manual_seed(0)
    return _training(_Transformer(), (words[:, :-1].copy(), np.arange(LONG), mask), words[:, 1:].reshape(-1), rate)


def gru(rate: float = RATE) -> Step:
    """A training step of a GRU 32-64 over 50 steps, batch 32, and a linear layer, Adam."""
    _, _, sequences, labels, _ = _data()
    mg.manual_seed(0)
    return _training(_Recurrent(), (mg.tensor(sequences),), labels, rate)


def lenet(rate: float = RATE) -> Step:
    """A training step of LeNet-5 on images of 28 x 28, batch 64, Adam."""
    _, images, _, _, labels = _data()
    mg.manual_seed(0)
    layers = [nn.Conv2d(1, 6, 5, padding=2), nn.ReLU(), nn.MaxPool2d(2)]
    layers += [nn.Conv2d(6, 16, 5), nn.ReLU(), nn.MaxPool2d(2)]
    layers += [nn.Flatten(), nn.Linear(400, 120), nn.ReLU(), nn.Linear(120, 84), nn.ReLU(), nn.Linear(84, 10)]
    model = nn.Sequential(*layers)
    return _training(model, (mg.tensor(images),), labels, rate)


#: How each is made, and by what its time is divided.
WORKLOADS: dict[str, tuple[Callable[[], Step], int]] = {
    "spiral": (spiral, 1),
    "chain": (chain, LENGTH),
    "elem": (elem, 1),
    "mlp": (mlp, 1),
    "gru": (gru, 1),
    "lenet": (lenet, 1),
    "tfm": (tfm, 1),
}
