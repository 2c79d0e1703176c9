"""Recordings that wait for a second one like them: when two in a row agree, there is a program.

Between two calls anything may change: weights are loaded, a rate is set, a layer is frozen. Then the next recording is
the first again. What changes within the step, or from where nobody sees, is no constant, and after some calls the step
is refused.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from minigrad.compiler.tracing.trace_comparison import VariesError, difference
from minigrad.errors import CompileError

if TYPE_CHECKING:
    from minigrad.compiler.guards.reachable import Reach
    from minigrad.compiler.program import Program

#: The number of recordings in a row that may come out different before the function is refused.
_PATIENCE = 6

#: States of what a step reads of which recordings wait, beside the latest, at most.
_STATES = 3


class Waiting:
    """The recordings of calls of one kind."""

    def __init__(self) -> None:
        self.programs: list[Program] = []
        self._reach: Reach | None = None  # of the latest, if the step left what it reads as it was
        self.restarts = 0  # in a row
        self._entered: Reach | None = None  # what held when the latest began
        self._new = 0  # states in a row that were new, of a step that sets something itself
        self._earlier: list[tuple[Reach, list[Program]]] = []  # of other states, which may come again

    def changed(self) -> tuple[str, dict[Any, Any]]:
        """What others than the step have changed since the latest recording, by name, or ""; and what of it can vary.

        The second are places of numbers, by id, see ``Reach.changing``.
        """
        if self._reach is None:
            return "", {}
        for tensor, data, node in self.programs[-1].tensors:
            if tensor._array is not data or tensor._node is not node:
                return self._reach.names.get(id(data), "") or "the data of a tensor", {}
        changed = self._reach.guards.changed()
        return changed, self._reach.guards.changing() if changed else {}

    def agreeing(self, program: Program, reach: Reach, changed: str) -> Program | None:
        """An earlier recording with which this one agrees, or None; ``changed`` is what has changed before it.

        Raises ``CompileError`` when too many have come out different.
        """
        if changed:
            is_known = self._change(reach)
            self._new = self._new + 1 if program.set and not is_known else 0
        self._entered = reach
        own = reach.guards.changed(program.set if self._new <= _PATIENCE else ())
        self._reach = None if own else reach
        before = self._before(program)
        if before is None and self._new <= _PATIENCE:
            self.programs.append(program)
            return None
        varies, differs = None, ""
        try:
            differs = difference(before, program) if before is not None else ""
        except VariesError as error:  # it may have changed once
            varies, differs = error, "in a number or an array"
        if not differs and not own:
            return before
        if max(len(self.programs), self._new) > _PATIENCE and program.grown:
            raise CompileError(
                f"mg.compile: the step appends to {program.grown} and reads it, so it reads other items in each call, "
                "and more of them: keep a deque(maxlen=n), or an array of one size, buffer[n % size] = x; or take the "
                "batch outside, and pass it as an argument"
            )
        if max(len(self.programs), self._new) > _PATIENCE:
            raise varies or CompileError(
                "mg.compile: the step does something else from call to call, "
                f"{differs or f'and changes {own}'}; a program does the same in each run: return what is new from the "
                "compiled function, and keep it outside"
            )
        self.programs.append(program)
        return None

    def _change(self, reach: Reach) -> bool:
        """Go on with the recordings that began in this very state, if there are: training and evaluation take turns."""
        self.restarts += 1
        if self._entered is not None and self.programs:
            self._earlier = [*self._earlier, (self._entered, self.programs)][-_STATES:]
        self.programs = []
        for i, (entered, programs) in enumerate(self._earlier):
            if entered.guards.are_like(reach.guards):
                self.programs = programs
                del self._earlier[i]
                return True
        return False

    def _before(self, program: Program) -> Program | None:
        """The one to compare with: with gradients there and not there in turns (accumulation), two take turns."""
        latest = self.programs[-1] if self.programs else None
        return next((other for other in reversed(self.programs) if other.entry == program.entry), latest)


class AllWaiting:
    """The recordings that wait, by the kind of the arguments and by what Python decided: at most ``most`` of them."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._all: dict[Any, dict[Any, Waiting]] = {}

    def of(self, key: Any, way: Any) -> Waiting:
        """Those of one kind."""
        waiting = self._all.setdefault(key, {}).setdefault(way, Waiting())
        while sum(map(len, self._all.values())) > self._most:
            oldest = next(iter(self._all))
            self.drop(oldest, next(iter(self._all[oldest])))
        return waiting

    def drop(self, key: Any, way: Any) -> None:
        """Forget those of one kind."""
        ways = self._all.get(key, {})
        ways.pop(way, None)
        if not ways:
            self._all.pop(key, None)

    def changed(self, key: Any) -> tuple[dict[Any, str], dict[Any, Any]]:
        """What others have changed since the latest recording of each way, by name; and what of it can vary."""
        names: dict[Any, str] = {}
        places: dict[Any, Any] = {}
        for way, waiting in self._all.get(key, {}).items():
            names[way], varying = waiting.changed()
            places |= varying
        return names, places

    @property
    def programs(self) -> list[Program]:
        """All of them."""
        return [one for ways in self._all.values() for several in ways.values() for one in several.programs]
