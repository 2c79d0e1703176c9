"""Numbers of Python that a step computes, and what Python does with them: see ``numbers``."""

from __future__ import annotations

import gc
from typing import Any

from minigrad.compiler.guards.python_state import SMALL, Steps
from minigrad.compiler.program import RESULT, Call
from minigrad.compiler.tracing.counts import Told
from minigrad.compiler.tracing.numeric_arguments import COMPUTED, Number
from minigrad.compiler.tracing.recorded_array import LEAVING, number_of
from minigrad.errors import CompileError

#: Decisions of Python that may be conditions of one program, at most.
_DECISIONS = 32


def item(recording: Any, x: Any, bound: int = SMALL) -> Number:
    """``x.item()``: a number that the program goes on with. A whole one is at most ``bound``."""
    real = x.array.item() if hasattr(x.array, "item") else x.array
    if not recording.active or type(real) not in (float, int, bool):
        raise recording.refusal(*LEAVING)
    value = recording.program.new(RESULT, real)
    recording.note(Call(number_of, (x.value,), {}, [value], []))
    return Number(recording, real, value, frozenset([COMPUTED]), bound)


def told(recording: Any, optimizer: Any, name: str, number: Any) -> Any:
    """A count of an optimizer that the step reads by itself."""
    if recording.in_update:  # by the optimizer itself
        return number
    return (
        iterations(recording, optimizer, number) if name == "iterations" else Told(recording, optimizer, name, number)
    )


def iterations(recording: Any, optimizer: Any, number: int) -> Any:
    """``optimizer.iterations``: what it is before a run, and the steps that the run has made."""
    steps = recording.updates.count(id(optimizer))
    first = recording.steps.get(id(optimizer))
    if first is None:
        source = Steps(f"{recording.reach.names.get(id(optimizer), 'optimizer')}.iterations", optimizer)
        first = recording.steps[id(optimizer)] = recording.kept(source, number - steps, COMPUTED)
    if first.real_number + steps != number:
        raise recording.refusal(
            "optimizer.iterations changes in the step other than by optimizer.step()", "change it outside of the step"
        )
    return first + steps if steps else first


def decide(recording: Any, condition: Any, answer: bool) -> bool:
    """Python decides by a number of the step: the program holds for this answer."""
    if condition.value in recording.decided:
        return answer
    if len(recording.program.decisions) >= _DECISIONS:
        raise recording.refusal(
            f"Python decides more than {_DECISIONS} times by numbers that are computed in the step",
            "choose with mg.where(condition, a, b), or return the number and decide outside",
        )
    recording.assume(condition, answer)
    recording.program.decisions.append(answer)
    recording.decided.add(condition.value)
    return answer


def leaving(recording: Any, places: frozenset[Any]) -> None:
    """Python takes a number, which is made of what is at these places.

    After a decision (``if n % 100 == 0: print(loss.item())``) no program is made of this way, which runs as it is
    written each time. Else each value of an argument has a program of its own, and what the step computes is refused:
    ``CompileError``.
    """
    if len(recording.program.decisions) > recording.bounds:
        recording.late |= places
        recording.leave_out()
    elif COMPUTED in places:
        raise recording.refusal(*LEAVING)
    else:
        recording.taken |= places


def check_not_kept(recording: Any, reach: Any) -> None:
    """Raise ``CompileError`` for a number that is kept where nobody knows of it: a replay would leave it out."""
    if reach.guards.changed(recording.program.set):
        return  # somebody knows, and no program is made
    if any(reference() is not None for reference in recording.all_numbers):
        gc.collect()
    if any(reference() is not None for reference in recording.all_numbers):
        raise CompileError(
            "mg.compile: the step keeps a number that it computes (x.item()) where no name of it leads to, and later "
            "runs would leave it out: return it from the compiled function, and keep it outside"
        )
