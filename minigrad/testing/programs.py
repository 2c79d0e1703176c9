"""Random programs: compositions of ops with their inputs, which shrink to the smallest expression and print as code.

Hypothesis draws a list of steps: each is a name, and small numbers that choose its operands. A step that does not fit
its operands is left out, and so is a step that the result does not need. So Hypothesis shrinks a program by leaving out
steps and making numbers smaller. The text is the program: it is what runs.
"""

from __future__ import annotations

import string
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy

import minigrad as mg
from minigrad.core import table
from minigrad.support.codegen import define_shared
from minigrad.testing.steps import WRITERS, Place, elementwise
from minigrad.testing.values import REALS, Shape, shapes, spread_out

#: Values of more elements are not made.
_ELEMENTS = 64

#: The ops that programs choose from, of those that the table has.
PROGRAM_OPS = tuple(name for name in WRITERS if name in table.ops)


@dataclass(frozen=True)
class Program:
    """A function written as text, with inputs for it. Call it with Tensors or arrays.

    ``inputs`` are arrays of float64, ``ops`` the names of the ops in order, ``source`` (and the repr) Python
    code that computes the value at the inputs.

    >>> from minigrad.testing.strategies import Program
    >>> program = Program([np.array([1.0, 2.0])], ("exp",), ("y = mg.exp(x0)",), "y", {})
    >>> program(np.zeros(2))
    array([1., 1.])
    """

    inputs: list[np.ndarray] = field(repr=False)
    ops: tuple[str, ...]
    lines: tuple[str, ...] = field(repr=False)
    result: str = field(repr=False)
    own: dict[str, Callable[..., Any]] = field(repr=False)

    def __call__(self, *xs: Any) -> Any:
        """The result of the program at other inputs, a Tensor if they are."""
        names = {f"x{number}": x for number, x in enumerate(xs)}
        return _run(self.lines, {**self.own, **names})[self.result]

    @property
    def source(self) -> str:
        """The program as code that runs by itself (in a process that registered the ops in it)."""
        lines = [
            f"x{n} = mg.tensor({x.tolist()}, dtype='float64', requires_grad=True)" for n, x in enumerate(self.inputs)
        ]
        own = [f"{name} = table.ops[{name!r}]" for name in sorted(self.own)]
        head = ["from minigrad import table", *own] if own else []
        return "\n".join(["import minigrad as mg", *head, *lines, *self.lines])

    def __repr__(self) -> str:
        return f"\n{self.source}\n"


def _run(lines: Iterable[str], names: dict[str, Any]) -> dict[str, Any]:
    """The names after some lines have run."""
    space = {"mg": mg, **names}
    return define_shared("\n".join(lines), "program", space)


def programs(
    max_ops: int = 8, inputs: int = 2, ops: Iterable[str | Callable[..., Any]] | None = None
) -> SearchStrategy[Program]:
    """Programs of up to ``max_ops`` steps on up to ``inputs`` tensors.

    ``ops`` are the ops to choose from, by name or as functions, all of ``PROGRAM_OPS`` by default; one that is not
    of these is taken to be elementwise, inside its domain. Values are kept inside the domains, and away from
    kinks, by squashing what is not, so they are finite and of moderate size.

    Raises ``ValueError`` for an op that no step can be written with.

    >>> from hypothesis import find
    >>> find(programs(), lambda program: "tanh" in program.ops)
    <BLANKLINE>
    import minigrad as mg
    x0 = mg.tensor(0.41, dtype='float64', requires_grad=True)
    v0 = mg.tanh(x0)
    <BLANKLINE>
    """
    names = list(PROGRAM_OPS if ops is None else ops)
    own = {f if isinstance(f, str) else f.__name__: table.ops.get(f) if isinstance(f, str) else f for f in names}
    chosen = list(own)
    own = {name: f for name, f in own.items() if name not in PROGRAM_OPS}
    for name, f in own.items():
        row = getattr(f, "op", None)
        if not (row and name.isidentifier() and set(row.statics) <= set(row.defaults)):
            raise ValueError(
                f"programs of {name!r}: they are written with {', '.join(PROGRAM_OPS)}, and with ops registered by "
                "minigrad.primitive that need no options"
            )
    number = st.integers(0, 5)
    first = st.sampled_from([0, 0, 0, 1, 2])  # mostly the line before
    step = st.tuples(st.sampled_from(chosen), first, number, number)
    steps = st.lists(step, min_size=1, max_size=max_ops)
    starts = st.lists(shapes(0, 2, 1, 3), min_size=1, max_size=inputs)
    return st.builds(assemble, starts, st.integers(0, 999), steps, st.just(own)).filter(
        lambda program: bool(program.ops)
    )


def assemble(
    starts: list[Shape], seed: int, steps: list[tuple[str, int, int, int]], own: dict[str, Callable[..., Any]]
) -> Program:
    """The program of some drawn steps; ``own`` holds the ops that are not in the package by name."""
    arrays = [np.asarray(np.round(x, 2)) for x in spread_out(starts, [REALS] * len(starts), seed)]
    writer = _Writer(arrays, own)
    for name, first, second, option in steps:
        writer.step(name, first, second, option)
    return writer.program()


class _Writer:
    """Writes a program line by line, with the value of each name at hand; in the text, names stand in braces."""

    def __init__(self, arrays: list[np.ndarray], own: dict[str, Callable[..., Any]]) -> None:
        self.own = own
        self.values = {f"x{number}": x for number, x in enumerate(arrays)}
        self.written: dict[str, tuple[str, str]] = {}  # name: (op, text)

    def step(self, op: str, first: int, second: int, option: int) -> None:
        """One more line, if the op fits the values so far."""
        names = list(reversed(self.values))
        first, second = first % len(names), second % len(names)
        text = WRITERS.get(op, elementwise)(
            Place(
                self.values,
                op,
                self.own.get(op) or table.ops[op],
                names[first],
                names[second:] + names[:second],
                option,
            )
        )
        if text is None:
            return
        with np.errstate(all="ignore"):
            line = "result = " + text.format_map({name: name for name in names})
            value = np.asarray(_run([line], {**self.own, **self.values})["result"])
        if 0 < value.size <= _ELEMENTS and np.isfinite(value).all() and np.abs(value).max() < 1000:
            name = f"v{len(self.written)}"
            self.written[name] = op, text
            self.values[name] = value

    def program(self) -> Program:
        """The lines that lead to the last one; the others are left out, and lines are numbered anew."""
        result = next(reversed(self.values)) if self.written else "x0"
        needed, lines = {result}, []
        for name, (op, text) in reversed(self.written.items()):
            if name in needed:
                needed.update(used for _, used, _, _ in string.Formatter().parse(text) if used)
                lines.append((name, op, text))
        lines.reverse()
        inputs = [name for name in self.values if name in needed and name not in self.written]
        names = {name: f"x{number}" for number, name in enumerate(inputs)}
        names.update({name: f"v{number}" for number, (name, _, _) in enumerate(lines)})
        return Program(
            [self.values[name] for name in inputs],
            tuple(op for _, op, _ in lines),
            tuple(f"{names[name]} = {text.format_map(names)}" for name, _, text in lines),
            names[result],
            {op: self.own[op] for _, op, _ in lines if op in self.own},
        )
