"""What ``Trainer.fit`` adds to each step of a loop that is written by hand."""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np

from .networks import EPS, Problem
from .timing import Comparison, Settings, alternate, timed

TARGET = 10.0  # microseconds added to a step


def added(title: str, task: Problem, steps: int, lr: float) -> Callable[[Settings], list[Comparison]]:
    """A workload: the same steps by hand, as batches of one epoch, and as epochs of one batch."""

    def run(settings: Settings) -> list[Comparison]:
        loops = {name: make(task, steps, lr) for name, make in LOOPS.items()}
        for loop in loops.values():
            loop()
        # What fit does once, about 0.2 ms, is spread over the steps, as it is in a real run.
        times = alternate({name: partial(timed, loop) for name, loop in loops.items()}, 4 * settings.rounds)
        samples = {name: [seconds / steps for seconds in rounds] for name, rounds in times.items()}
        notes = []
        for name in ("batches", "epochs"):
            more = np.sort(np.subtract(samples[name], samples["hand"]) * 1e6)
            low, high = median_within(len(more))
            verdict = (
                "met" if more[high] <= TARGET else "missed" if more[low] > TARGET else "not to be told here and now"
            )
            notes.append(
                f"{name}: {np.median(more):.1f} µs added to a step (the median is {more[low]:.1f} to {more[high]:.1f} "
                f"with 95 %; at most {TARGET:.0f}: {verdict})"
            )
        return [Comparison(title, samples, subjects=("batches", "epochs"), notes=notes)]

    return run


def median_within(count: int) -> tuple[int, int]:
    """Between which of so many sorted samples the median of all that could be taken lies, with 95 %.

    Of so many samples, each below the median or above it with probability 1/2, a number with standard deviation
    sqrt(count) / 2 lies below.
    """
    half = 1.96 * math.sqrt(count) / 2
    return max(0, math.floor(count / 2 - half)), min(count - 1, math.ceil(count / 2 + half) - 1)


def _parts(task: Problem, lr: float) -> tuple[Any, Any, Any]:
    from minigrad import nn, optim

    modules = [module for w, _ in task.layers for module in (nn.Linear(*w.shape), nn.ReLU())]
    model = nn.Sequential(*modules[:-1])
    return model, optim.Adam(model.parameters(), lr=lr, eps=EPS), nn.CrossEntropyLoss()


def _by_hand(task: Problem, steps: int, lr: float) -> Callable[[], None]:
    import minigrad as mg

    model, optimizer, loss_fn = _parts(task, lr)
    batches = [(mg.tensor(task.x), task.y)] * steps

    def loop() -> None:
        for x, y in batches:
            optimizer.zero_grad()
            loss = loss_fn(model(x), y)
            loss.backward()
            optimizer.step()

    return loop


def _as_batches(task: Problem, steps: int, lr: float) -> Callable[[], Any]:
    from minigrad.train import Trainer

    trainer = Trainer(*_parts(task, lr))
    return partial(trainer.fit, [(task.x, task.y)] * steps, 1, progress="none")


def _as_epochs(task: Problem, steps: int, lr: float) -> Callable[[], Any]:
    from minigrad.train import Trainer

    trainer = Trainer(*_parts(task, lr))
    return partial(trainer.fit, (task.x, task.y), steps, progress="none")


LOOPS = {"hand": _by_hand, "batches": _as_batches, "epochs": _as_epochs}
