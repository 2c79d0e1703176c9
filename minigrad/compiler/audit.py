"""A call that runs both ways, as it is written and as a program, from the same state, and is held against itself.

No list of what a step may depend on is complete, so programs audit themselves: now and then, at the replays 2, 4, 8,
16 and so on, and with ``check=True`` at each. All that the step changes is put back between the two runs, and what
stays is one result. A difference is an error, and then nothing is kept of either run.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import nullcontext
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any

import numpy as np

from minigrad import random
from minigrad.compiler.backends import MISSED, is_exact
from minigrad.compiler.rounding import interpreted, within
from minigrad.compiler.tracing.assigned_data import coming_home
from minigrad.compiler.tracing.frozen import keeping
from minigrad.compiler.tracing.trace_comparison import same_numbers, same_to_rounding
from minigrad.core.tensor import Tensor
from minigrad.core.trees import mapped_all
from minigrad.errors import CompileError

if TYPE_CHECKING:
    from minigrad.compiler.executable import Ready

#: Whether compiled functions run as they are written: those inside of one that is audited are part of it.
AS_WRITTEN: ContextVar[bool] = ContextVar("as written", default=False)

#: Runs with moved numbers that estimate the effect of rounding, at most.
_RUNS = 12


class AuditError(CompileError):
    """What an audit found."""


def audited(ready: Ready, backend: str, eager: Callable[[], Any], arrays: list[Any]) -> tuple[bool, Any]:
    """Run ``eager`` and the program from one state: whether the program ran, and the result, which is of one run.

    Raises ``CompileError`` where results, gradients, weights, state or counts differ; all is as before the call then.
    """
    with random.turns if ready.streams.of_package else nullcontext():
        return _both_ways(ready, backend, eager, arrays)


def _both_ways(ready: Ready, backend: str, eager: Callable[[], Any], arrays: list[Any]) -> tuple[bool, Any]:
    before, remembered = ready.state(arrays), ready.kept()
    token = AS_WRITTEN.set(True)
    try:
        apart = ready.program.shows_old_data
        with keeping((), ready.listing.optimizers), coming_home([ready.program], apart):
            result = eager()
    finally:
        AS_WRITTEN.reset(token)
    expected = _places_of(ready, result, arrays)
    after, kept_after = ready.state(arrays), ready.kept()
    ready.put_back(before, arrays)
    ready.put_back_kept(remembered)
    if not ready.is_valid():  # the step changes what it depends on
        ready.put_back(after, arrays)
        ready.put_back_kept(kept_after)
        return False, result
    try:
        outcome = ready.run(*arrays)
    except ready.raised:  # an error that the step handles by itself
        outcome = MISSED
    except Exception as error:
        ready.put_back(before, arrays)
        raise AuditError(
            f"mg.compile: the replay raises {type(error).__name__} ({error}), and the step as it is written does not: "
            "leave out mg.compile for such data"
        ) from error
    if outcome is MISSED:
        ready.put_back(after, arrays)
        ready.put_back_kept(kept_after)
        return False, result
    replayed = ready.result(outcome)
    got = _places_of(ready, replayed, arrays)
    name = _different(expected, got, same_numbers if is_exact(backend) else same_to_rounding)
    if name and not is_exact(backend) and _is_rounding(ready, arrays, before, remembered, expected, got):
        ready.put_back(before, arrays)
        ready.put_back_kept(remembered)
        outcome = ready.run(*arrays)  # the same bits once more
        replayed, name = ready.result(outcome), ""
    if name:
        ready.put_back(before, arrays)
        ready.put_back_kept(remembered)
        raise AuditError(
            f"mg.compile: the replay differs from the step as it is written, in {name}: the step depends on "
            "something that changes without being an argument, and that was not noticed: pass it as an argument"
        )
    return True, replayed


def _places_of(ready: Ready, result: Any, arrays: list[Any]) -> list[tuple[str, Any]]:
    """Copies of all that a run may have made or changed, by name."""
    places: list[tuple[str, Any]] = []

    def add(x: Any) -> None:
        places.append(("the result", np.array(x._array if isinstance(x, Tensor) else x, copy=True)))

    mapped_all(lambda x: add(x) if hasattr(x, "dtype") or isinstance(x, (int, float, complex, str)) else None, result)
    places += [(f"argument {i}", arrays[i].copy()) for i in ready.written_arguments]
    return places + ready.results()


def _different(expected: list[tuple[str, Any]], got: list[tuple[str, Any]], same: Callable[..., bool]) -> str:
    """The name of the first difference, or ""."""
    for (name, one), (other_name, other) in zip(expected, got, strict=False):
        if name != other_name or not same(np.asarray(one), np.asarray(other)):
            return name
    return "" if len(expected) == len(got) else "the gradients that are there after the step"


def _is_rounding(ready: Ready, arrays: list[Any], before: Any, remembered: Any, expected: Any, got: Any) -> bool:
    """Whether a difference beyond the bound is rounding that the step itself amplifies.

    The program is run by NumPy: if it is right, it gives the bits of the step as it is written. Then a few times more
    with each result moved by its last place: what this moves, the rounding of a backend may move too. One time is not
    enough: where the sign of a gradient that is nothing but rounding decides (Lion), half of the runs do not turn it.
    """

    def run(noise: np.random.Generator | None) -> Any:
        ready.put_back(before, arrays)
        ready.put_back_kept(remembered)
        outcome = interpreted(ready.simplified, ready.program, arrays, noise)
        return MISSED if outcome is MISSED else _places_of(ready, ready.result(outcome), arrays)

    exact = run(None)
    if exact is MISSED or _different(expected, exact, same_numbers):
        return False
    noise, moved = np.random.default_rng(0), []
    for _ in range(_RUNS):
        outcomes = run(noise)
        moved += [] if outcomes is MISSED else [[x for _, x in outcomes]]
        rows = zip(expected, got, zip(*moved, strict=True), strict=True) if moved else ()
        if moved and all(within(one, other, list(others)) for (_, one), (_, other), others in rows):
            return True
    return False
