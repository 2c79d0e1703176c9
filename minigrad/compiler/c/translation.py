"""The text of a kernel as a function in C: the second reader of the Python that kernels are written in.

``backends/translation.py`` makes LLVM's text of it, for a processor; here it becomes what people read. What is known
when a file is written, such as sizes and strides, stands in it as numbers; loops that turn once are none. A kernel's
own arrays lie in the workspace, so nothing asks for memory.
"""

from __future__ import annotations

import ast
from collections import Counter
from typing import TYPE_CHECKING, Any, NamedTuple

from minigrad.compiler.backends.kernel_kinds import B1, Kind, OutsideError
from minigrad.compiler.backends.kernel_values import Argument
from minigrad.compiler.c.bindings import assigned, declares, homes, with_all_used, without_unused, written
from minigrad.compiler.c.kinds import held, stored
from minigrad.compiler.c.terms import Pointer, Term, Terms, known, typed
from minigrad.support.codegen import free_name

if TYPE_CHECKING:
    from minigrad.compiler.c.kernels import Kernels


class Made(NamedTuple):
    """A function in C: its parameters by their names in the kernel, its lines, and the bytes of its own arrays."""

    parameters: dict[str, str]
    lines: list[str]
    results: list[Kind]
    own: int


class _Block:
    """A block in C: what it declares first, and its lines."""

    def __init__(self, path: tuple[int, ...]) -> None:
        self.path = path
        self.first: list[str] = []
        self.lines: list[Any] = []

    def text(self, indent: str = "    ") -> list[str]:
        """The lines of the block, and of those in it."""
        lines = [indent + line for line in self.first]
        for line in self.lines:
            lines += line.text(indent + "    ") if isinstance(line, _Block) else [indent + line]
        return lines


class Function(Terms):
    """Translates one function: a kernel, or a formula for operands of some types."""

    def __init__(self, node: ast.FunctionDef, library: Kernels, names: dict[str, Any]) -> None:
        super().__init__(library, names)
        self._node = node
        self._body = without_unused(node.body)
        self._homes = homes(self._body)
        self._assigned = Counter(assigned(self._body))
        self._blocks = [_Block(())]
        self._own = 0
        self._taken: set[str] = set()
        self._results: list[Kind] = []

    def made(self, arguments: list[Any]) -> Made:
        """The function for arguments: numbers that are known, or what the others are."""
        parameters = {}
        for x, argument in zip(self._node.args.args, arguments, strict=True):
            name = x.arg
            self._taken.add(name)
            if isinstance(argument, Argument):
                self.locals[name] = (Pointer if argument.is_array else Term)(argument.kind, name)
            else:
                self.locals[name] = known(argument, None)
                continue
            parameters[name] = name
        changed = written(self._body)
        self.run(self._body)
        shown = {}
        for name in parameters:
            argument = arguments[[x.arg for x in self._node.args.args].index(name)]
            if name not in self.used:
                continue
            if argument.is_array:
                constant = "" if name in changed else "const "
                shown[name] = f"{constant}{stored(argument.kind)} *restrict {name}"
            else:
                shown[name] = f"{held(argument.kind)} {name}"
        return Made(shown, with_all_used(self._blocks[0].text(), self.used), self._results, self._own)

    # -- lines --------------------------------------------------------------------------------

    @property
    def _block(self) -> _Block:
        return self._blocks[-1]

    def _put(self, line: Any) -> None:
        self._block.lines.append(line)

    def _enter(self, number: int) -> _Block:
        block = _Block((*self._block.path, number))
        self._blocks.append(block)
        return block

    def is_inside(self) -> bool:
        """Whether the line is in a loop or a branch."""
        return len(self._blocks) > 1

    def _declared(self, name: str, type_: str) -> tuple[str, bool]:
        """A new name, and whether its first line may declare it: if so, that line is in the block where it lives."""
        home = self._homes[name]
        declared = free_name(name, self._taken)
        if home == self._block.path:
            return declared, True
        block = next(block for block in self._blocks if block.path == home)
        block.first.append(f"{type_}{declared};")
        return declared, False

    def assign(self, name: str, x: Term | Pointer) -> None:
        """Let a name stand for a number or an array."""
        local = self.locals.get(name)
        if isinstance(x, Term):
            x = self.plain(x)
            own = typed(x)
            if x.number is not None and self._assigned[name] == 1:
                self.locals[name] = x
                return
            if not isinstance(local, Term) or local.kind is not own or local.number is not None:
                kind = f"{held(own)} "
                declared, here = self._declared(name, kind)
                self.locals[name] = Term(own, declared)
                self._put(f"{kind if here else ''}{declared} = {x.text};")
            else:
                self._put(f"{local.text} = {x.text};")
            return
        self.used.add(x.text)
        if not isinstance(local, Pointer) or local.kind is not x.kind:
            kind = f"{stored(x.kind)} *"
            declared, here = self._declared(name, kind)
            self.locals[name] = Pointer(x.kind, declared)
            self._put(f"{kind if here else ''}{declared} = {x.text};")
        elif local.text != x.text:
            self._put(f"{local.text} = {x.text};")

    def store(self, target: ast.Subscript, node: ast.expr) -> None:
        """a[i] = x."""
        kind, place = self.place(target)
        x = self.settled(self.value(node), kind)
        sum_ = f"{place} + "
        if kind.family == "f" and x.text.startswith(sum_) and x.rank == 2:
            self._put(f"{place} += {x.text.removeprefix(sum_)};")
        else:
            self._put(f"{place} = {x.text};")

    def several(self, names: list[str], node: ast.Call) -> None:
        """x, y = f(z)."""
        called, kinds, operands = self.inlined(ast.unparse(node.func), [self.value(x) for x in node.args])
        places: list[str] = []
        for name, kind in zip(names, kinds, strict=True):
            declared = free_name(name, self._taken)
            self._put(f"{held(kind)} {declared};")
            self.locals[name] = Term(kind, declared)
            places.append(f"&{declared}")
        self._put(f"{called}({', '.join([*[x.text for x in operands], *places])});")

    def array(self, name: str) -> Pointer | None:
        """The array of a name."""
        local = self.locals.get(name)
        return local if isinstance(local, Pointer) else None

    def new_array(self, node: ast.Call, kind: Kind, size: Term, fill: ast.expr | None) -> Pointer:
        """Memory of the kernel's own: a part of the workspace."""
        size = self.plain(size)
        if size.number is None:
            raise OutsideError(f"{ast.unparse(node)}: an array whose size is not known")
        c, start = stored(kind), self._own
        self._own += -(-int(size.number) * max(kind.bits // 8, 1) // 64) * 64
        self.used.add("own")
        place = f"({c} *)(own + {start})" if start else f"({c} *)own"
        if fill is not None:
            x, declared = self.cast(self.value(fill), kind), free_name("filled", self._taken)
            self._put(f"{c} *{declared} = {place};")
            self._put(f"for (size_t k = 0; k < {size.number}; k++) {declared}[k] = {x.text};")
            place = declared
        return Pointer(kind, place)

    # -- control ------------------------------------------------------------------------------

    def loop(self, node: ast.For, call: ast.Call, start: Term, stop: Term, step: Term) -> None:
        """for i in range(start, stop, step)."""
        del call
        name, kind = ast.unparse(node.target), typed(start)
        turns = None
        if start.number is not None and stop.number is not None and step.number is not None:
            turns = max(0, -(-(stop.number - start.number) // step.number))
        if turns == 0:
            return
        if turns == 1 and not any(isinstance(x, ast.Continue) for x in ast.walk(node)):
            self.locals[name] = start
            self._run_once(id(node), node.body)
            return
        counter = free_name(name, self._taken)
        self.locals[name] = Term(kind, counter)
        grown = f"{counter}++" if step.number == 1 else f"{counter} += {step.text}"
        outer = self._block
        block = self._enter(id(node))
        self.run(node.body)
        self._blocks.pop()
        if block.first or block.lines:
            head = f"for ({held(kind)} {counter} = {start.text}; {counter} < {stop.text}; {grown}) {{"
            outer.lines += [head, block, "}"]
        self._taken.discard(counter)

    def _run_once(self, number: int, nodes: list[ast.stmt]) -> None:
        """The lines of a block that is sure to run once; braces stay where it has names of its own."""
        outer, block = self._block, self._enter(number)
        self.run(nodes)
        self._blocks.pop()
        if block.first or any(isinstance(x, str) and declares(x) for x in block.lines):
            outer.lines += ["{", block, "}"]
        else:
            outer.lines += block.lines

    def branch(self, node: ast.If) -> None:
        """if test: ... else: ..."""
        test = self.settled(self.value(node.test), B1)
        if test.number is not None:
            self._run_once(2 * id(node) + (not test.number), node.body if test.number else node.orelse)
            return
        self._put(f"if ({test.text}) {{")
        outer = self._block
        for number, part in enumerate((node.body, node.orelse)):
            if not part:
                continue
            if number:
                outer.lines.append("} else {")
            block = self._enter(2 * id(node) + number)
            self.run(part)
            self._blocks.pop()
            outer.lines.append(block)
        outer.lines.append("}")

    def go_on(self, _: ast.Continue) -> None:
        """continue."""
        self._put("continue;")

    def give(self, results: list[Any]) -> None:
        """return x, y."""
        self._results = [x.kind for x in results if x.kind is not None]
        if len(results) == 1:
            self._put(f"return {results[0].text};")
        else:
            for k, x in enumerate(results):
                self._put(f"*out{k} = {x.text};")
