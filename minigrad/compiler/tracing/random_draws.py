"""Random numbers inside a step: drawn anew in each run, from the same generators and in the same order as eager.

A function of ``minigrad.random`` that draws is an effect of the program (``Host("draw", ...)``), and so is a method of
a generator in reach (``streams``). What is drawn otherwise would be in the program as the numbers of one call, so it is
refused.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, NoReturn

import numpy as np

from minigrad import random
from minigrad.compiler.guards.generator_proxies import put_back, state_of
from minigrad.compiler.guards.reachable import Reach
from minigrad.compiler.passes.conditions import may_end
from minigrad.compiler.program import RESULT, Call, Host, Program
from minigrad.compiler.tracing.recorded_array import Recorded
from minigrad.core.trees import flat
from minigrad.core.watching import user_line
from minigrad.errors import CompileError
from minigrad.random import drawn, generator_or_default

#: Names by which code gets at the package's generator.
_OF_PACKAGE = frozenset(
    {"default_generator", "manual_seed", "set_generator_state", "generator_state", "generator_or_default", "_generator"}
)


class Draws:
    """What a recording draws."""

    def __init__(self, reach: Reach) -> None:
        self._reach = reach
        self._generators = {id(bits): bits for _, bits in reach.generators}
        #: Whether code in reach may use the package's generator by itself. Else other threads may, which is no matter.
        self._is_watched = bool(reach.mentioned & _OF_PACKAGE)
        self._package = list(random.package_generator)
        self._others = self._other_states()
        self._expected = self._states()
        self._taken: list[tuple[Any, Recorded]] = []
        self._again: Iterator[Recorded] | None = None

    # -- what is drawn ------------------------------------------------------------------------

    def draw(
        self,
        recording: Any,
        function: Callable[..., Any],
        generator: np.random.Generator | None,
        args: tuple[Any, ...],
        options: dict[str, Any],
    ) -> Recorded:
        """Run a function that draws, with what it draws from and shapes and numbers as arguments; write it down."""
        other = generator is not None and not isinstance(generator, np.random.Generator)  # Python's, or NumPy's old one
        own = generator is None or [generator] == random.package_generator
        if own and self._again is not None:
            return next(self._again)
        if any(isinstance(x, Recorded) for x in flat((args, *options.values()))):
            name = args[0] if function is drawn else function.__name__
            raise CompileError(
                f"mg.compile: {name} draws random numbers, and is given computed ones:\n  {user_line()}\n"
                "draw numbers of a fixed distribution, and scale and shift them"
            )
        if not own and not other and id(generator.bit_generator) not in self._generators:  # type: ignore[union-attr]
            raise CompileError(
                "mg.compile: random numbers are drawn from a generator that no name outside of the step leads to, and "
                f"it may be a new one in each call:\n  {user_line()}\nmake the generator once, outside of the step"
            )
        self.verify()
        plain = function.__wrapped__  # type: ignore[attr-defined]

        def once() -> Any:
            if generator is None:
                with random.turns:
                    return plain(random.default_generator(), *args, **options)
            return plain(generator if other else generator_or_default(generator), *args, **options)

        numbers = once()
        self._package = list(random.package_generator)
        self._expected, self._others = self._states(), self._other_states()

        def run() -> tuple[Any]:
            return (once(),)

        value = recording.program.new(RESULT, numbers)
        value.name = "drawn"
        recording.note(Call(Host("draw", run, owner=generator, function=function), args, options, [value], []))
        result = Recorded(recording, numbers, value)
        self._taken.append((own, result))
        return result

    @property
    def count(self) -> int:
        """How many draws there were."""
        return len(self._taken)

    @contextmanager
    def again(self, start: int, stop: int) -> Iterator[None]:
        """Inside, what was drawn from the package's generator comes once more: a function that is run again."""
        before, self._again = self._again, iter([drawn for own, drawn in self._taken[start:stop] if own])
        try:
            yield
        finally:
            self._again = before

    # -- what is drawn otherwise --------------------------------------------------------------

    def verify(self) -> None:
        """Raise ``CompileError`` if a generator was drawn from, or seeded, without being told."""
        package = random.package_generator if self._package or not random.package_generator else self._package
        if (self._is_watched and package != self._package) or self._states() != self._expected:
            self._refuse("random numbers are drawn inside the step (or a generator is seeded there)")
        for (name, before), (_, now) in zip(self._others, self._other_states(), strict=False):
            if before != now:
                self._refuse(f"random numbers are drawn inside the step from {name} (or it is seeded there)")

    def _refuse(self, what: str) -> NoReturn:
        line = self._reach.line_of(_DRAWING) or f"{user_line()}"
        raise CompileError(
            f"mg.compile: {what}, and every later run would use the first ones:\n  {line}\ndraw them outside and pass "
            "them as an argument, or in a function marked with @mg.random.drawing, which runs at each replay"
        )

    def _states(self) -> str:
        own = [generator.bit_generator for generator in self._package] if self._is_watched else []
        return repr([bits.state for bits in [*self._generators.values(), *own]])

    def _other_states(self) -> list[tuple[str, Any]]:
        """How far each source has come that is no Generator, with its name."""
        states: list[tuple[str, Any]] = [(name or "a random.Random", probe()) for name, probe in self._reach.sources]
        if "random" in sys.modules:
            states.append(("random", sys.modules["random"].getstate()))
        if "numpy.random" in sys.modules:
            legacy: Any = np.random.get_state()  # noqa: NPY002 - only looked at
            states.append(("np.random", (legacy[1].tobytes(), *legacy[2:])))
        return states


#: Methods that draw, by which the line is found.
_DRAWING = frozenset(
    """
    normal standard_normal uniform integers choice shuffle permutation permuted randint rand randn gauss normalvariate
    sample choices randrange random binomial poisson exponential beta gamma dirichlet multinomial laplace random_sample
    getrandbits spawn betavariate seed manual_seed random_raw triangular expovariate multivariate_normal lognormal
    """.split()
)


class Streams:
    """The generators that the runs of a program draw from, whose state goes back when a run is taken back."""

    def __init__(self, program: Program) -> None:
        calls = [call.function for call in program.calls if call.is_host]
        self._owners = list({id(host.owner): host.owner for host in calls if host.kind == "draw"}.values())
        #: Whether a run may end, by a condition or an error, after it has drawn: backends may draw first.
        self.may_miss = bool(self._owners) and (program.may_be_left or any(map(may_end, program.calls)))

    @property
    def of_package(self) -> bool:
        """Whether they draw from the package's own, which other threads may draw from too."""
        return None in self._owners

    def states(self) -> list[Any]:
        """How far each has come."""
        return [state_of(owner) for owner in self._owners]

    def put_back(self, states: list[Any]) -> None:
        """Each where it was."""
        for owner, state in zip(self._owners, states, strict=True):
            put_back(owner, state)
