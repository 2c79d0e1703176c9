"""What ``Trainer.fit`` adds to each step of a loop that is written by hand."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from time import perf_counter
from typing import Any

import numpy as np

from .networks import EPS, Problem
from .timing import Comparison, Settings, timed

TARGET = 10.0  # microseconds added to a step
WARM = 50  # steps before those that count


def added(title: str, task: Problem, steps: int, lr: float) -> Callable[[Settings], list[Comparison]]:
    """A workload: so many steps for each round, as batches of one epoch, and as epochs of one batch each."""

    def run(settings: Settings) -> list[Comparison]:
        count = WARM + steps * settings.rounds
        return [
            _compared(f"{title}, {kind}", task, lr, *shape)
            for kind, shape in {"an epoch of many": (count, 1), "an epoch of its own": (1, count)}.items()
        ]

    return run


def _compared(title: str, task: Problem, lr: float, batches: int, epochs: int) -> Comparison:
    from minigrad.train import Trainer

    *trained, x, y = _parts(task, lr)
    turns = Turns(_by_hand(*trained, x, y), (x.data, y), batches)
    trainer = Trainer(*trained)
    timed(lambda: trainer.fit(turns, epochs, progress="none"))
    samples = {"fit": turns.by_fit[WARM:], "hand": turns.by_hand[WARM : len(turns.by_fit)]}
    more = np.sort(np.subtract(samples["fit"], samples["hand"]) * 1e6)
    low, high = median_within(len(more))
    verdict = "met" if more[high] <= TARGET else "missed" if more[low] > TARGET else "not to be told here and now"
    note = (
        f"{np.median(more):.1f} µs added to a step (the median is {more[low]:.1f} to {more[high]:.1f} with 95 %; "
        f"at most {TARGET:.0f}: {verdict})"
    )
    return Comparison(title, samples, subjects=("fit",), notes=[note])


class Turns:
    """Batches for ``fit``, with a step by hand before each: the two take turns, step by step, and each is timed.

    They share weights and momenta: where arrays happen to lie makes one step of the larger net 60 µs slower than
    another, from the start of a process to its end. What ``fit`` does once, before the first step, is not counted.
    At each epoch ``fit`` looks at what its data holds, for a resume. It shall not look at all these times, so the
    batches say that they have no state.
    """

    def state_dict(self) -> dict[str, Any]:
        """Nothing."""
        return {}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """There is nothing to load."""

    def __init__(self, by_hand: Callable[[], None], batch: tuple[Any, Any], batches: int) -> None:
        self.step, self.batch, self.batches = by_hand, batch, batches
        self.by_fit: list[float] = []
        self.by_hand: list[float] = []
        self._began = 0.0

    def __len__(self) -> int:
        return self.batches

    def __iter__(self) -> Iterator[tuple[Any, Any]]:
        for _ in range(self.batches):
            now = perf_counter()
            if self._began:  # fit comes for the next batch: its step, and perhaps an epoch, is done
                self.by_fit.append(now - self._began)
            now = perf_counter()
            self.step()
            self._began = perf_counter()
            self.by_hand.append(self._began - now)
            yield self.batch


def median_within(count: int) -> tuple[int, int]:
    """Between which of so many sorted samples the median of all that could be taken lies, with 95 %.

    Of so many samples, each below the median or above it with probability 1/2, a number with standard deviation
    sqrt(count) / 2 lies below.
    """
    half = 1.96 * math.sqrt(count) / 2
    return max(0, math.floor(count / 2 - half)), min(count - 1, math.ceil(count / 2 + half) - 1)


def _parts(task: Problem, lr: float) -> tuple[Any, ...]:
    """Model, optimizer, loss, inputs and labels."""
    import minigrad as mg
    from minigrad import nn, optim

    modules = [module for w, _ in task.layers for module in (nn.Linear(*w.shape), nn.ReLU())]
    model = nn.Sequential(*modules[:-1])
    optimizer = optim.Adam(model.parameters(), lr=lr, eps=EPS)
    return model, optimizer, nn.CrossEntropyLoss(), mg.tensor(task.x), task.y


def _by_hand(model: Any, optimizer: Any, loss_fn: Any, x: Any, y: Any) -> Callable[[], None]:
    def step() -> None:
        optimizer.zero_grad()
        loss = loss_fn(model(x), y)
        loss.backward()
        optimizer.step()

    return step
