"""The expressions in a kernel's text as LLVM's instructions: see ``translation`` for what they may be."""

from __future__ import annotations

import ast
from typing import Any, NamedTuple

from minigrad.compiler.backends.kernel_kinds import B1, U8, Kind, OutsideError, side_by_side
from minigrad.compiler.backends.kernel_numbers import Numbers, Operand
from minigrad.compiler.backends.kernel_reader import Inline


def result_type(kinds: list[Kind]) -> str:
    """LLVM's type of one or of several results."""
    return kinds[0].ir if len(kinds) == 1 else f"{{ {', '.join(kind.ir for kind in kinds)} }}"


class Array(NamedTuple):
    """An array in a local name: the type of its elements, and the name of the place that holds its address."""

    kind: Kind
    place: str


class Local(NamedTuple):
    """A number in a local name, and its place."""

    kind: Kind
    place: str


class Argument(NamedTuple):
    """What a kernel is called with: a type of numbers, and whether it is an array of them."""

    kind: Kind
    is_array: bool

    @property
    def ir(self) -> str:
        """LLVM's type."""
        return "ptr" if self.is_array else self.kind.ir


class Values(Numbers):
    """The expressions of one function, and the places of its names."""

    def __init__(self, node: ast.FunctionDef, inline: Inline, names: dict[str, Any], flags: str) -> None:
        super().__init__(inline, names, flags)
        self._node = node
        self.result: list[Kind] = []
        self._places: list[str] = []
        self._depth = 0
        self._block = "entry"
        self._next: list[str] = []  # where ``continue`` goes to
        self._own: list[str] = []  # the places of arrays that are the function's own
        self._ended = False

    # -- places and blocks --------------------------------------------------------------------

    def _place(self, ir: str, hint: str) -> str:
        name = self.new(hint)
        self._places.append(f"  {name} = alloca {ir}")
        return name

    def _begin(self, label: str) -> None:
        self.lines.append(f"{label.removeprefix('%')}:")
        self._block, self._ended = label.removeprefix("%"), False

    def _go(self, text: str) -> None:
        if not self._ended:
            self.lines.append(f"  br {text}")
        self._ended = True

    def assign(self, name: str, x: Operand | Array) -> None:
        """Let a name stand for a number or an array."""
        known = self.locals.get(name)
        if isinstance(x, Array):
            if not isinstance(known, Array) or known.kind is not x.kind:
                self.locals[name] = known = Array(x.kind, self._place("ptr", name))
            address = self.put(f"load ptr, ptr {x.place}")
            self.lines.append(f"  store ptr {address.value}, ptr {known.place}")
            return
        x = self.plain(x)
        assert x.kind is not None  # noqa: S101 - a plain number has one
        if not isinstance(known, Local) or known.kind is not x.kind:
            if known is not None and self._depth:
                raise OutsideError(f"another type for {name} inside of a loop or a branch")
            self.locals[name] = known = Local(x.kind, self._place(x.kind.ir, name))
        self.lines.append(f"  store {x.kind.ir} {x.value}, ptr {known.place}")

    # -- expressions --------------------------------------------------------------------------

    def read(self, name: str) -> Operand:
        """The number in a local name."""
        known = self.locals[name]
        if not isinstance(known, Local):
            raise OutsideError(f"the name {name}")
        return self.put(f"load {known.kind.ir}, ptr {known.place}", known.kind)

    def truth(self, node: ast.BoolOp) -> Operand:
        """x and y."""
        if not all(map(_is_harmless, node.values)):
            *before, last = node.values
            first = before[0] if len(before) == 1 else ast.BoolOp(node.op, before)
            is_and = isinstance(node.op, ast.And)
            branches = (last, ast.Constant(False)) if is_and else (ast.Constant(True), last)
            return self.condition(ast.IfExp(first, *branches))
        name = "and" if isinstance(node.op, ast.And) else "or"
        joined, *rest = [self.settled(self.value(x), B1) for x in node.values]
        for x in rest:
            joined = self.put(f"{name} i1 {joined.value}, {x.value}", B1)
        return joined

    def condition(self, node: ast.IfExp) -> Operand:
        """x if test else y."""
        test = self.settled(self.value(node.test), B1)
        if _is_harmless(node.body) and _is_harmless(node.orelse):
            return self.chosen(test, self.value(node.body), self.value(node.orelse))
        yes, no, end = self.new("yes"), self.new("no"), self.new("end")
        self._go(f"i1 {test.value}, label {yes}, label {no}")
        ends = []
        for label, part in ((yes, node.body), (no, node.orelse)):
            self._begin(label)
            x = self.plain(self.value(part))
            ends.append((x, self._block))
            self._go(f"label {end}")
        self._begin(end)
        (x, x_block), (y, y_block) = ends
        if x.kind is None or x.kind is not y.kind:
            raise OutsideError(ast.unparse(node))
        return self.put(f"phi {x.kind.ir} [ {x.value}, %{x_block} ], [ {y.value}, %{y_block} ]", x.kind)

    def _address(self, node: ast.Subscript) -> tuple[Kind, str]:
        known = self.locals.get(node.value.id) if isinstance(node.value, ast.Name) else None
        start_of, count = _run(node)
        index = self.value(start_of)
        if not isinstance(known, Array) or (index.kind is not U8 and index.kind is not None):
            raise OutsideError(f"{ast.unparse(node)}: an index that is not unsigned, or no array")
        index = self.settled(index, U8)
        start = self.put(f"load ptr, ptr {known.place}")
        address = self.put(
            f"getelementptr inbounds {known.kind.stored}, ptr {start.value}, i64 {index.value}", hint="p"
        )
        return known.kind if count == 1 else side_by_side(known.kind, count), address.value

    def element(self, node: ast.Subscript) -> Operand:
        """a[i]."""
        kind, address = self._address(node)
        x = self.put(f"load {kind.stored}, ptr {address}, align 1", kind)
        return x if kind.family != "b" else self.put(f"icmp ne i8 {x.value}, 0", kind)

    def own_function(self, name: str, node: ast.Call) -> Operand | None:
        """A function that is an instruction of LLVM's."""
        if name in ("head", "np.repeat"):
            return self._run_of(name, node)
        if name == "np.sum" and len(node.args) == 1:
            return self.total(self.value(node.args[0]))
        if name in ("abs", "np.sqrt", "np.floor", "np.ceil", "np.rint", "math.copysign"):
            return self.intrinsic(name.partition(".")[2] or name, *map(self.value, node.args))
        if name in ("bits_of", "float_of"):
            return self.same_bits(*map(self.value, node.args))
        return self.of_c(name[2:], *map(self.value, node.args)) if name.startswith("c_") else None

    def _run_of(self, name: str, node: ast.Call) -> Operand:
        """``head(x, i, n, 16)``: n numbers of x, then zeros, 16 in all; ``np.repeat(x, 16)``: a number 16 times."""
        *first, last = node.args
        if not isinstance(last, ast.Constant) or len(first) != {"head": 3, "np.repeat": 1}[name]:
            raise OutsideError(ast.unparse(node))
        if name == "head":
            kind, address = self._address(ast.Subscript(first[0], first[1]))
            count = self.settled(self.value(first[2]), U8)
            return self.head(address, side_by_side(kind, ast.literal_eval(last)), count)
        x = self.value(first[0])
        if x.kind is None:
            raise OutsideError(ast.unparse(node))
        return self.settled(x, side_by_side(x.kind, ast.literal_eval(last)))

    def called(self, symbol: str, kinds: list[Kind], operands: list[Any]) -> list[Operand]:
        """The results of a formula."""
        ir, arguments = result_type(kinds), ", ".join(f"{x.kind.ir} {x.value}" for x in operands)
        result = self.put(f"call {ir} {symbol}({arguments})", kinds[0])
        if len(kinds) == 1:
            return [result]
        return [self.put(f"extractvalue {ir} {result.value}, {k}", kind) for k, kind in enumerate(kinds)]


def _run(node: ast.Subscript) -> tuple[ast.expr, int]:
    """Where a subscript begins, and how many elements it is: more than 1 for ``x[i : i + 16]``."""
    if not isinstance(node.slice, ast.Slice):
        return node.slice, 1
    start, stop = node.slice.lower, node.slice.upper
    if not (isinstance(stop, ast.BinOp) and isinstance(stop.op, ast.Add) and isinstance(stop.right, ast.Constant)):
        raise OutsideError(ast.unparse(node))
    count = stop.right.value
    if start is None or ast.dump(start) != ast.dump(stop.left) or not isinstance(count, int) or count < 2:
        raise OutsideError(ast.unparse(node))
    return start, count


def _is_harmless(node: ast.AST) -> bool:
    """Whether an expression can be computed where Python would not: no element is read, nothing is divided whole."""
    parts = (ast.Subscript, ast.FloorDiv, ast.Mod)
    return not any(isinstance(x, parts) for x in ast.walk(node))
