"""What ``Trainer.fit`` adds to each step of a loop that is written by hand."""

from __future__ import annotations

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
        times = alternate({name: partial(timed, loop) for name, loop in loops.items()}, 2 * settings.rounds)
        samples = {name: [seconds / steps for seconds in rounds] for name, rounds in times.items()}
        notes = []
        for name in ("batches", "epochs"):
            low, middle, high = np.percentile(np.subtract(samples[name], samples["hand"]) * 1e6, (10, 50, 90))
            verdict = "met" if middle <= TARGET else "missed"
            if high - low > 2 * TARGET:
                verdict = "not to be told on this machine now"
            notes.append(
                f"{name}: {middle:.1f} µs added to a step (10-90 %: {low:.1f} to {high:.1f}; at most {TARGET:.0f}: "
                f"{verdict})"
            )
        return [Comparison(title, samples, subjects=("batches", "epochs"), notes=notes)]

    return run


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
