"""Models made of layers: a transformer, a GRU, LeNet-5. minigrad and PyTorch spell them alike, so each is written once.

The weights are drawn by minigrad and loaded by the others, which checks the names and layouts in passing.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np

from . import functional_jax
from .networks import EPS, training_step
from .peers import Builders, compiled
from .timing import Step

VOCABULARY, STEPS, BATCH, WIDTH, HEADS, LAYERS = 65, 64, 16, 64, 4, 2


@dataclass(frozen=True)
class Task:
    """A model, made from a framework's ``nn``; inputs of it, labels, and the same function for JAX, if there is one."""

    make: Callable[[Any], Any]
    inputs: tuple[np.ndarray, ...]
    labels: np.ndarray
    jax: Callable[..., Any] | None = None


# -- the models ---------------------------------------------------------------------------------


def transformer(nn: Any) -> Any:
    """Two pre-norm layers over embedded tokens and positions, each token seeing those before it."""

    class Model(nn.Module):  # type: ignore[misc]
        def __init__(self) -> None:
            super().__init__()
            self.tokens = nn.Embedding(VOCABULARY, WIDTH)
            self.positions = nn.Embedding(STEPS, WIDTH)
            options = {"activation": "gelu", "batch_first": True, "norm_first": True}
            self.layers = nn.ModuleList(
                [nn.TransformerEncoderLayer(WIDTH, HEADS, 4 * WIDTH, 0.0, **options) for _ in range(LAYERS)]
            )
            self.norm = nn.LayerNorm(WIDTH)
            self.head = nn.Linear(WIDTH, VOCABULARY)

        def forward(self, tokens: Any, positions: Any, mask: Any) -> Any:
            x = self.tokens(tokens) + self.positions(positions)
            for layer in self.layers:
                x = layer(x, mask, is_causal=True)
            return self.head(self.norm(x)).reshape(-1, VOCABULARY)

    return Model()


def gru(nn: Any) -> Any:
    """A GRU of 64 units over 50 steps, and a linear layer on its last state."""

    class Model(nn.Module):  # type: ignore[misc]
        def __init__(self) -> None:
            super().__init__()
            self.gru = nn.GRU(32, 64)
            self.head = nn.Linear(64, 10)

        def forward(self, x: Any) -> Any:
            return self.head(self.gru(x)[0][-1])

    return Model()


def lenet(nn: Any) -> Any:
    """LeNet-5 (LeCun and others, 1998) with relu and max pooling, on images of 28 x 28."""
    return nn.Sequential(
        nn.Conv2d(1, 6, 5, padding=2), nn.ReLU(), nn.MaxPool2d(2),
        nn.Conv2d(6, 16, 5), nn.ReLU(), nn.MaxPool2d(2),
        nn.Flatten(), nn.Linear(400, 120), nn.ReLU(), nn.Linear(120, 84), nn.ReLU(), nn.Linear(84, 10),
    )  # fmt: skip


def _tasks() -> dict[str, Task]:
    rng = np.random.default_rng(0)
    tokens = rng.integers(0, VOCABULARY, (BATCH, STEPS + 1))
    mask = np.triu(np.ones((STEPS, STEPS), bool), 1)
    sequence = (tokens[:, :-1].copy(), np.arange(STEPS), mask)
    images = rng.standard_normal((64, 1, 28, 28)).astype(np.float32)
    steps = rng.standard_normal((50, 32, 32)).astype(np.float32)
    return {
        "tfm": Task(transformer, sequence, tokens[:, 1:].reshape(-1), functional_jax.transformer),
        "gru": Task(gru, (steps,), rng.integers(0, 10, 32)),
        "lenet": Task(lenet, (images,), rng.integers(0, 10, 64), functional_jax.lenet),
    }


# -- the steps ----------------------------------------------------------------------------------


def task(name: str) -> Task:
    """A workload by its name."""
    return _tasks()[name]


def weights_of(task: Task) -> dict[str, np.ndarray]:
    """The weights that all begin with."""
    import minigrad as mg

    mg.manual_seed(0)
    return task.make(mg.nn).state_dict()


def minigrad_step(task: Task, lr: float) -> Step:
    """Minigrad, each operation run as it is met."""
    import minigrad as mg
    from minigrad import nn, optim

    model = task.make(nn)
    model.load_state_dict(weights_of(task))
    optimizer = optim.Adam(model.parameters(), lr=lr, eps=EPS)
    inputs = [mg.tensor(x) if x.dtype == np.float32 else x for x in task.inputs]
    return training_step(lambda: model(*inputs), nn.CrossEntropyLoss(), optimizer, task.labels)


def compiled_step(task: Task, lr: float, backend: str) -> Step:
    """The same step, under ``mg.compile``."""
    return compiled(minigrad_step(task, lr), backend)


def torch_step(task: Task, lr: float, fused: bool | None = None, compiled: bool = False) -> Step:
    """PyTorch; ``fused`` is its single-kernel Adam, ``compiled`` its compiler for model and loss."""
    import torch
    from torch import nn

    model = task.make(nn)
    model.load_state_dict({name: torch.from_numpy(array) for name, array in weights_of(task).items()})
    optimizer = torch.optim.Adam(model.parameters(), lr=lr, eps=EPS, fused=fused)
    inputs = [torch.from_numpy(x) for x in task.inputs]
    run = torch.compile(model) if compiled else model
    return training_step(lambda: run(*inputs), nn.CrossEntropyLoss(), optimizer, torch.from_numpy(task.labels))


def builders(name: str, lr: float) -> Builders:
    """Everybody who takes part in a workload, by name."""
    task = _tasks()[name]
    found: dict[str, Callable[[], Any]] = {
        "minigrad": partial(minigrad_step, task, lr),
        "numpy": partial(compiled_step, task, lr, "numpy"),
        "native": partial(compiled_step, task, lr, "native"),
        "torch": partial(torch_step, task, lr),
        "torch-fused": partial(torch_step, task, lr, fused=True),
        "torch-compile": partial(torch_step, task, lr, compiled=True),
    }
    if task.jax is not None:
        found["jax"] = lambda: functional_jax.step(task.jax, weights_of(task), task.inputs, task.labels, lr)
    return found
