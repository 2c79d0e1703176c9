"""A program as one function in C that calls kernels: its calls in their order, and what it returns."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from typing import Any

import numpy as np

from minigrad.compiler.backends.kernel_kinds import F8, OutsideError
from minigrad.compiler.backends.kernel_values import Argument
from minigrad.compiler.backends.loops import Writer
from minigrad.compiler.c import forms
from minigrad.compiler.c.checked import within
from minigrad.compiler.c.elementwise import copied
from minigrad.compiler.c.form import RefusedError
from minigrad.compiler.c.kernels import identifier
from minigrad.compiler.c.kinds import kind_of
from minigrad.compiler.c.lines import Lines
from minigrad.compiler.c.names import WORDS, last_uses, name_of, outputs, wish
from minigrad.compiler.c.places import Block, Place
from minigrad.compiler.output.listing import Listing
from minigrad.compiler.passes.grouping import Group
from minigrad.compiler.program import GRADIENT, Call
from minigrad.errors import CompileError
from minigrad.optim.optimizer import FLUSH_EVERY


class Written(Lines):
    """The parts of the file: what ``export`` puts together."""

    def __init__(self, listing: Listing, calls: list[Call], prefix: str) -> None:
        super().__init__(listing, calls, prefix)
        self._run()
        self.state.members = [member for member in self.state.members if member.block in self._mentioned]

    def _run(self) -> None:
        self._lives = last_uses(self.calls, self.program)
        self._makers = {value: call for call in self.calls for value in call.results}
        for name, value, block in self.arguments:
            self._take_argument(name, value, block)
        for value in self._work:
            self._hold(value, "gathered")
        phase = ""
        for i, call in enumerate(self.calls):
            if call.phase != phase:
                phase = call.phase
                self.lines += ["", f"/* -- {phase} */"]
            try:
                self._call(call)
            except (RefusedError, OutsideError, NotImplementedError) as reason:
                raise self._refusal(call, str(reason)) from None
            except CompileError:
                raise
            except (ValueError, TypeError, LookupError, RuntimeError) as error:  # a case that nobody thought of
                raise self._refusal(call, f"{type(error).__name__}: {error}") from error
            for block in self._temporary:
                self._workspace.let_go(block)
            self._temporary = []
            for root in self._lives.get(i, ()):
                if root in self._blocks:
                    self._workspace.let_go(self._blocks.pop(root))
        self._give()

    def _call(self, call: Call) -> None:
        if call.is_host:
            self._host(call)
            return
        if self._places.see(call):
            return
        for value in call.results:
            if value.root is value:
                self._hold(value, wish(call))
        if isinstance(call.function, Group):
            self._group(call)
            return
        form = self._form()
        if call.function is within:
            forms.look(call, form)
        elif not forms.made(call, form):
            raise RefusedError("")
        self._emit(form, wish(call), self._comment(call))

    def _refusal(self, call: Call, reason: str) -> CompileError:
        function = call.function
        name = function if isinstance(function, str) else name_of(function)
        detail = f" ({reason})" if reason else ""
        return CompileError(
            f"export: {name} has no form in C{detail}:\n  {call.place}\nexport a module, step.export('name.py'), or "
            "leave this call out of the step"
        )

    def _host(self, call: Call) -> None:
        host = call.function
        if host.kind == "assume":
            maker = self._makers.get(call.args[0])
            shown = self._comment(maker) if maker is not None else self._comment(call)
            self.conditions.append(f"expected {str(host.expected).lower()}: {shown}")
            place = self._places[call.args[0]]
            sign = "!" if host.expected else ""
            self.lines.append(f"if ({sign}*{self._text(place)}) return {len(self.conditions)};")
        elif host.kind == "rates":
            self._rates(call)
        elif host.kind == "finish":
            self._finish(call)
        else:
            raise CompileError(
                f"export: {getattr(host.function, '__name__', 'a function')} draws random numbers:\n  {call.place}\n"
                "a file in C would draw others: pass them to the step as an argument, or export the model in eval()"
            )

    def _rates(self, call: Call) -> None:
        host = call.function
        name = next(name for name, optimizer in self._optimizers.items() if optimizer is host.owner)
        done = 0
        self.lines.append(f"/* the rates of {name} */")
        for number, flat, _, _ in host.work:
            called, count = self.rates.of(host.owner, number, flat.missed, name)
            at = self._rate_count + done
            self._mentioned.add(self._counters[name])
            self.lines.append(f"{called}(*{self._counters[name].text}, rate{f' + {at}' if at else ''});")
            done += count
        if done != len(call.results):
            raise CompileError(
                f"export: {type(host.owner).__name__} has another number of rates than when it was recorded"
            )
        for k, value in enumerate(call.results):
            self._places.put(value, Block(F8, 1, f"rate + {self._rate_count + k}" if self._rate_count + k else "rate"))
        self._rate_count += done

    def _finish(self, call: Call) -> None:
        del call
        for name, optimizer in self._optimizers.items():
            if name in self._done:
                continue
            self._done.add(name)
            self._mentioned.add(self._counters[name])
            counter = self._counters[name].text
            self.lines.append(f"++*{counter};")
            lines: list[str] = []
            for flats in optimizer._flats:
                for flat in flats:
                    lines += self._flushed(flat)
            if lines:
                self.lines += [
                    f"if (*{counter} % {FLUSH_EVERY} == 0) {{ /* numbers that are too small for a normal float */"
                ]
                self.lines += [f"    {line}" for line in lines] + ["}"]
            return

    def _flushed(self, flat: Any) -> Iterator[str]:
        for array in flat.state.values():
            for member in self.state.members:
                inside = (
                    member.content.ctypes.data <= array.ctypes.data < member.content.ctypes.data + member.content.nbytes
                )
                if inside and array.size:
                    n = member.block.kind.name
                    self._mentioned.add(member.block)
                    self.kernels.flushes.add(n)
                    start = (array.ctypes.data - member.content.ctypes.data) // array.itemsize
                    yield f"flush_{n}({member.block.text}{f' + {start}' if start else ''}, {array.size});"

    # -- kernels ------------------------------------------------------------------------------

    def _group(self, call: Call) -> None:
        group = call.function
        loop = Writer(group, self._memory).write()
        places = [self._places[value] for value in loop.arrays]
        partial = [Place(self._new_temporary(kind_of(x.dtype), x.size), 0, x.shape, (1,)) for x in loop.partial]
        scalars = [self._places[value] for value in loop.scalars]
        arguments: list[Any] = [0, loop.chunks, loop.rows, loop.step]
        arguments += [Argument(x.kind, True) for x in partial] + loop.numbers
        arguments += [Argument(x.kind, True) for x in places] + [Argument(x.kind, False) for x in scalars]
        wish = next((member.op for member in reversed(group.members)), "kernel")
        named = [self.listing.name(self._old[x]) for x in group.outputs if x in self._old]
        wish = next((name for name in reversed(named) if name), wish)
        operands: list[Any] = [None] * 4 + partial + [None] * len(loop.numbers) + places + scalars
        comment = self._comment(*[member.call for member in group.members])
        self._kernel(loop.text, arguments, operands, wish, comment)

    def _comment(self, *calls: Call) -> str:
        """A comment for a kernel: its calls, and the user's lines that they come from."""
        names = list(dict.fromkeys(self._line(call) for call in calls))
        shown = "; ".join(names[:4]) + ("; ..." if len(names) > 4 else "")
        lines = [(os.path.basename(x.place.file), str(x.place)[len(x.place.file) :]) for x in calls]
        places = [f"{file}{rest}" for file, rest in dict.fromkeys(lines)]
        text = f"{shown}   {places[-1]}" + (" ..." if len(places) > 1 else "")
        return re.sub(r"[^\x20-\x7e]", "?", text).replace("*/", "* /").replace("/*", "/ *").replace("??", "? ")

    def _line(self, call: Call) -> str:
        if call.function is within:
            return "numbers within their axis"
        if call.is_host:
            return "a condition of the program"
        line = self.listing.lines.get(call.origin, "").partition("  # ")[0]
        return line or wish(call)

    # -- the end ------------------------------------------------------------------------------

    def _give(self) -> None:
        """Copies of results and gradients, in C order."""
        lines, self.lines = self.lines, []
        for name, value, number in outputs(self.program.outputs):
            place = self._places[value]
            called = self.kernels.free(name)
            kind = kind_of({float: np.float64, int: np.int64, bool: np.bool_}.get(number, value.dtype))
            block = Block(kind, place.size, called)
            self.outputs.append((called, block, place))
            self._copy(place, block, f"the result {called}")
        results, self.lines = self.lines, []
        for leaf, value in self.program.gradients:
            place = self._places[value]
            name = identifier(self.program.leaf_names[leaf])
            while name in {*WORDS, *[other for other, _, _ in self.gradients]}:
                name += "_"
            block = Block(place.kind, place.size, f"gradients->{name}")
            self.gradients.append((name, block, place))
            self._copy(place, block, f"the gradient of {self.program.leaf_names[leaf]}")
        copies = self.lines
        self.lines = []
        for leaf, value in self.program.gradients:
            before = next((x for x in self.program.of_kind(GRADIENT) if x.origin is leaf), None)
            if before is not None and self._places.has(before) and before.root is not value.root:
                self._copy(self._places[value], self._places[before].block, "kept for the next run")
        more = self.lines
        self.lines = [*lines, "", "/* -- results */", *results]
        if copies:
            self.lines += ["if (gradients) {", *[f"    {line}" for line in copies], "}"]
        self.lines += more

    def _copy(self, source: Place, block: Block, comment: str) -> None:
        form = self._form()
        copied(form, source, Place.whole(block, source.shape))
        self._emit(form, "copy", comment)
