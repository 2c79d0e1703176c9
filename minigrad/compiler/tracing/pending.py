"""Recordings that wait for a second one like them: when two in a row agree, there is a program.

Between two calls anything may change: weights are loaded, a rate is set, a layer is frozen. Then the next recording is
the first again. What changes within the step, or from where nobody sees, is no constant, and after some calls the step
is refused.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from minigrad.compiler.tracing.trace_comparison import VariesError, difference
from minigrad.errors import CompileError

if TYPE_CHECKING:
    from minigrad.compiler.guards.reachable import Reach
    from minigrad.compiler.program import Program

#: So many recordings in a row may come out different before the function is refused.
_PATIENCE = 6


class Waiting:
    """The recordings of calls of one kind."""

    def __init__(self) -> None:
        self.programs: list[Program] = []
        self._reach: Reach | None = None  # of the latest, if the step left what it reads as it was
        self.restarts = 0  # in a row

    def changed(self) -> str:
        """What others than the step have changed since the latest recording, by name, or ""."""
        if self._reach is None:
            return ""
        for tensor, data, node in self.programs[-1].tensors:
            if tensor._data is not data or tensor._node is not node:
                return self._reach.names.get(id(data), "") or "the data of a tensor"
        return self._reach.changed()

    def agreeing(self, program: Program, reach: Reach, changed: str) -> Program | None:
        """An earlier recording with which this one agrees, or None; ``changed`` is what has changed before it.

        Raises ``CompileError`` when too many have come out different.
        """
        if changed:
            self.programs, self.restarts = [], self.restarts + 1
        own = reach.changed()
        self._reach = None if own else reach
        before = self._before(program)
        if before is None:
            self.programs.append(program)
            return None
        varies = None
        try:
            differs = difference(before, program)
        except VariesError as error:  # it may have changed once
            varies, differs = error, "in a number or an array"
        if not differs and not own:
            return before
        if len(self.programs) > _PATIENCE:
            raise varies or CompileError(
                "mg.compile: the step does something else from call to call, "
                f"{differs or f'and changes {own}'}; a program does the same in each run"
            )
        self.programs.append(program)
        return None

    def _before(self, program: Program) -> Program | None:
        """The one to compare with: with gradients there and not there in turns (accumulation), two take turns."""
        latest = self.programs[-1] if self.programs else None
        return next((other for other in reversed(self.programs) if other.entry == program.entry), latest)
