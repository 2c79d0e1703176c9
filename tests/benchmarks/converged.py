"""Training far past convergence costs what it cost at the start, though the numbers have become subnormal."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np

from . import networks
from .peers import built, compiled
from .timing import Comparison, Settings, Step, alternate, per_call

LATER = 2_000
SPIRAL_SHAPES = ((64, 2), (64,), (3, 64), (3,))
RATE = 1e-6

#: How far the right class is ahead in the logits. At 95 the other probabilities, 5e-42, are subnormal, and with them
#: every gradient and every momentum; at 120 they are 0.
LEADS = {"subnormal": 95.0, "zero": 120.0}
LIMIT = 1.1


def converged(settings: Settings) -> list[Comparison]:
    """Whole steps, eager and compiled, then an optimizer's step by itself."""
    return [*_whole_steps(settings), *_optimizer_steps(settings)]


# -- whole steps --------------------------------------------------------------------------------


def _whole_steps(settings: Settings) -> list[Comparison]:
    makers: dict[str, Callable[[networks.Problem, float], Step]] = {
        "minigrad": networks.minigrad_step,
        "numpy": partial(networks.compiled_step, backend="numpy"),
        "native": partial(networks.compiled_step, backend="native"),
        "torch": networks.torch_step,
    }
    pairs, skipped = built(settings.chosen({name: partial(_start_and_end, make) for name, make in makers.items()}))
    title = f"training step of a 2-64-3 relu net, at the start, and {LATER:,} steps on with gradients that are tiny"
    return _compared(pairs, title, settings, skipped)


def _start_and_end(make: Callable[[networks.Problem, float], Step]) -> dict[str, Step]:
    """Steps of nets that are sure of their labels, which are all of class 0, and of one that knows nothing yet."""
    steps = {}
    for state, lead in {**LEADS, "fresh": 0.0}.items():
        rng = np.random.default_rng(0)
        task = networks.problem((2, 64, 3), rng.standard_normal((300, 2)), np.zeros(300, np.int64))
        weights, bias = task.layers[-1]
        weights *= np.float32(0.01)  # or the lead would differ from row to row
        bias[0] = lead
        steps[state] = make(task, RATE)
        for _ in range(LATER if lead else 0):
            steps[state]()
    return steps


# -- an optimizer's step ------------------------------------------------------------------------


def _optimizer_steps(settings: Settings) -> list[Comparison]:
    comparisons = []
    for name, options in {"Adam": {"lr": RATE}, "SGD": {"lr": RATE, "momentum": 0.9}}.items():
        builders = {
            "minigrad": partial(_minigrad_steps, name, options),
            "numpy": partial(_minigrad_steps, name, options, "numpy"),
            "native": partial(_minigrad_steps, name, options, "native"),
            "torch": partial(_torch_steps, name, options),
        }
        pairs, skipped = built(settings.chosen(builders))
        title = f"{name} step, fresh and after {LATER:,} with gradients of 0"
        comparisons += _compared(pairs, title, settings, skipped)
    return comparisons


def _minigrad_steps(optimizer: str, options: dict[str, float], backend: str | None = None) -> dict[str, Step]:
    import minigrad as mg

    run = partial(compiled, backend=backend) if backend else None
    return _fresh_and_late(mg.tensor, getattr(mg.optim, optimizer), options, run)


def _torch_steps(optimizer: str, options: dict[str, float]) -> dict[str, Step]:
    import torch

    return _fresh_and_late(torch.tensor, getattr(torch.optim, optimizer), options)


def _fresh_and_late(
    tensor: Any, optimizer: Any, options: dict[str, float], run: Callable[[Step], Step] | None = None
) -> dict[str, Step]:
    def prepared() -> tuple[list[Any], Step]:
        rng = np.random.default_rng(0)
        parameters = [tensor(rng.standard_normal(s, np.float32), requires_grad=True) for s in SPIRAL_SHAPES]
        for p in parameters:
            (p * tensor(rng.standard_normal(p.shape, np.float32))).sum().backward()
        step = optimizer(parameters, **options).step
        return parameters, run(step) if run else step

    (_, fresh), (parameters, late) = prepared(), prepared()
    late()
    for p in parameters:
        p.grad[...] = 0
    for _ in range(LATER):
        late()
    return {"late": late, "fresh": fresh}


# -- both ---------------------------------------------------------------------------------------


def _compared(
    pairs: dict[str, dict[str, Step]], title: str, settings: Settings, skipped: dict[str, str]
) -> list[Comparison]:
    """A comparison for each of those who take part: late steps beside fresh ones."""
    late = {name: tuple([state for state in pair if state != "fresh"]) for name, pair in pairs.items()}
    return [
        Comparison(
            f"converged: {name}'s {title}",
            alternate({state: per_call(step, settings.seconds) for state, step in pair.items()}, settings.rounds),
            subjects=late[name],
            targets={} if name == "torch" else {(state, "fresh"): LIMIT for state in late[name]},
            skipped=skipped,
        )
        for name, pair in pairs.items()
    ]
