"""What a call of a compiled step costs besides its program: is it still valid, which one is it, what comes out."""

from __future__ import annotations

from functools import partial
from typing import Any

from . import networks
from .peers import built
from .timing import Comparison, Settings, Step, alternate, per_call

RATE = 1e-6


def replay(task: networks.Problem, settings: Settings) -> list[Comparison]:
    """A replay, its parts, and how much longer it takes than the program by itself, which does all the arithmetic."""
    backends = {backend: partial(_parts, task, backend) for backend in ("numpy", "native")}
    found, skipped = built(settings.chosen(backends))
    return [
        Comparison(
            f"replay: a call of the compiled spiral step, backend {backend}, and its parts",
            alternate({part: per_call(step, settings.seconds) for part, step in parts.items()}, settings.rounds),
            subjects=("call",),
            skipped=skipped,
        )
        for backend, parts in found.items()
    ]


def _parts(task: networks.Problem, backend: str) -> dict[str, Step]:
    """The call; the program; whether all is as it was recorded; the result as a Tensor."""
    step: Any = networks.compiled_step(task, RATE, backend)
    for _ in range(3):
        step()
    ready = step._latest
    made = ready.run()
    return {"call": step, "program": ready.run, "checks": ready.is_valid, "result": partial(ready.result, made)}
