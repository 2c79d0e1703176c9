"""Data in memory, shuffled and in batches: by the loader, and by slicing that is written out by hand."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from functools import partial
from typing import Any

import numpy as np

from .timing import Step

Batches = Callable[[], Iterable[Any]]


def epochs(samples: int, features: int, size: int, check: bool = False) -> dict[str, Callable[[], Step]]:
    """A step is an epoch. With ``check`` it adds up what comes, which must be the same whatever the order."""
    rng = np.random.default_rng(0)
    x = rng.standard_normal((samples, features), dtype=np.float32)
    y = rng.integers(0, 10, samples)
    makers = {"minigrad": _minigrad, "hand": _by_hand, "torch": _torch}
    run = _summed if check else _drained
    return {name: partial(_built, make, (x, y, size), run) for name, make in makers.items()}


def _built(make: Callable[..., Batches], data: tuple[Any, ...], run: Callable[[Batches], Any]) -> Step:
    return partial(run, make(*data))


def _drained(batches: Batches) -> None:
    for _x, _y in batches():
        pass


def _summed(batches: Batches) -> tuple[float, int, int]:
    totals = [(float(np.sum(np.asarray(x), dtype=np.float64)), int(y.sum()), len(y)) for x, y in batches()]
    features, labels, samples = (sum(column) for column in zip(*totals, strict=True))
    return features, labels, samples


def _minigrad(x: np.ndarray, y: np.ndarray, size: int) -> Batches:
    from minigrad.data import ArrayDataset, DataLoader

    loader = DataLoader(ArrayDataset(x, y), size, shuffle=True, seed=0)
    return lambda: loader


def _by_hand(x: np.ndarray, y: np.ndarray, size: int) -> Batches:
    rng = np.random.default_rng(0)

    def batches() -> Iterator[tuple[np.ndarray, np.ndarray]]:
        order = rng.permutation(len(x))
        for start in range(0, len(x), size):
            chosen = order[start : start + size]
            yield x[chosen], y[chosen]

    return batches


def _torch(x: np.ndarray, y: np.ndarray, size: int) -> Batches:
    import torch
    from torch.utils.data import DataLoader, TensorDataset

    loader = DataLoader(TensorDataset(torch.from_numpy(x), torch.from_numpy(y)), size, shuffle=True)
    return lambda: loader
