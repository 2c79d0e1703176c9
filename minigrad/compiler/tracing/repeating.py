"""Programs inside of a program: a loop over one, a choice between two, each as one call.

A call gives whether the conditions of the programs inside have held, and then its results.
"""

from __future__ import annotations

import copy
import functools
import importlib
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from minigrad.compiler.passes import simplified
from minigrad.compiler.program import Program
from minigrad.compiler.tracing.trace_comparison import difference


class Nested:
    """A function that runs programs. ``title`` is what the user knows it as."""

    def __init__(self, title: str, programs: Sequence[Program], *numbers: Any) -> None:
        self.title, self.programs, self.numbers = title, programs, numbers
        self.__name__ = self.__qualname__ = title.rpartition(".")[2]
        self.__module__ = "minigrad"
        self.may_miss = any(call.is_host for program in programs for call in program.calls)

    @functools.cached_property
    def runs(self) -> list[Callable[..., Any]]:
        """The functions of the programs."""
        backends = importlib.import_module("minigrad.compiler.backends")  # which stand above recordings
        return [backends.build("numpy", simplified(program), program, {}).run for program in self.programs]

    def run_by(self, runs: list[Callable[..., Any]]) -> Any:
        """The same, with other functions for its programs."""
        copied = copy.copy(self)
        vars(copied)["runs"] = runs
        return copied

    def __eq__(self, other: object) -> bool:
        if type(other) is not type(self) or not isinstance(other, Nested):
            return False
        if (self.title, self.numbers, len(self.programs)) != (other.title, other.numbers, len(other.programs)):
            return False
        return not any(map(difference, self.programs, other.programs))

    def __hash__(self) -> int:
        return id(self)

    def missed(self) -> tuple[Any, ...]:
        """What a call gives where a condition has not held: nothing of it is used."""
        outputs = [out.value for out in self.programs[-1].outputs]
        return (np.False_, *[np.zeros(value.shape, value.dtype)[()] for value in outputs])


class Repeat(Nested):
    """The steps of a loop: ``repeat(state, rows, closed)`` gives the last state, and all else that each step gives.

    Its program takes a state, a row of each of ``rows``, and what the body closes over, and gives the next state first.
    """

    def __init__(self, title: str, program: Program, states: int, rows: int, steps: int, reverse: bool) -> None:
        super().__init__(title, [program], states, rows, steps, reverse)

    def __call__(self, state: tuple[Any, ...], rows: tuple[Any, ...], closed: tuple[Any, ...]) -> tuple[Any, ...]:
        """Run all steps."""
        (run,), (count, _, steps, reverse) = self.runs, self.numbers
        outputs = [out.value for out in self.programs[0].outputs[count:]]
        ys = [np.empty((steps, *value.shape), value.dtype) for value in outputs]
        state = tuple(map(as_rows, state))
        for t in range(steps - 1, -1, -1) if reverse else range(steps):
            results = run(*state, *[row[t] for row in rows], *closed)
            if not isinstance(results, tuple):  # a condition has not held
                return (np.False_, *map(own, state), *ys)
            state = tuple(map(as_rows, results[:count]))
            for y, item in zip(ys, results[count:], strict=True):
                y[t] = item
        return (np.True_, *map(own, state), *ys)


class Choice(Nested):
    """One of two programs: ``choice(condition, operands, closed of the one, closed of the other)``."""

    def __call__(self, condition: Any, operands: tuple[Any, ...], *closed: tuple[Any, ...]) -> tuple[Any, ...]:
        """Run the one that the condition says."""
        number = 0 if condition else 1
        results = self.runs[number](*operands, *closed[number])
        return (np.True_, *map(own, results)) if isinstance(results, tuple) else self.missed()


class While(Nested):
    """A loop that goes on while a test is true: ``loop(state, closed of the test, closed of the body)``."""

    def __call__(self, state: tuple[Any, ...], tested: tuple[Any, ...], closed: tuple[Any, ...]) -> tuple[Any, ...]:
        """Run until the test is false."""
        test, run = self.runs
        state = tuple(map(as_rows, state))
        while True:
            answer = test(*state, *tested)
            if not isinstance(answer, tuple):
                return self.missed()
            if not answer[0]:
                return (np.True_, *map(own, state))
            results = run(*state, *closed)
            if not isinstance(results, tuple):
                return self.missed()
            state = tuple(map(as_rows, results))


def as_rows(x: Any) -> Any:
    """An array with its last axis innermost; a number, where it has no axes: states lie in one way."""
    return x if not isinstance(x, np.ndarray) else np.ascontiguousarray(x) if x.ndim else x[()]


def own(x: Any) -> Any:
    """A result in memory of its own: a state may be the first one, or what the body closes over."""
    return np.array(x) if isinstance(x, np.ndarray) else x
