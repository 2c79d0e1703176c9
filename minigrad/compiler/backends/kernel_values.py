"""The expressions in a kernel's text as LLVM's instructions: see ``translation`` for what they may be."""

from __future__ import annotations

import ast
from collections.abc import Callable
from typing import Any, NamedTuple

from minigrad.compiler.backends.formulas import FUNCTIONS, Formula
from minigrad.compiler.backends.kernel_numbers import (
    B1,
    KINDS,
    U8,
    Kind,
    Numbers,
    Operand,
    OutsideError,
    constant,
    python_number,
    side_by_side,
)


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


#: Gives the symbol of a formula for operands of some types, and the types of its results.
Inline = Callable[[Formula, tuple[Kind, ...]], tuple[str, list[Kind]]]


class Values:
    """The expressions of one function, and the places of its names."""

    def __init__(self, node: ast.FunctionDef, inline: Inline, names: dict[str, Any], flags: str) -> None:
        self.numbers = Numbers(flags)
        self.result: list[Kind] = []
        self._node = node
        self._inline = inline
        self._names = names
        self._places: list[str] = []
        self._locals: dict[str, Local | Array] = {}
        self._depth = 0
        self._block = "entry"
        self._next: list[str] = []  # where ``continue`` goes to
        self._own: list[str] = []  # the places of arrays that are the function's own
        self._ended = False

    # -- places and blocks --------------------------------------------------------------------

    def _place(self, ir: str, hint: str) -> str:
        name = self.numbers.new(hint)
        self._places.append(f"  {name} = alloca {ir}")
        return name

    def _begin(self, label: str) -> None:
        self.numbers.lines.append(f"{label.removeprefix('%')}:")
        self._block, self._ended = label.removeprefix("%"), False

    def _go(self, text: str) -> None:
        if not self._ended:
            self.numbers.lines.append(f"  br {text}")
        self._ended = True

    def _assign(self, name: str, x: Operand | Array) -> None:
        known = self._locals.get(name)
        if isinstance(x, Array):
            if not isinstance(known, Array) or known.kind is not x.kind:
                self._locals[name] = known = Array(x.kind, self._place("ptr", name))
            address = self.numbers.put(f"load ptr, ptr {x.place}")
            self.numbers.lines.append(f"  store ptr {address.value}, ptr {known.place}")
            return
        x = self.numbers.plain(x)
        assert x.kind is not None  # noqa: S101 - a plain number has one
        if not isinstance(known, Local) or known.kind is not x.kind:
            if known is not None and self._depth:
                raise OutsideError(f"another type for {name} inside of a loop or a branch")
            self._locals[name] = known = Local(x.kind, self._place(x.kind.ir, name))
        self.numbers.lines.append(f"  store {x.kind.ir} {x.value}, ptr {known.place}")

    # -- expressions --------------------------------------------------------------------------

    def _value(self, node: ast.AST) -> Operand:
        number = python_number(node)
        if number is not None:
            return Operand(None, number)
        method = _EXPRESSIONS.get(type(node))
        if method is None:
            raise OutsideError(ast.unparse(node))
        found: Operand = method(self, node)
        return found

    def _name(self, node: ast.Name) -> Operand:
        known = self._locals.get(node.id)
        if isinstance(known, Local):
            return self.numbers.put(f"load {known.kind.ir}, ptr {known.place}", known.kind)
        if known is None and node.id in self._names:
            x = self._names[node.id]
            return constant(x, KINDS[x.dtype.name])
        raise OutsideError(f"the name {node.id}")

    def _binary(self, node: ast.BinOp) -> Operand:
        return self.numbers.arithmetic(node.op, self._value(node.left), self._value(node.right))

    def _unary(self, node: ast.UnaryOp) -> Operand:
        x = self._value(node.operand)
        if isinstance(node.op, ast.USub):
            return self.numbers.negative(x)
        if isinstance(node.op, ast.UAdd):
            return x
        if isinstance(node.op, ast.Not):
            return self.numbers.opposite(x)
        raise OutsideError(ast.unparse(node))

    def _comparison(self, node: ast.Compare) -> Operand:
        if len(node.ops) > 1:
            raise OutsideError(ast.unparse(node))
        return self.numbers.compared(node.ops[0], self._value(node.left), self._value(node.comparators[0]))

    def _truth(self, node: ast.BoolOp) -> Operand:
        if not all(map(_is_harmless, node.values)):
            *before, last = node.values
            first = before[0] if len(before) == 1 else ast.BoolOp(node.op, before)
            is_and = isinstance(node.op, ast.And)
            branches = (last, ast.Constant(False)) if is_and else (ast.Constant(True), last)
            return self._condition(ast.IfExp(first, *branches))
        name = "and" if isinstance(node.op, ast.And) else "or"
        made, *rest = [self.numbers.settled(self._value(x), B1) for x in node.values]
        for x in rest:
            made = self.numbers.put(f"{name} i1 {made.value}, {x.value}", B1)
        return made

    def _condition(self, node: ast.IfExp) -> Operand:
        numbers = self.numbers
        test = numbers.settled(self._value(node.test), B1)
        if _is_harmless(node.body) and _is_harmless(node.orelse):
            return numbers.chosen(test, self._value(node.body), self._value(node.orelse))
        yes, no, end = numbers.new("yes"), numbers.new("no"), numbers.new("end")
        self._go(f"i1 {test.value}, label {yes}, label {no}")
        made = []
        for label, part in ((yes, node.body), (no, node.orelse)):
            self._begin(label)
            x = numbers.plain(self._value(part))
            made.append((x, self._block))
            self._go(f"label {end}")
        self._begin(end)
        (x, x_block), (y, y_block) = made
        if x.kind is None or x.kind is not y.kind:
            raise OutsideError(ast.unparse(node))
        return numbers.put(f"phi {x.kind.ir} [ {x.value}, %{x_block} ], [ {y.value}, %{y_block} ]", x.kind)

    def _address(self, node: ast.Subscript) -> tuple[Kind, str]:
        known = self._locals.get(node.value.id) if isinstance(node.value, ast.Name) else None
        start_of, count = _run(node)
        index = self._value(start_of)
        if not isinstance(known, Array) or (index.kind is not U8 and index.kind is not None):
            raise OutsideError(f"{ast.unparse(node)}: an index that is not unsigned, or no array")
        index = self.numbers.settled(index, U8)
        start = self.numbers.put(f"load ptr, ptr {known.place}")
        found = self.numbers.put(
            f"getelementptr inbounds {known.kind.stored}, ptr {start.value}, i64 {index.value}", hint="p"
        )
        return known.kind if count == 1 else side_by_side(known.kind, count), found.value

    def _element(self, node: ast.Subscript) -> Operand:
        kind, address = self._address(node)
        x = self.numbers.put(f"load {kind.stored}, ptr {address}, align 1", kind)
        return x if kind.family != "b" else self.numbers.put(f"icmp ne i8 {x.value}, 0", kind)

    def _call(self, node: ast.Call) -> Operand:
        """A call with one result."""
        made = self._results(node)
        if len(made) != 1:
            raise OutsideError(ast.unparse(node))
        return made[0]

    def _results(self, node: ast.Call) -> list[Operand]:
        name = ast.unparse(node.func)
        if node.keywords:
            raise OutsideError(ast.unparse(node))
        numbers = self.numbers
        if name in ("head", "np.repeat"):
            return [self._run_of(name, node)]
        given = [self._value(x) for x in node.args]
        if name == "np.sum" and len(given) == 1:
            return [numbers.total(given[0])]
        kind = KINDS.get(name.removeprefix("np."))
        if kind is None and name in self._names and isinstance(self._names[name], type):
            kind = KINDS[self._names[name].__name__]
        if kind is not None and len(given) == 1:
            return [numbers.cast(given[0], kind)]
        if name in ("min", "max") and len(given) == 2:
            return [numbers.lesser(given[0], given[1], name == "max")]
        if name == "abs" or name in ("np.sqrt", "np.floor", "np.ceil", "np.rint"):
            return [numbers.intrinsic(name.removeprefix("np."), *given)]
        if name == "math.copysign":
            return [numbers.intrinsic("copysign", *given)]
        if name in ("bits_of", "float_of"):
            return [numbers.same_bits(*given)]
        return self._inlined(name, given)

    def _run_of(self, name: str, node: ast.Call) -> Operand:
        """``head(x, i, n, 16)``: n numbers of x, then zeros, 16 in all; ``np.repeat(x, 16)``: a number 16 times."""
        *given, last = node.args
        if not isinstance(last, ast.Constant) or len(given) != {"head": 3, "np.repeat": 1}[name]:
            raise OutsideError(ast.unparse(node))
        if name == "head":
            kind, address = self._address(ast.Subscript(given[0], given[1]))
            count = self.numbers.settled(self._value(given[2]), U8)
            return self.numbers.head(address, side_by_side(kind, ast.literal_eval(last)), count)
        x = self._value(given[0])
        if x.kind is None:
            raise OutsideError(ast.unparse(node))
        return self.numbers.settled(x, side_by_side(x.kind, ast.literal_eval(last)))

    def _inlined(self, name: str, given: list[Operand]) -> list[Operand]:
        formula = self._names.get(name) or FUNCTIONS.get(name)
        if not isinstance(formula, Formula):
            raise OutsideError(f"a call of {name}")
        known = next((x.kind for x in given if x.kind is not None), None)
        given = [self.numbers.settled(x, known) if known is not None else self.numbers.plain(x) for x in given]
        kinds = tuple([x.kind for x in given if x.kind is not None])
        symbol, result = self._inline(formula, kinds)
        arguments = ", ".join(f"{x.kind.ir} {x.value}" for x in given if x.kind is not None)
        ir = result_type(result)
        made = self.numbers.put(f"call {ir} {symbol}({arguments})", result[0])
        if len(result) == 1:
            return [made]
        return [self.numbers.put(f"extractvalue {ir} {made.value}, {k}", kind) for k, kind in enumerate(result)]


_EXPRESSIONS: dict[type, Any] = {
    ast.Name: Values._name,
    ast.BinOp: Values._binary,
    ast.UnaryOp: Values._unary,
    ast.Compare: Values._comparison,
    ast.BoolOp: Values._truth,
    ast.IfExp: Values._condition,
    ast.Subscript: Values._element,
    ast.Call: Values._call,
}


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
