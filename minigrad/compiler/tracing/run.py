"""One recorded run of a function, without the comparison with a second one."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from minigrad.compiler.guards.arguments import name_arguments, taken_apart
from minigrad.compiler.program import Program
from minigrad.compiler.tracing.assigned_data import leave
from minigrad.compiler.tracing.frozen import keeping
from minigrad.compiler.tracing.recording import Recording
from minigrad.compiler.tracing.recording_mode import Into, RecordingMode
from minigrad.compiler.tracing.stand_ins import noting
from minigrad.compiler.tracing.varying_arguments import replaced
from minigrad.core.context import mode
from minigrad.core.graph import Node
from minigrad.errors import compile_errors


def recorded_run(
    function: Callable[..., Any],
    recording: Recording,
    inputs: dict[Any, Any],
    args: tuple[Any, ...],
    kwargs: dict[str, Any],
) -> tuple[Program, Any]:
    """The program of one run, and its result.

    When it returns, its frame is gone: only what the step itself keeps still holds numbers of the recording.
    """
    positional, named = taken_apart(recording.given, args), taken_apart(recording.given, kwargs)
    name_arguments(function, args, recording.program)
    positional, named = replaced(positional, named, recording.numbers(inputs))
    into = Into(RecordingMode(recording, records=mode() is Node))
    keeper = keeping(recording.program.calls, recording.reach.optimizers)
    with keeper as frozen, noting(recording.reach, recording, (positional, named)), into:
        token = compile_errors.set([])
        try:
            result = function(*positional, **named)
            recording.refused = recording.refused or next(iter(compile_errors.get() or ()), None)
        except BaseException:
            leave(recording)
            raise
        finally:
            compile_errors.reset(token)
    frozen.check()
    if frozen.has_moved():
        recording.leave_out()
    return recording.finished(result)
