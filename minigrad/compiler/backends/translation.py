"""The text of a kernel as LLVM's: the lines of a function."""

from __future__ import annotations

import ast
import functools
from collections.abc import Sequence
from typing import Any

from minigrad.compiler.backends.kernel_kinds import B1, U8, Kind, OutsideError
from minigrad.compiler.backends.kernel_numbers import Operand
from minigrad.compiler.backends.kernel_values import Argument, Array, Local, Values, result_type


class Function(Values):
    """Translates one function: a kernel, or a formula for operands of some types."""

    def is_inside(self) -> bool:
        """Whether the line is in a loop or a branch."""
        return self._depth > 0

    # -- lines --------------------------------------------------------------------------------

    def line(self, node: ast.stmt) -> None:
        """One line, unless it is never reached."""
        if self._ended:
            raise OutsideError(f"{ast.unparse(node)}: never reached")
        super().line(node)

    def store(self, target: ast.Subscript, node: ast.expr) -> None:
        """a[i] = x."""
        x = self.value(node)
        kind, address = self._address(target)
        self._write(kind, address, self.settled(x, kind))

    def _write(self, kind: Kind, address: str, x: Operand) -> None:
        if kind.family == "b":
            x = self.put(f"zext i1 {x.value} to i8", kind)
        self.lines.append(f"  store {kind.stored} {x.value}, ptr {address}, align 1")

    def several(self, names: list[str], node: ast.Call) -> None:
        """x, y = f(z)."""
        for name, part in zip(names, self.results(node), strict=True):
            self.assign(name, part)

    def array(self, name: str) -> Array | None:
        """The array of a name, as it is now: the name may stand for another before this one is bound."""
        known = self.locals.get(name)
        if not isinstance(known, Array):
            return None
        address = self.put(f"load ptr, ptr {known.place}")
        copied = Array(known.kind, self._place("ptr", name))
        self.lines.append(f"  store ptr {address.value}, ptr {copied.place}")
        return copied

    def new_array(self, node: ast.Call, kind: Kind, size: Operand, fill: ast.expr | None) -> Array:
        """Memory of the kernel's own, which is let go at its end. Without memory it gives 1."""
        del node
        size = self.cast(size, U8)
        place = self._place("ptr", "own")
        self._own.append(place)
        self._places.append(f"  store ptr null, ptr {place}")
        before = self.put(f"load ptr, ptr {place}")
        self.lines.append(f"  call void @minigrad_free(ptr {before.value})")
        size_bytes = self.put(f"mul i64 {size.value}, {max(kind.bits // 8, 1)}")
        address = self.put(f"call noalias ptr @minigrad_malloc(i64 {size_bytes.value})")
        self.lines.append(f"  store ptr {address.value}, ptr {place}")
        has_none = self.put(f"icmp eq ptr {address.value}, null")
        go_on = self.new("made")
        self._go(f"i1 {has_none.value}, label %failed, label {go_on}")
        self._begin(go_on)
        if fill is not None:
            x = self.value(fill)
            x = self.cast(x, kind) if x.kind is None else self.settled(x, kind)
            self._loop("", Operand(U8, "0"), size, Operand(U8, "1"), functools.partial(self._fill, kind, address, x))
        return Array(kind, place)

    def _fill(self, kind: Kind, start: Operand, x: Operand, i: Operand) -> None:
        address = self.put(f"getelementptr inbounds {kind.stored}, ptr {start.value}, i64 {i.value}")
        self._write(kind, address.value, x)

    def loop(self, node: ast.For, call: ast.Call, start: Operand, stop: Operand, step: Operand) -> None:
        """for i in range(start, stop, step)."""
        kind, name = start.kind, ast.unparse(node.target)
        if kind is None or kind.family not in "iu" or (len(call.args) == 3 and kind is not U8):
            raise OutsideError(ast.unparse(call))

        def body(i: Operand) -> None:
            self.assign(name, i)
            self.run(node.body)

        self._loop(name, start, stop, step, body)

    def _loop(self, name: str, start: Operand, stop: Operand, step: Operand, body: Any) -> None:
        """The loop turns while the counter is below the stop, which is asked once before it."""
        kind = start.kind
        assert kind is not None  # noqa: S101 - bounds have a type
        is_signed = kind.family == "i"
        less, no_wrap = ("slt", "nsw") if is_signed else ("ult", "nuw")
        inside, latch, end = self.new("loop"), self.new("next"), self.new("done")
        some = self.put(f"icmp {less} {kind.ir} {start.value}, {stop.value}")
        before = self._block
        self._go(f"i1 {some.value}, label {inside}, label {end}")
        self._begin(inside)
        counter, following = self.new(name or "i"), self.new("following")
        self.lines.append(f"  {counter} = phi {kind.ir} [ {start.value}, %{before} ], [ {following}, {latch} ]")
        self._depth += 1
        self._next.append(latch)
        body(Operand(kind, counter))
        self._next.pop()
        self._depth -= 1
        self._go(f"label {latch}")
        self._begin(latch)
        self.lines.append(f"  {following} = add {no_wrap} {kind.ir} {counter}, {step.value}")
        more = self.put(f"icmp {less} {kind.ir} {following}, {stop.value}")
        self._go(f"i1 {more.value}, label {inside}, label {end}")
        self._begin(end)

    def branch(self, node: ast.If) -> None:
        """if test: ... else: ..."""
        test = self.settled(self.value(node.test), B1)
        yes, no, end = self.new("yes"), self.new("no"), self.new("end")
        self._go(f"i1 {test.value}, label {yes}, label {no if node.orelse else end}")
        self._depth += 1
        ends = []
        for label, part in ((yes, node.body), (no, node.orelse)):
            if part:
                self._begin(label)
                self.run(part)
                ends.append(self._ended)
                self._go(f"label {end}")
        self._depth -= 1
        if len(ends) == 2 and all(ends):
            self._ended = True
            return
        self._begin(end)

    def go_on(self, _: ast.Continue) -> None:
        """continue."""
        self._go(f"label {self._next[-1]}")

    def give(self, results: list[Any]) -> None:
        """return x, y."""
        self.result = [x.kind for x in results if x.kind is not None]
        ir = result_type(self.result)
        if len(results) == 1:
            self.lines.append(f"  ret {ir} {results[0].value}")
        else:
            whole = Operand(None, "undef")
            for k, x in enumerate(results):
                assert x.kind is not None  # noqa: S101 - a plain number has one
                whole = self.put(f"insertvalue {ir} {whole.value}, {x.kind.ir} {x.value}, {k}")
            self.lines.append(f"  ret {ir} {whole.value}")
        self._ended = True

    # -- the whole ----------------------------------------------------------------------------

    def translated(self, arguments: Sequence[Argument]) -> list[str]:
        """The lines of the function's body; ``result`` is known then."""
        names = [x.arg for x in self._node.args.args]
        if len(names) != len(arguments):
            raise OutsideError(f"{len(arguments)} arguments for {', '.join(names)}")
        for k, (name, argument) in enumerate(zip(names, arguments, strict=True)):
            place = self._place(argument.ir, name)
            self.locals[name] = (Array if argument.is_array else Local)(argument.kind, place)
            self.lines.append(f"  store {argument.ir} %x{k}, ptr {place}")
        self.run(self._node.body)
        return ["entry:", *self._places, *self.lines]

    def ended(self) -> list[str]:
        """The end of a kernel: it lets its own memory go, and gives 0, or 1 where there was none."""
        lines = [] if self._ended else ["  br label %leave"]
        lines += ["failed:", "  br label %leave", "leave:"]
        lines.append(f"  %code = phi i32 [ 0, %{self._block} ], [ 1, %failed ]")
        for k, place in enumerate(self._own):
            lines += [f"  %own{k} = load ptr, ptr {place}", f"  call void @minigrad_free(ptr %own{k})"]
        return [*lines, "  ret i32 %code"]
