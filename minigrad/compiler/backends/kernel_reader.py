"""The text of a kernel, read: a walk over the Python that kernels are written in, for those who make a language of it.

That Python is: ``for`` over ``range``; ``if`` and ``continue``; numbers in local names, each of one type; elements of
arrays at unsigned indices; arithmetic, comparisons and conditional expressions; ``np.empty`` and ``np.full`` for arrays
of a kernel's own; and functions of ``formulas``, which are put in the place of their calls. The meaning is that of
Python with NumPy's numbers. Anything else is refused (``OutsideError``), so nothing is translated by half.
"""

from __future__ import annotations

import ast
import functools
import math
from collections.abc import Callable
from typing import Any, TypeVar

from minigrad.compiler.backends.formulas import FUNCTIONS, Formula
from minigrad.compiler.backends.kernel_kinds import B1, F8, Kind, OutsideError

#: Gives the name of a formula for operands of some types, and the types of its results.
Inline = Callable[[Formula, tuple[Kind, ...]], tuple[str, list[Kind]]]

#: A number of a language.
Number = TypeVar("Number", bound=Any)

_NEW_ARRAYS = ("np.empty", "np.full", "np.zeros")


class Reader:
    """Goes through one function.

    What numbers are, and what is made of them, is said by the class of a language, by methods with plain names:
    ``number``, ``constant``, ``cast``, ``arithmetic``, ``compared``, ``assign``, ``loop``. A number knows its ``kind``,
    None of a plain Python number, and its ``number``, where that is known.
    """

    kinds: dict[str, Kind]  # by their names in a text
    counter: Kind  # the type of counters of loops over plain numbers

    def __init__(self, inline: Inline, names: dict[str, Any]) -> None:
        self.locals: dict[str, Any] = {}
        self._inline = inline
        self._names = names

    # -- types --------------------------------------------------------------------------------

    def settled(self: Any, x: Any, kind: Kind) -> Any:
        """A plain Python number in a type; any other number is of that type already."""
        if x.kind is None:
            return self.constant(x.number, kind)
        if x.kind is not kind:
            raise OutsideError(f"{x.kind.name} beside {kind.name}")
        return x

    def plain(self: Any, x: Number) -> Number:
        """A number that stands alone: a plain Python number has the type that NumPy gives it."""
        if x.kind is not None:
            return x
        whole = B1 if isinstance(x.number, bool) else self.counter
        number: Number = self.constant(x.number, whole if isinstance(x.number, int) else F8)
        return number

    def pair(self, x: Any, y: Any) -> tuple[Any, Any, Kind]:
        """Two operands of one type, and the type: that of more lanes."""
        kinds = [known.kind for known in (x, y) if known.kind is not None] or [self.plain(x).kind]
        kind = max(kinds, key=lambda kind: kind.lanes)
        return self.settled(x, kind), self.settled(y, kind), kind

    # -- expressions --------------------------------------------------------------------------

    def value(self: Any, node: ast.AST) -> Any:
        """An expression."""
        number = _python_number(node)
        if number is not None:
            return self.number(number)
        method = _EXPRESSIONS.get(type(node))
        if method is None:
            raise OutsideError(ast.unparse(node))
        return getattr(self, method)(node)

    def name(self: Any, node: ast.Name) -> Any:
        """A number in a local name, or a constant."""
        if node.id in self.locals:
            return self.read(node.id)
        if node.id in self._names:
            x = self._names[node.id]
            return self.constant(x, self.kinds[x.dtype.name])
        raise OutsideError(f"the name {node.id}")

    def binary(self: Any, node: ast.BinOp) -> Any:
        """x + y."""
        return self.arithmetic(node.op, self.value(node.left), self.value(node.right))

    def unary(self: Any, node: ast.UnaryOp) -> Any:
        """-x, +x, not x, ~x."""
        x = self.value(node.operand)
        if isinstance(node.op, ast.USub):
            return self.negative(x)
        if isinstance(node.op, ast.Not):
            return self.opposite(x)
        return x if isinstance(node.op, ast.UAdd) else self.inverted(node, x)

    def inverted(self, node: ast.UnaryOp, _: Any) -> Any:
        """~x, where a language has it."""
        raise OutsideError(ast.unparse(node))

    def comparison(self: Any, node: ast.Compare) -> Any:
        """x < y."""
        if len(node.ops) > 1:
            raise OutsideError(ast.unparse(node))
        return self.compared(node.ops[0], self.value(node.left), self.value(node.comparators[0]))

    def call(self, node: ast.Call) -> Any:
        """A call with one result."""
        outcome = self.results(node)
        if len(outcome) != 1:
            raise OutsideError(ast.unparse(node))
        return outcome[0]

    def results(self: Any, node: ast.Call) -> list[Any]:
        """What a call gives."""
        name = ast.unparse(node.func)
        if node.keywords:
            raise OutsideError(ast.unparse(node))
        own = self.own_function(name, node)
        if own is not None:
            return [own]
        operands = [self.value(x) for x in node.args]
        kind = self.kinds.get(name.removeprefix("np."))
        if kind is None and isinstance(self._names.get(name), type):
            kind = self.kinds[self._names[name].__name__]
        if kind is not None and len(operands) == 1:
            return [self.cast(operands[0], kind)]
        if name in ("min", "max") and len(operands) == 2:
            return [self.lesser(operands[0], operands[1], name == "max")]
        outcome: list[Any] = self.called(*self.inlined(name, operands))
        return outcome

    def inlined(self: Any, name: str, operands: list[Any]) -> tuple[str, list[Kind], list[Any]]:
        """A formula: its name, the types of its results, and its arguments."""
        formula = self._names.get(name) or FUNCTIONS.get(name)
        if not isinstance(formula, Formula):
            raise OutsideError(f"a call of {name}")
        kind = next((x.kind for x in operands if x.kind is not None), None)
        operands = [self.settled(x, kind) if kind is not None else self.plain(x) for x in operands]
        symbol, kinds = self._inline(formula, tuple([x.kind for x in operands]))
        return symbol, kinds, operands

    # -- lines --------------------------------------------------------------------------------

    def run(self, nodes: list[ast.stmt]) -> None:
        """Lines, one after the other."""
        for node in nodes:
            self.line(node)

    def line(self, node: ast.stmt) -> None:
        """One line, with those in it."""
        method = _STATEMENTS.get(type(node))
        if method is None:
            raise OutsideError(ast.unparse(node))
        getattr(self, method)(node)

    def assignment(self: Any, node: ast.Assign) -> None:
        """x = 1; a[i] = 1; x, y = 1, 2; x, y = f(z)."""
        target, value = node.targets[0], node.value
        if isinstance(target, ast.Subscript):
            self.store(target, value)
        elif isinstance(target, ast.Name):
            self.assign(target.id, self._bound(value))
        elif not isinstance(target, ast.Tuple) or not all(isinstance(x, ast.Name) for x in target.elts):
            raise OutsideError(ast.unparse(node))
        elif isinstance(value, ast.Tuple):
            parts = [self._bound(x) for x in value.elts]
            for name, part in zip(target.elts, parts, strict=True):
                self.assign(ast.unparse(name), part)
        elif isinstance(value, ast.Call):
            self.several([ast.unparse(name) for name in target.elts], value)
        else:
            raise OutsideError(ast.unparse(node))

    def augmented(self, node: ast.AugAssign) -> None:
        """x += 1."""
        load = ast.parse(ast.unparse(node.target), mode="eval").body
        self.assignment(ast.Assign([node.target], ast.BinOp(load, node.op, node.value)))

    def _bound(self: Any, node: ast.expr) -> Any:
        """A number, or an array: one of another name, or a new one."""
        array = self.array(node.id) if isinstance(node, ast.Name) else None
        if array is not None:
            return array
        if not isinstance(node, ast.Call) or ast.unparse(node.func) not in _NEW_ARRAYS:
            return self.value(node)
        kind = self.kinds.get(ast.unparse(node.args[-1]).removeprefix("np."))
        if kind is None or node.keywords:
            raise OutsideError(ast.unparse(node))
        fill = {"np.zeros": ast.Constant(0), "np.full": node.args[1]}.get(ast.unparse(node.func))
        return self.new_array(node, kind, self.value(node.args[0]), fill)

    def for_(self: Any, node: ast.For) -> None:
        """for i in range(start, stop, step)."""
        call = node.iter
        is_range = isinstance(call, ast.Call) and ast.unparse(call.func) == "range" and not call.keywords
        if not is_range or not isinstance(node.target, ast.Name) or node.orelse or not isinstance(call, ast.Call):
            raise OutsideError(ast.unparse(node).split("\n")[0])
        limits = [self.value(x) for x in call.args]
        kind = next((x.kind for x in limits if x.kind is not None), self.counter)
        bounds = [self.number(0)] * (len(limits) == 1) + limits + [self.number(1)] * (len(limits) < 3)
        self.loop(node, call, *[self.settled(x, kind) for x in bounds])

    def pass_(self, _: ast.stmt) -> None:
        """Nothing."""

    def return_(self: Any, node: ast.Return) -> None:
        """return x; return x, y."""
        if self.is_inside() or node.value is None:
            raise OutsideError("return inside of a loop or a branch, or of nothing")
        parts = node.value.elts if isinstance(node.value, ast.Tuple) else [node.value]
        self.give([self.plain(self.value(x)) for x in parts])


_EXPRESSIONS: dict[type, str] = {
    ast.Name: "name",
    ast.BinOp: "binary",
    ast.UnaryOp: "unary",
    ast.Compare: "comparison",
    ast.BoolOp: "truth",
    ast.IfExp: "condition",
    ast.Subscript: "element",
    ast.Call: "call",
}
_STATEMENTS: dict[type, str] = {
    ast.Assign: "assignment",
    ast.AugAssign: "augmented",
    ast.For: "for_",
    ast.If: "branch",
    ast.Continue: "go_on",
    ast.Pass: "pass_",
    ast.Return: "return_",
}


def _python_number(node: ast.AST) -> Any:
    """The number of a literal, ``math.inf`` or ``math.nan``; None of anything else."""
    if isinstance(node, ast.Constant) and isinstance(node.value, (bool, int, float)):
        return node.value
    if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id == "math":
        return {"inf": math.inf, "nan": math.nan}.get(node.attr)
    return None


@functools.lru_cache(512)
def parsed(text: str) -> ast.FunctionDef:
    """A kernel's text as a tree."""
    (node,) = ast.parse(text).body
    if not isinstance(node, ast.FunctionDef):
        raise OutsideError("no function")
    return node
