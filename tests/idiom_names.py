"""What the lines of ``minigrad/support/idioms.txt``, and of the pages made of it, speak of."""

from __future__ import annotations

from typing import Any

import numpy as np

import minigrad as mg
from minigrad import data, nn, optim, train
from minigrad.nn import functional as F


def names() -> dict[str, Any]:
    """The names, with new values."""
    rng = np.random.default_rng(0)

    def tensor(*shape: int) -> mg.Tensor:
        return mg.tensor(rng.uniform(0.5, 0.9, shape), "float32", requires_grad=True)

    model = nn.Linear(3, 3)
    return {
        "mg": mg, "np": np, "nn": nn, "F": F, "optim": optim, "data": data, "train": train,
        "x": tensor(2, 3), "y": tensor(2, 3), "w": tensor(3, 2), "v": tensor(3), "image": tensor(1, 2, 4, 4),
        "a": np.ones((2, 3), "f4"), "mask": np.array([[True, False, True], [False, True, False]]),
        "index": np.array([[0], [1]]), "f": lambda v: (v * v).sum(), "model": model,
        "optimizer": optim.SGD(model.parameters()), "loss": tensor(),
    }  # fmt: skip
