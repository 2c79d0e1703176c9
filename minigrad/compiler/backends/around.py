"""Python around a program's arithmetic: an optimizer's rates come first, and its count of the step comes last.

Rates are worked out by the optimizer before anything is computed where they depend on its numbers and counts alone:
with minigrad's optimizers and schedules. A function of the user's may look at anything, and stays in its place.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from minigrad.compiler.passes import Plan
from minigrad.compiler.program import CAPTURE, Call


def around(plan: Plan) -> tuple[list[Call], list[Call]]:
    """The calls for rates that may come before all others, and those that count a step after all others."""
    calls = [call for call, _ in plan.steps]
    rates: list[Call] = []
    finished: list[Any] = []
    for call in calls:
        host = call.function if call.is_host else None
        if host is not None and host.kind == "finish":
            finished.append(host.owner)
        if host is None or host.kind != "rates" or [*call.values]:
            continue
        if host.owner.has_plain_rates() and all(owner is not host.owner for owner in finished):
            rates.append(call)
    finishes: list[Call] = []
    later: list[np.ndarray] = []
    for call in reversed(calls):
        if not call.is_host:
            later += [x.root.origin for x in [*call.values, *call.writes] if x.root.kind == CAPTURE]
        elif call.function.kind == "finish" and not _is_seen(call.function.owner, later):
            finishes.insert(0, call)
        elif call not in rates and call.function.kind != "draw":  # draws come before everything else
            break
    return rates, finishes


def _is_seen(optimizer: Any, arrays: list[np.ndarray]) -> bool:
    """Whether the end of a step, which sets tiny state to zero, may be seen in arrays; of no optimizer it is a note."""
    state = (
        [] if optimizer is None else [x for flats in optimizer._flats for flat in flats for x in flat.state.values()]
    )
    return any(np.may_share_memory(x, y) for x in state for y in arrays)
