"""A recording inside of a recording: the body of a loop, or a branch, as a program of its own.

What the body uses from outside is an input of its program, so all that is known of it (where it comes from, what guards
it, its checksum) stays with the recording outside. Calls on things from outside alone are made there, once for all
steps. A body only computes: what would change something outside, or differ from step to step, is refused by name.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, nullcontext
from typing import Any, NoReturn

import numpy as np

from minigrad.compiler.guards import read_tracking
from minigrad.compiler.program import ARGUMENT, RESULT, Out, Program, Value
from minigrad.compiler.tracing.copied_parts import check_parts
from minigrad.compiler.tracing.numeric_arguments import Number
from minigrad.compiler.tracing.recorded_array import Recorded
from minigrad.compiler.tracing.recording import Recording
from minigrad.compiler.tracing.repeating import Choice, Nested, Repeat, While, as_rows
from minigrad.core.graph import Leaf
from minigrad.core.stands import Stand
from minigrad.core.trees import flat


class HoistedError(Exception):
    """A body writes into what was made outside, once for all steps: all of its calls are to be made in each step."""


class InnerRecording(Recording):
    """Writes the program of one body, while another recording waits.

    With ``hoists``, calls on things from outside alone are made outside, which a branch that is not taken must not do.
    """

    is_body = True

    def __init__(self, outer: Recording, name: str, hoists: bool) -> None:
        vars(self).update(vars(outer))  # names, leaves, checksums, places: they are the same
        self.outer, self.name, self.inner, self._hoists = outer, name, None, hoists
        self._errors = dict(np.geterr())
        self.program = Program()
        self.closed: list[Any] = []  # what is used from outside, in the order of the last inputs
        self._inputs: dict[Value, Recorded] = {}
        self.comparisons, self.decided, self.parts = {}, set(), []

    # -- what comes in ------------------------------------------------------------------------

    def argument(self, array: Any) -> Recorded:
        """What stands for an input of the body; they are numbered in their order."""
        return Recorded(self, array, self.program.new(ARGUMENT, array, len(self.program.of_kind(ARGUMENT))))

    def capture(self, array: Any, name: str = "") -> Any:
        """What stands for an array from outside, outside."""
        return array if isinstance(array, Stand) else self.outer.capture(array, name)

    def see(self, leaves: Sequence[Leaf]) -> None:
        """Note leaves outside."""
        self.outer.see(leaves)

    def told(self, optimizer: Any, name: str, number: Any) -> Any:
        """A count of an optimizer, which is the same in all steps."""
        return self.outer.told(optimizer, name, number)

    def leave_out(self) -> None:
        """Let no program be made of the run outside."""
        self.outer.leave_out()

    def _value(self, x: Any) -> Any:
        if isinstance(x, Recorded) and x.recording is self:
            return x.value
        if isinstance(x, Recorded) or type(x) is Number or (isinstance(x, np.ndarray) and x.dtype != object):
            if isinstance(x, np.ndarray) and not isinstance(x, Recorded):
                x = self.outer.capture(x)
            key = self.outer._value(x)
            if key not in self._inputs:
                self._inputs[key] = self.argument(x.real_number if type(x) is Number else x.array)
                self.closed.append(x)
            return self._inputs[key].value
        return super()._value(x)

    # -- calls --------------------------------------------------------------------------------

    def call(
        self, function: Any, args: tuple[Any, ...], kwargs: dict[str, Any] | None, writes: Sequence[Any] = ()
    ) -> Any:
        """Run a call on the real arrays and write it down, here or outside."""
        if self.inner is not None:
            return self.inner.call(function, args, kwargs, writes)
        mine = any(isinstance(x, Recorded) and x.recording is self for x in flat((args, kwargs or {})))
        for x in writes:
            if x is None or (isinstance(x, Recorded) and x.recording is self and x.value.root.kind != ARGUMENT):
                continue
            if self._hoists and isinstance(x, Recorded) and x.value.root.kind == RESULT:
                raise HoistedError
            self._refuse("writes into an array that it did not make", "write y = x.copy() first and change y")
        if mine or not self._hoists:
            return super().call(function, args, kwargs, writes)
        with self.paused():
            return self.outer.call(function, args, kwargs, writes)

    @contextmanager
    def paused(self) -> Iterator[None]:
        """What runs inside is recorded outside."""
        before, self.outer.inner = self.outer.inner, None
        try:
            yield
        finally:
            self.outer.inner = before

    # -- what a body does not do ----------------------------------------------------------------

    def _refuse(self, what: str, rewrite: str) -> NoReturn:
        refusal = self.outer.refusal(f"the function given to {self.name} {what}", rewrite)
        self.refused = refusal
        raise refusal

    def item(self, x: Recorded, *_: Any) -> Any:
        """Refused: a number of Python's would be that of one step."""
        self._refuse("takes a number out of the arithmetic (float(x), x.item())", "go on with the tensor itself")

    def decide(self, condition: Any, answer: bool) -> bool:
        """Refused: a program has the body once, for all steps."""
        self._refuse("lets Python decide by what it computes", "choose with mg.cond(p, f, g, x) or mg.where(p, a, b)")

    def draw(self, *_: Any, **__: Any) -> Recorded:
        """Refused: each step would have the same numbers."""
        self._refuse("draws random numbers", "draw those of all steps outside, and pass them as xs")

    def update(self, *_: Any) -> None:
        """Refused."""
        self._refuse("makes a step of an optimizer", "return the gradients, and make the step outside")

    def assign(self, *_: Any) -> None:
        """Refused."""
        self._refuse("assigns data to a tensor", "return what is new, and assign it outside")

    def kept(self, *_: Any) -> Any:
        """Refused."""
        self._refuse("reads what changes from step to step in Python", "pass it as an argument")


def recorded_body(
    outer: Recording,
    name: str,
    body: Callable[[list[Any]], list[Any]],
    samples: Sequence[Any],
    enter: Callable[..., Any],
    hoists: bool = False,
) -> tuple[Program, list[Any]]:
    """The program of ``body(inputs) -> outputs``, recorded on samples of the inputs, and what it uses from outside."""
    inner = InnerRecording(outer, name, hoists)
    before = _outside(outer)
    outer.inner = inner
    try:
        with enter(inner):
            outputs = [_in_rows(x) for x in body([inner.argument(x) for x in samples])]
        inner.program.outputs = [
            Out(False, inner._value(x if isinstance(x, Recorded) else np.asarray(x))) for x in outputs
        ]
    finally:
        outer.inner = None
    check_parts(inner.parts, inner.program)
    after = _outside(outer)
    changed = [name for name, x in after if not any(name == other and _is(x, y) for other, y in before)]
    if changed:
        inner._refuse(
            f"changes {changed[0]}, and as one call of a program it runs once for all steps", "return it as part of y"
        )
    if inner.refused is not None:
        raise inner.refused
    return inner.program, inner.closed


def _outside(outer: Recording) -> list[tuple[str, Any]]:
    """The new contents of changed places by name, and the number of things that the step has done."""
    places: list[tuple[str, Any]] = []
    for test, now in outer.reach.guards.failing():
        places.append((test.name, now))
        items = read_tracking.original_of(now)  # to look is no reading of the step's
        places += [(f"{test.name}, its length", len(items))] if isinstance(items, (list, dict)) else []
    places += [(counter.name, counter.get()) for counter in outer.reach.counters.values()]
    places += [(reads.name, reads.appended) for reads in outer.reach.spied.values() if reads.appended]
    places += [("something outside", len(x)) for x in (outer.effects, outer.updates)]
    return places


def _is(x: Any, y: Any) -> bool:
    return x is y or (type(x) is type(y) is int and x == y)


def repeated(
    outer: Recording,
    name: str,
    body: Callable[[list[Any]], list[Any]],
    state: list[Any],
    rows: list[Any],
    steps: int,
    reverse: bool,
    enter: Callable[..., Any],
) -> list[Any]:
    """The last state, and all results besides, as one call of the outer program."""
    first = steps - 1 if reverse else 0
    samples = [as_rows(_real(x)) for x in state] + [_real(x)[first] for x in rows]
    try:
        program, closed = recorded_body(outer, name, body, samples, enter, hoists=True)
    except HoistedError:
        program, closed = recorded_body(outer, name, body, samples, enter)
    repeat = Repeat(name, program, len(state), len(rows), steps, reverse)
    return _made(outer, repeat, (tuple(state), tuple(rows), tuple(closed)))


def chosen(
    outer: Recording,
    name: str,
    condition: Any,
    bodies: Sequence[Callable[[list[Any]], list[Any]]],
    given: list[Any],
    enter: Callable[..., Any],
) -> list[Any]:
    """The results of the first body where a condition is true, else of the second, as one call."""
    programs, closed = [], []
    for number, body in enumerate(bodies):
        is_taken = bool(_real(condition)) is not bool(number)
        with nullcontext() if is_taken else np.errstate(all="ignore"):
            program, more = recorded_body(outer, name, body, [_real(x) for x in given], enter)
        programs.append(program)
        closed.append(tuple(more))
    return _made(outer, Choice(name, programs), (condition, tuple(given), *closed))


def gone_on(
    outer: Recording,
    name: str,
    test: Callable[[list[Any]], list[Any]],
    body: Callable[[list[Any]], list[Any]],
    state: list[Any],
    enter: Callable[..., Any],
) -> list[Any]:
    """The state when a test is no longer true, as one call."""
    recorded = [recorded_body(outer, name, f, [as_rows(_real(x)) for x in state], enter) for f in (test, body)]
    loop = While(name, [program for program, _ in recorded])
    return _made(outer, loop, (tuple(state), *[tuple(closed) for _, closed in recorded]))


def _made(outer: Recording, function: Nested, args: tuple[Any, ...]) -> list[Any]:
    """The results of a call whose conditions hold."""
    name = function.title
    results: list[Any]
    holds, *results = outer.call(function, args, {})
    if function.may_miss:
        if not holds.array:
            raise outer.refusal(
                f"the function given to {name} looks at its numbers (finite? in range?), and the answer differs from "
                "step to step",
                "check them outside, or leave this call out of the compiled function",
            )
        outer.assume(holds, True)
    return results


def _in_rows(x: Any) -> Any:
    """A result as ``as_rows`` has it: the next run, and what comes after, count on how it lies."""
    if not isinstance(x, Recorded) or not isinstance(x.array, np.ndarray):
        return x
    return x[()] if not x.array.ndim else x if x.array.flags.c_contiguous else x.copy()


def _real(x: Any) -> Any:
    return x.array if isinstance(x, Recorded) else x
