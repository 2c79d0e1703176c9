"""Counts and rates of an optimizer that a step reads by itself: other numbers in each run, which it may return."""

from __future__ import annotations

from typing import Any, NoReturn

from minigrad.core.watching import Place, user_line
from minigrad.errors import CompileError


class Told:
    """``optimizer.iterations`` or ``optimizer.current_lr``, read in a step that is recorded."""

    __slots__ = ("name", "number", "owner", "place", "recording", "steps")

    def __init__(self, recording: Any, owner: Any, name: str, number: Any) -> None:
        self.recording, self.owner, self.name, self.number = recording, owner, name, number
        self.steps = recording.updates.count(id(owner))  # that it had made in this run
        self.place: Place = user_line()

    def settled(self) -> None:
        """Look at the end whether a replay can tell it. Raises ``CompileError``."""
        self.steps = self.recording.updates.count(id(self.owner)) - self.steps
        if self.steps and self.name == "current_lr":
            raise CompileError(
                f"mg.compile: the rate of the step before is read:\n  {self.place}\nread optimizer.current_lr after "
                "optimizer.step(), or outside of the compiled function"
            )

    def now(self) -> Any:
        """The number after a run."""
        return vars(self.owner)[f"_{self.name}"] - (self.steps if self.name == "iterations" else 0)

    def is_like(self, other: Told) -> bool:
        """Whether it is the same thing in another recording."""
        return (self.owner, self.name, self.steps) == (other.owner, other.name, other.steps)

    def _refuse(self, *_: Any) -> NoReturn:
        refusal = CompileError(
            f"mg.compile: optimizer.{self.name} is another number in each step, and a program would keep the first:\n"
            f"  {user_line()}\nreturn it from the compiled function, read it outside, or put what depends on it into a "
            "schedule, lr=lambda step: ..."
        )
        self.recording.refused = self.recording.refused or refusal
        raise refusal

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__") and name.endswith("__"):
            raise AttributeError(name)
        return self._refuse()


_ARITHMETIC = ("add", "sub", "mul", "truediv", "floordiv", "mod", "pow", "divmod", "and", "or", "xor", "matmul")
_OTHERS = tuple(
    """
    neg pos abs lt le gt ge eq ne bool int float complex index hash iter len getitem contains call format str round
    trunc floor ceil invert array array_ufunc
    """.split()
)
for _name in (*_ARITHMETIC, *[f"r{name}" for name in _ARITHMETIC], *_OTHERS):
    setattr(Told, f"__{_name}__", Told._refuse)
