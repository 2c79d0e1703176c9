"""Python around a program's arithmetic: an optimizer's rates come first, and its count of the step comes last.

Rates are worked out by the optimizer before anything is computed where they depend on its numbers and counts alone:
with minigrad's optimizers and schedules. A function of the user's may look at anything, and stays in its place.
"""

from __future__ import annotations

import numbers
from typing import Any

from minigrad.compiler.passes import Plan
from minigrad.compiler.program import Call
from minigrad.optim.optimizer import Optimizer
from minigrad.optim.schedules import Schedule

#: What of an optimizer is called for rates and counts.
_METHODS = ("rates", "rates_of", "_rate", "finish", "miss")


def around(plan: Plan) -> tuple[list[Call], list[Call]]:
    """The calls for rates that may come before all others, and those that count a step after all others."""
    calls = [call for call, _ in plan.steps]
    rates: list[Call] = []
    for call in calls:
        if call.is_host and call.function.kind == "finish":
            break
        if (
            call.is_host
            and call.function.kind == "rates"
            and not [*call.values]
            and depends_on_counts(call.function.owner)
        ):
            rates.append(call)
    finishes: list[Call] = []
    while calls and calls[-1].is_host and calls[-1].function.kind == "finish":
        finishes.insert(0, calls.pop())
    return rates, finishes


def depends_on_counts(optimizer: Any) -> bool:
    """Whether rates depend on the numbers and counts of an optimizer alone, as it is now."""
    own = [getattr(type(optimizer), name, None) for name in _METHODS]
    if not isinstance(optimizer, Optimizer) or any(not str(x.__module__).startswith("minigrad.optim.") for x in own):
        return False
    return all(isinstance(group["lr"], (numbers.Real, Schedule)) for group in optimizer.param_groups)
