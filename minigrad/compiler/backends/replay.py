"""A plan as one Python function without a loop or a lookup: what stays the same from run to run is bound to names."""

from __future__ import annotations

import functools
import time
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import numpy as np

from minigrad.compiler.backends import MISSED
from minigrad.compiler.backends.around import around
from minigrad.compiler.backends.segments import Cell, Number, Routine, Segments, Step
from minigrad.compiler.backends.views import Views
from minigrad.compiler.expressions import AUGMENTED, literal, spelled
from minigrad.compiler.passes import Plan
from minigrad.compiler.passes.buffers import new_array
from minigrad.compiler.passes.grouping import Group
from minigrad.compiler.passes.lowering import Lowered, lowered, may_be_positional
from minigrad.compiler.program import ARGUMENT, GRADIENT, Call, Program, Value, values_in
from minigrad.support.codegen import Names, define


class Kernel(NamedTuple):
    """What runs a group of calls: a function of numbers, and of the arrays of values in the form that it wants."""

    run: Callable[..., Any]
    first: tuple[int, ...]
    values: tuple[Value, ...]
    form: Callable[[Any], Any] | None  # None: the arrays as they are
    own: tuple[Any, ...] = ()  # arrays and numbers of its own, before those of the values
    code: Any = None  # machine code that can be part of a segment


def spanned(array: np.ndarray) -> np.ndarray:
    """The run of memory from an array's first element to its last, as an array of one axis."""
    if array.flags.c_contiguous:
        return array.reshape(-1)
    size = 1 + sum((n - 1) * stride for n, stride in zip(array.shape, array.strides, strict=True)) // array.itemsize
    return np.lib.stride_tricks.as_strided(array, (size,), (array.itemsize,))


class Replay:
    """The function, and its text."""

    def __init__(
        self,
        program: Program,
        plan: Plan,
        kernels: Mapping[Any, Kernel] | None = None,
        timed: bool = False,
        runner: Any = None,
    ) -> None:
        self._plan = plan
        self._timed = timed  # takes a list for the seconds of each step first, and counts no step
        self._kernels = kernels or {}
        self._bind = Names(missed=MISSED, asarray=np.asarray, errstate=np.errstate, clock=time.perf_counter)
        self.segments = Segments(self._bind, runner)
        self.views = Views(plan)
        #: Numbers that kernels make, in eight bytes each; and arrays that are made before a segment.
        self.cells: dict[Value, np.ndarray] = {}
        self.made: dict[str, Value] = {}
        #: Python around the arithmetic, where it may come before or after all of it.
        self.rates, self.finishes = around(plan) if runner is not None and not timed else ([], [])
        #: What is drawn comes first, in its order: it depends on nothing that is computed.
        drawn = [call for call, _ in plan.steps if call.is_host and call.function.kind == "draw"]
        self.draws = drawn if runner is not None and not timed else []
        #: Whether all arithmetic is in segments.
        self.is_native = runner is not None and not timed
        self._waiting: dict[Value, Callable[[], str]] = {}  # what gets a name in the text when a line asks for it
        self._wanted: list[str] = []
        self._missed = "missed"
        self.source = self._written(program)
        make = define(self.source, "program", {})["make"]
        self.run: Callable[..., Any] = make(*self._bind.bound.values())
        vars(self.run)["kept"] = self.segments.kept

    # -- names --------------------------------------------------------------------------------

    def _text(self, x: Any) -> str:
        if isinstance(x, Value):
            if x in self._waiting:
                self._wanted.append(self._waiting.pop(x)())
            return self._bind(self._plan.fixed[x], "b") if x in self._plan.fixed else f"v{x.number}"
        if isinstance(x, np.dtype):
            return self._bind(x, "c")
        text = literal(x, self._text)
        return self._bind(x, "c") if text is None or text.startswith("np.") else text

    def _function(self, function: Any) -> str:
        return self._bind(function, getattr(function, "__name__", "f") + "_")

    def _with_names(self, lines: list[str]) -> list[str]:
        """Lines, behind those that name what they ask for."""
        wanted, self._wanted = self._wanted, []
        return [*wanted, *lines]

    # -- text ---------------------------------------------------------------------------------

    def _written(self, program: Program) -> str:
        arguments = ", ".join(["times"] * self._timed + [f"v{value.number}" for value in program.of_kind(ARGUMENT)])
        body = [f"v{v.number} = {self._bind(v.origin, 'leaf')}.grad" for v in program.of_kind(GRADIENT)]
        body += self._begun()
        errors: dict[str, Any] = {}
        number = 0
        for call, low in self._plan.steps:
            if (self._timed and _counts(call)) or call in [*self.rates, *self.finishes, *self.draws]:
                continue
            before = self._joined(call)
            if before is not None:
                body += before
                errors = {}
                continue
            self.is_native = False
            body += self.segments.lines(self._missed)
            lines = self._lines(call, low)
            body += self._with_names([])
            if call.errors != errors:
                errors = call.errors
                if errors:
                    body.append(f"with errstate({', '.join(f'{k}={v!r}' for k, v in errors.items())}):")
            if self._timed:
                lines = ["start = clock()", *lines, f"times[{number}] = clock() - start"]
                number += 1
            body += [("    " if errors else "") + line for line in lines]
        body += self.segments.lines(self._missed)
        body += [f"{self._bind(call.function.run, 'finish')}()" for call in self.finishes]
        for leaf, value in program.gradients:
            text = self._text(value)
            text = text if value.is_array else f"asarray({text})"
            body += self._with_names([f"{self._bind(leaf, 'leaf')}.grad = {text}"])
        body += [f"{self._bind(leaf, 'leaf')}.grad = None" for leaf in program.cleared]
        outputs = "".join(f"{self._text(value)}, " for value in values_in(program.outputs))
        body += self._with_names([f"return ({outputs})"])
        lines = [f"    def run({arguments}):", *[f"        {line}" for line in body]]
        return "\n".join([f"def make({', '.join(self._bind.bound)}):", *lines, "    return run"])

    def _begun(self) -> list[str]:
        """The lines at the start: rates, what puts them back where a condition does not hold, and what is drawn."""
        lines, before = [], []
        for k, call in enumerate(self.rates):
            owner = self._bind(call.function.owner, "optimizer")
            lines.append(f"rate{k} = {owner}.current_lr")
            before.append(f"rate{k}")
            lines.append(self._host_line(call))
        if before:
            owners = [call.function.owner for call in self.rates]
            self._missed = f"{self._bind(functools.partial(_left, owners), 'left')}({', '.join(before)})"
        return [*lines, *map(self._host_line, self.draws)]

    def _host_line(self, call: Call) -> str:
        results = "".join(f"v{value.number}, " for value in call.results)
        text = f"{self._bind(call.function.run, call.function.kind)}({', '.join(map(self._text, call.values))})"
        return f"{results}= {text}" if results else text

    def _joined(self, call: Call) -> list[str] | None:
        """The lines that must come before a segment that takes this call in, or None where it is lines of Python."""
        if self._timed or not self.segments.is_possible:
            return None
        if call.is_host and call.function.kind == "assume" and call.args[0] in self.cells:
            self.segments.check(self.cells[call.args[0]], call.function.expected)
            return []
        kernel = self._kernels.get(call.function) if isinstance(call.function, (Group, Routine)) else None
        if kernel is not None and kernel.code is not None:
            return self._added(call, kernel)
        if self.views.add(call):
            self._waiting[call.results[0]] = functools.partial(self._named, call)
            return []
        return None

    def _named(self, call: Call) -> str:
        low = lowered(call)
        return f"v{call.results[0].number} = {spelled(low.function, low.args, low.kwargs, self._text, self._function)}"

    def _lines(self, call: Call, low: Lowered) -> list[str]:
        if call.is_host:
            host = call.function
            if host.kind == "assume":
                test = self._text(call.args[0])
                return [f"if {'not ' if host.expected else ''}{test}: return {self._missed}"]
            return [self._host_line(call)]
        if isinstance(call.function, Group):
            return self._kernel_lines(call, self._kernels[call.function])
        args, kwargs = low.args, low.kwargs
        result = call.results[0] if call.results else None
        if (
            low.function is np.copyto and call.results and result not in self._plan.fixed
        ):  # what leaves the program has memory of its own
            args, kwargs = call.args, call.kwargs
            low = low._replace(function=call.function)
        if result is not None and low.takes_out and result in self._plan.fixed:
            if low.function is np.copyto:
                args = (result, *args)
            elif kwargs or not may_be_positional(low.function):
                kwargs = {**kwargs, "out": result}
            else:
                args = (*args, result)
            return [spelled(low.function, args, kwargs, self._text, self._function)]
        if len(call.results) > 1 and getattr(low.function, "takes_out", False):
            kwargs = {**kwargs, "out": tuple([value if value in self._plan.fixed else None for value in call.results])}
        if low.function in AUGMENTED:  # a name that is bound outside of ``run`` is not assigned to in it
            return [f"{self._function(low.function)}({', '.join(map(self._text, args))})"]
        text = spelled(low.function, args, kwargs, self._text, self._function)
        if not call.results:
            return [text]
        return [f"{''.join(f'v{value.number}, ' for value in call.results).removesuffix(', ')} = {text}"]

    def _added(self, call: Call, kernel: Kernel) -> list[str]:
        """Make a call part of the segment; gives lines that must come before."""
        before: list[str] = []
        arguments: list[Any] = [*kernel.first[2:], *kernel.own]
        for value in kernel.values:
            fixed = self._plan.fixed.get(value)
            if value in call.results and not value.is_array:
                self.cells[value] = np.zeros(8 // value.dtype.itemsize, value.dtype)
                arguments.append(self.cells[value])
                self._waiting[value] = functools.partial(self._number, value)
            elif value in self.cells:
                arguments.append(Cell(self.cells[value]))
            elif fixed is not None:
                arguments.append(fixed if value.is_array else np.asarray(fixed, value.dtype)[()])
            elif value.is_array:
                arguments.append(self.views.place(value))
                if value in call.results:
                    array = self._bind(functools.partial(new_array, value), "new")
                    before.append(f"v{value.number} = {array}()")
                    self.made[f"v{value.number}"] = value
            else:
                arguments.append(Number(f"v{value.number}", np.dtype(value.dtype)))
        first, last = kernel.first[:2]
        self.segments.add(Step(kernel.code, first, last, tuple(arguments)))
        return before

    def _number(self, value: Value) -> str:
        return f"v{value.number} = {self._bind(self.cells[value], 'total')}[0]"

    def _kernel_lines(self, call: Call, kernel: Kernel) -> list[str]:
        before, after = [], []
        texts: dict[Value, str] = {}
        for result in call.results:
            if result.is_array and result not in self._plan.fixed:
                array = self._bind(functools.partial(new_array, result), "new")
                before.append(f"v{result.number} = {array}()")
            elif not result.is_array:
                texts[result] = self._bind(np.empty(1, result.dtype), "total")
                after.append(f"v{result.number} = {texts[result]}[0]")
        for value in kernel.values:
            if value in texts:
                continue
            if kernel.form is None:
                texts[value] = self._text(value)
            elif isinstance(self._plan.fixed.get(value), np.ndarray):
                texts[value] = self._bind(kernel.form(self._plan.fixed[value]), "b")
            elif value.is_array:
                texts[value] = f"{self._bind(kernel.form, 'form')}({self._text(value)})"
            else:
                texts[value] = self._text(value)
        own = [*kernel.first, *kernel.own]
        arguments = [self._bind(x, "own") if isinstance(x, np.ndarray) else repr(x) for x in own]
        arguments += [texts[value] for value in kernel.values]
        return [*before, f"{self._bind(kernel.run, 'kernel')}({', '.join(arguments)})", *after]


def stopwatch(program: Program, plan: Plan, kernels: Mapping[Any, Kernel] | None = None) -> Callable[..., Any]:
    """What runs a plan step by step with a clock: see ``Built.timed``."""
    replays: list[Replay] = []

    def timed(*arrays: Any) -> Any:
        if not replays:  # when it is first needed
            replays.append(Replay(program, plan, kernels, timed=True))
        steps = [_members(call) for call, _ in plan.steps if not _counts(call)]
        times = [0.0] * len(steps)
        outputs = replays[0].run(times, *arrays)
        return MISSED if outputs is MISSED else [*zip(steps, times, strict=True)]

    return timed


def _members(call: Call) -> tuple[Call, ...]:
    return tuple([x.call for x in call.function.members]) if isinstance(call.function, Group) else (call,)


def _left(owners: list[Any], *rates: float) -> Any:
    """A run whose condition does not hold: the rates of its optimizers are those of the step before."""
    for optimizer, rate in zip(owners, rates, strict=True):
        optimizer.current_lr = rate
    return MISSED


def _counts(call: Call) -> bool:
    return call.is_host and call.function.kind == "finish"
