"""The text of a kernel as LLVM's: a small compiler for the Python that kernels are written in.

That Python is: ``for`` over ``range``; ``if`` and ``continue``; numbers in local names, each of one type; elements of
arrays at unsigned indices; arithmetic, comparisons and conditional expressions; ``np.empty`` and ``np.full`` for arrays
of a kernel's own; and functions of ``formulas``, which are put in the place of their calls. The meaning is that of
Python with NumPy's numbers. Anything else is refused (``OutsideError``), so nothing is translated by half.
"""

from __future__ import annotations

import ast
import functools
from collections.abc import Sequence
from typing import Any

from minigrad.compiler.backends.kernel_numbers import B1, I8, KINDS, U8, Kind, Operand, OutsideError
from minigrad.compiler.backends.kernel_values import Argument, Array, Local, Values, result_type


class Function(Values):
    """Translates one function: a kernel, or a formula for operands of some types."""

    # -- statements ---------------------------------------------------------------------------

    def _run(self, nodes: list[ast.stmt]) -> None:
        for node in nodes:
            if self._ended:
                raise OutsideError(f"{ast.unparse(node)}: never reached")
            method = _STATEMENTS.get(type(node))
            if method is None:
                raise OutsideError(ast.unparse(node))
            method(self, node)

    def _assignment(self, node: ast.Assign) -> None:
        (target,) = node.targets
        if isinstance(target, ast.Subscript):
            x = self._value(node.value)
            kind, address = self._address(target)
            x = self.numbers.settled(x, kind)
            if kind.family == "b":
                x = self.numbers.put(f"zext i1 {x.value} to i8", kind)
            self.numbers.lines.append(f"  store {kind.stored} {x.value}, ptr {address}, align 1")
        elif isinstance(target, ast.Name):
            self._assign(target.id, self._bound(node.value))
        elif isinstance(target, ast.Tuple) and all(isinstance(x, ast.Name) for x in target.elts):
            made: list[Operand | Array]
            if isinstance(node.value, ast.Tuple):
                made = [self._bound(x) for x in node.value.elts]
            elif isinstance(node.value, ast.Call):
                made = [*self._results(node.value)]
            else:
                raise OutsideError(ast.unparse(node))
            for name, part in zip(target.elts, made, strict=True):
                self._assign(ast.unparse(name), part)
        else:
            raise OutsideError(ast.unparse(node))

    def _augmented(self, node: ast.AugAssign) -> None:
        load = ast.parse(ast.unparse(node.target), mode="eval").body
        self._assignment(ast.Assign([node.target], ast.BinOp(load, node.op, node.value)))

    def _bound(self, node: ast.expr) -> Operand | Array:
        """A number, or an array: one of another name, or a new one."""
        if isinstance(node, ast.Name):
            known = self._locals.get(node.id)
            if isinstance(known, Array):  # as it is now: the name may stand for another array before this one is bound
                address = self.numbers.put(f"load ptr, ptr {known.place}")
                copied = Array(known.kind, self._place("ptr", node.id))
                self.numbers.lines.append(f"  store ptr {address.value}, ptr {copied.place}")
                return copied
        if isinstance(node, ast.Call) and ast.unparse(node.func) in ("np.empty", "np.full", "np.zeros"):
            return self._new_array(node)
        return self._value(node)

    def _new_array(self, node: ast.Call) -> Array:
        """Memory of the kernel's own, which is let go at its end. Without memory it gives 1."""
        numbers = self.numbers
        kind = KINDS.get(ast.unparse(node.args[-1]).removeprefix("np."))
        size = self._value(node.args[0])
        if kind is None or node.keywords:
            raise OutsideError(ast.unparse(node))
        size = numbers.cast(size, U8)
        place = self._place("ptr", "own")
        if place not in self._own:
            self._own.append(place)
            self._places.append(f"  store ptr null, ptr {place}")
        before = numbers.put(f"load ptr, ptr {place}")
        numbers.lines.append(f"  call void @minigrad_free(ptr {before.value})")
        size_bytes = numbers.put(f"mul i64 {size.value}, {max(kind.bits // 8, 1)}")
        made = numbers.put(f"call noalias ptr @minigrad_malloc(i64 {size_bytes.value})")
        numbers.lines.append(f"  store ptr {made.value}, ptr {place}")
        has_none = numbers.put(f"icmp eq ptr {made.value}, null")
        go_on = numbers.new("made")
        self._go(f"i1 {has_none.value}, label %failed, label {go_on}")
        self._begin(go_on)
        name = ast.unparse(node.func)
        if name != "np.empty":
            x = Operand(None, 0) if name == "np.zeros" else self._value(node.args[1])
            x = numbers.cast(x, kind) if x.kind is None else numbers.settled(x, kind)
            self._loop("", Operand(U8, "0"), size, Operand(U8, "1"), functools.partial(self._fill, kind, made, x))
        return Array(kind, place)

    def _fill(self, kind: Kind, start: Operand, x: Operand, i: Operand) -> None:
        address = self.numbers.put(f"getelementptr inbounds {kind.stored}, ptr {start.value}, i64 {i.value}")
        if kind.family == "b":
            x = self.numbers.put(f"zext i1 {x.value} to i8", kind)
        self.numbers.lines.append(f"  store {kind.stored} {x.value}, ptr {address.value}, align 1")

    def _for(self, node: ast.For) -> None:
        call = node.iter
        is_range = isinstance(call, ast.Call) and ast.unparse(call.func) == "range" and not call.keywords
        if not is_range or not isinstance(node.target, ast.Name) or node.orelse or not isinstance(call, ast.Call):
            raise OutsideError(ast.unparse(node).split("\n")[0])
        given = [self._value(x) for x in call.args]
        start, stop, step = (
            [*given, Operand(None, 1)]
            if len(given) == 2
            else (given if len(given) == 3 else [Operand(None, 0), given[0], Operand(None, 1)])
        )
        kind = next((x.kind for x in given if x.kind is not None), I8)
        if kind.family not in "iu" or (len(given) == 3 and kind is not U8):
            raise OutsideError(ast.unparse(call))
        start, stop, step = (self.numbers.settled(x, kind) for x in (start, stop, step))
        name = node.target.id

        def body(i: Operand) -> None:
            self._assign(name, i)
            self._run(node.body)

        self._loop(name, start, stop, step, body)

    def _loop(self, name: str, start: Operand, stop: Operand, step: Operand, body: Any) -> None:
        """The loop turns while the counter is below the stop, which is asked once before it."""
        numbers, kind = self.numbers, start.kind
        assert kind is not None  # noqa: S101 - bounds have a type
        is_signed = kind.family == "i"
        less, no_wrap = ("slt", "nsw") if is_signed else ("ult", "nuw")
        inside, latch, end = numbers.new("loop"), numbers.new("next"), numbers.new("done")
        some = numbers.put(f"icmp {less} {kind.ir} {start.value}, {stop.value}")
        before = self._block
        self._go(f"i1 {some.value}, label {inside}, label {end}")
        self._begin(inside)
        counter, following = numbers.new(name or "i"), numbers.new("following")
        numbers.lines.append(f"  {counter} = phi {kind.ir} [ {start.value}, %{before} ], [ {following}, {latch} ]")
        self._depth += 1
        self._next.append(latch)
        body(Operand(kind, counter))
        self._next.pop()
        self._depth -= 1
        self._go(f"label {latch}")
        self._begin(latch)
        numbers.lines.append(f"  {following} = add {no_wrap} {kind.ir} {counter}, {step.value}")
        more = numbers.put(f"icmp {less} {kind.ir} {following}, {stop.value}")
        self._go(f"i1 {more.value}, label {inside}, label {end}")
        self._begin(end)

    def _if(self, node: ast.If) -> None:
        numbers = self.numbers
        test = numbers.settled(self._value(node.test), B1)
        yes, no, end = numbers.new("yes"), numbers.new("no"), numbers.new("end")
        self._go(f"i1 {test.value}, label {yes}, label {no if node.orelse else end}")
        self._depth += 1
        ends = []
        for label, part in ((yes, node.body), (no, node.orelse)):
            if part:
                self._begin(label)
                self._run(part)
                ends.append(self._ended)
                self._go(f"label {end}")
        self._depth -= 1
        if len(ends) == 2 and all(ends):
            self._ended = True
            return
        self._begin(end)

    def _continue(self, _: ast.Continue) -> None:
        self._go(f"label {self._next[-1]}")

    def _pass(self, _: ast.stmt) -> None:
        return

    def _return(self, node: ast.Return) -> None:
        if self._depth or node.value is None:
            raise OutsideError("return inside of a loop or a branch, or of nothing")
        parts = node.value.elts if isinstance(node.value, ast.Tuple) else [node.value]
        made = [self.numbers.plain(self._value(x)) for x in parts]
        self.result = [x.kind for x in made if x.kind is not None]
        ir = result_type(self.result)
        if len(made) == 1:
            self.numbers.lines.append(f"  ret {ir} {made[0].value}")
        else:
            whole = Operand(None, "undef")
            for k, x in enumerate(made):
                assert x.kind is not None  # noqa: S101 - a plain number has one
                whole = self.numbers.put(f"insertvalue {ir} {whole.value}, {x.kind.ir} {x.value}, {k}")
            self.numbers.lines.append(f"  ret {ir} {whole.value}")
        self._ended = True

    # -- the whole ----------------------------------------------------------------------------

    def translated(self, arguments: Sequence[Argument]) -> list[str]:
        """The lines of the function's body; ``result`` is known then."""
        names = [x.arg for x in self._node.args.args]
        if len(names) != len(arguments):
            raise OutsideError(f"{len(arguments)} arguments for {', '.join(names)}")
        for k, (name, argument) in enumerate(zip(names, arguments, strict=True)):
            place = self._place(argument.ir, name)
            self._locals[name] = (Array if argument.is_array else Local)(argument.kind, place)
            self.numbers.lines.append(f"  store {argument.ir} %x{k}, ptr {place}")
        self._run(self._node.body)
        return ["entry:", *self._places, *self.numbers.lines]

    def ended(self) -> list[str]:
        """The end of a kernel: it lets its own memory go, and gives 0, or 1 where there was none."""
        lines = [] if self._ended else ["  br label %leave"]
        lines += ["failed:", "  br label %leave", "leave:"]
        lines.append(f"  %code = phi i32 [ 0, %{self._block} ], [ 1, %failed ]")
        for k, place in enumerate(self._own):
            lines += [f"  %own{k} = load ptr, ptr {place}", f"  call void @minigrad_free(ptr %own{k})"]
        return [*lines, "  ret i32 %code"]


_STATEMENTS: dict[type, Any] = {
    ast.Assign: Function._assignment,
    ast.AugAssign: Function._augmented,
    ast.For: Function._for,
    ast.If: Function._if,
    ast.Continue: Function._continue,
    ast.Pass: Function._pass,
    ast.Return: Function._return,
}
