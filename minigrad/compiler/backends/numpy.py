"""The backend "numpy": one Python function without a loop or a lookup, on planned buffers; the same bits as eager.

What stays the same from run to run is bound to names.
"""

from __future__ import annotations

import functools
import time
from collections.abc import Callable
from typing import Any

import numpy as np

from minigrad.compiler.backends import MISSED, Built
from minigrad.compiler.passes import Plan, planned
from minigrad.compiler.passes.lowering import Lowered, may_be_positional
from minigrad.compiler.program import ARGUMENT, GRADIENT, Call, Program, Value, values_in
from minigrad.compiler.spelling import literal, spelled


def build(calls: list[Call], program: Program) -> Built:
    """See ``minigrad.compiler.backends``."""
    plan = planned(calls, program)
    replay = Replay(program, plan)
    stats = {"calls": len(plan.steps), "buffers": len(plan.buffers), "bytes": plan.nbytes}

    def timed(*arrays: Any) -> Any:
        kept = [call for call, _ in plan.steps if not _counts(call)]
        times = [0.0] * len(kept)
        made = stopwatch().run(times, *arrays)
        return MISSED if made is MISSED else [((call,), seconds) for call, seconds in zip(kept, times, strict=True)]

    @functools.cache
    def stopwatch() -> Replay:
        return Replay(program, plan, timed=True)

    return Built(replay.run, stats, timed)


def _counts(call: Call) -> bool:
    return call.is_host and call.function.kind == "finish"


class Replay:
    """The function, and its text."""

    def __init__(self, program: Program, plan: Plan, timed: bool = False) -> None:
        self._plan = plan
        self._timed = timed  # takes a list for the seconds of each step first, and counts no step
        self._bound: dict[str, Any] = {
            "missed": MISSED,
            "asarray": np.asarray,
            "errstate": np.errstate,
            "clock": time.perf_counter,
        }
        self._names: dict[int, str] = {}
        self._kept: list[Any] = []  # objects whose ids are names stay alive
        self.source = self._written(program)
        namespace: dict[str, Any] = {}
        exec(compile(self.source, "<replay>", "exec"), namespace)  # noqa: S102 - written below
        self.run: Callable[..., Any] = namespace["make"](*self._bound.values())

    # -- names --------------------------------------------------------------------------------

    def _bind(self, x: Any, hint: str) -> str:
        name = self._names.get(id(x))
        if name is None:
            name = self._names[id(x)] = f"{hint}{len(self._bound)}"
            self._bound[name] = x
            self._kept.append(x)
        return name

    def _text(self, x: Any) -> str:
        if isinstance(x, Value):
            return self._bind(self._plan.fixed[x], "b") if x in self._plan.fixed else f"v{x.number}"
        if isinstance(x, np.dtype):
            return self._bind(x, "c")
        made = literal(x, self._text)
        return self._bind(x, "c") if made is None or made.startswith("np.") else made

    def _function(self, function: Any) -> str:
        return self._bind(function, getattr(function, "__name__", "f") + "_")

    # -- text ---------------------------------------------------------------------------------

    def _written(self, program: Program) -> str:
        arguments = ", ".join(["times"] * self._timed + [f"v{value.number}" for value in program.of_kind(ARGUMENT)])
        body = [f"v{v.number} = {self._bind(v.origin, 'leaf')}.grad" for v in program.of_kind(GRADIENT)]
        errors: dict[str, Any] = {}
        number = 0
        for call, low in self._plan.steps:
            if self._timed and _counts(call):
                continue
            if call.errors != errors:
                errors = call.errors
                if errors:
                    body.append(f"with errstate({', '.join(f'{k}={v!r}' for k, v in errors.items())}):")
            lines = self._lines(call, low)
            if self._timed:
                lines = ["start = clock()", *lines, f"times[{number}] = clock() - start"]
                number += 1
            body += [("    " if errors else "") + line for line in lines]
        for leaf, value in program.gradients:
            text = self._text(value)
            body.append(f"{self._bind(leaf, 'leaf')}.grad = {text if value.is_array else f'asarray({text})'}")
        body += [f"{self._bind(leaf, 'leaf')}.grad = None" for leaf in program.cleared]
        outputs = "".join(f"{self._text(value)}, " for value in values_in(program.outputs))
        lines = [f"    def run({arguments}):", *[f"        {line}" for line in body], f"        return ({outputs})"]
        return "\n".join([f"def make({', '.join(self._bound)}):", *lines, "    return run"])

    def _lines(self, call: Call, low: Lowered) -> list[str]:
        if call.is_host:
            host = call.function
            if host.kind == "assume":
                test = self._text(call.args[0])
                return [f"if {'not ' if host.expected else ''}{test}: return missed"]
            made = "".join(f"v{value.number}, " for value in call.results)
            return [f"{made}= {self._bind(host.run, host.kind)}()" if made else f"{self._bind(host.run, host.kind)}()"]
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
        text = spelled(low.function, args, kwargs, self._text, self._function)
        if not call.results:
            return [text]
        return [f"{''.join(f'v{value.number}, ' for value in call.results).removesuffix(', ')} = {text}"]
