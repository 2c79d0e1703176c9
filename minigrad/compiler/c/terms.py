"""The expressions in a kernel's text as C's: see ``translation`` for what they may be.

The rules are NumPy's: operands of one operation have one type, integers wrap around, and a plain Python number takes
the type of the other operand. What is known when the text is written (sizes, strides) is worked out there.
"""

from __future__ import annotations

import ast
import operator
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, NamedTuple

from minigrad.compiler.backends.kernel_kinds import B1, F4, F8, I4, I8, Kind, OutsideError
from minigrad.compiler.backends.kernel_reader import Reader
from minigrad.compiler.c.kinds import INDEX, NAMED, literal, stored

if TYPE_CHECKING:
    from minigrad.compiler.c.kernels import Kernels

#: How tight an expression binds: a name, a product, a sum, anything else.
ATOM, PRODUCT, SUM, LOOSE = 0, 1, 2, 3


class Term(NamedTuple):
    """A number: its type (None for a plain Python number), its text, and its value where that is known."""

    kind: Kind | None
    text: str
    rank: int = ATOM
    number: Any = None

    def within(self, rank: int) -> str:
        """The text as an operand of an operator of this rank."""
        return self.text if self.rank <= rank else f"({self.text})"


class Pointer(NamedTuple):
    """An array in a local name: the type of its elements, and its name in C."""

    kind: Kind
    text: str


def known(x: Any, kind: Kind | None) -> Term:
    """A number that is known."""
    if kind is None:
        return Term(None, repr(x), ATOM, x)
    text = literal(x, kind)
    return Term(kind, text, ATOM if text[0] not in "-(" else LOOSE, x)


def typed(x: Term) -> Kind:
    """The type of a number that has one."""
    if x.kind is None:
        raise OutsideError(f"{x.text} without a type")
    return x.kind


SIGNS: dict[type, tuple[str, int, Callable[..., Any]]] = {
    ast.Add: ("+", SUM, operator.add),
    ast.Sub: ("-", SUM, operator.sub),
    ast.Mult: ("*", PRODUCT, operator.mul),
    ast.Div: ("/", PRODUCT, operator.truediv),
    ast.FloorDiv: ("/", PRODUCT, operator.floordiv),
    ast.Mod: ("%", PRODUCT, operator.mod),
    ast.BitAnd: ("&", LOOSE, operator.and_),
    ast.BitOr: ("|", LOOSE, operator.or_),
    ast.BitXor: ("^", LOOSE, operator.xor),
    ast.LShift: ("<<", LOOSE, operator.lshift),
    ast.RShift: (">>", LOOSE, operator.rshift),
}
COMPARED: dict[type, tuple[str, Callable[..., Any]]] = {
    ast.Lt: ("<", operator.lt),
    ast.LtE: ("<=", operator.le),
    ast.Gt: (">", operator.gt),
    ast.GtE: (">=", operator.ge),
    ast.Eq: ("==", operator.eq),
    ast.NotEq: ("!=", operator.ne),
}
#: Functions of C's own library, by the name in a text.
_LIBRARY = {
    "np.sqrt": "sqrt",
    "np.floor": "floor",
    "np.ceil": "ceil",
    "np.rint": "rint",
    "math.copysign": "copysign",
    **{f"c_{name}": name for name in "sin cos tan asin acos atan sinh cosh asinh acosh atanh exp2 log2 log10".split()},
    **{f"c_{name}": name for name in "cbrt trunc pow atan2 hypot fmod fmax fmin tgamma lgamma erf erfc".split()},
    **{f"c_{name}": name for name in "nextafter".split()},
}
#: Functions of two numbers that are small ones in C, see ``kinds``.
_HELPERS = {"whole_power": "power", "fmod_floor": "remainder", "divide_floor": "floor_divide"}


class Terms(Reader):
    """The expressions of one function."""

    kinds, counter = NAMED, INDEX

    def __init__(self, library: Kernels, names: dict[str, Any]) -> None:
        super().__init__(library.formula, names)
        self.library = library
        self.used: set[str] = set()  # C's names that are mentioned

    def number(self, x: Any) -> Term:
        """A number of Python's."""
        return known(x, None)

    def constant(self, x: Any, kind: Kind) -> Term:
        """A number in a type."""
        if kind.family != "f" and isinstance(x, float):
            raise OutsideError(f"{x!r} as {kind.name}")
        return known(x, kind)

    # -- types --------------------------------------------------------------------------------

    def cast(self, x: Term, kind: Kind) -> Term:
        """A number in another type."""
        if x.kind is kind:
            return x
        if x.number is not None and (x.kind is None or x.kind.family in "xu"):
            return known(
                bool(x.number) if kind is B1 else float(x.number) if kind.family == "f" else int(x.number), kind
            )
        if x.kind is None:
            return known(x.number, kind)
        if kind is B1:
            zero = literal(0, x.kind)
            return Term(B1, f"{x.within(SUM)} != {zero}", LOOSE)
        if x.kind.family == "f" and kind.family in "iux":
            return Term(kind, f"{self.library.helper('whole', x.kind, kind)}({x.text})")
        return Term(kind, f"({stored(kind)}){x.within(ATOM)}", PRODUCT)

    # -- operations ---------------------------------------------------------------------------

    def arithmetic(self, op: ast.operator, x: Term, y: Term) -> Term:
        """x + y and its like."""
        sign, rank, function = SIGNS.get(type(op), ("", 0, operator.add))
        if x.kind is None and y.kind is None and sign:
            return known(function(x.number, y.number), None)
        x, y, kind = self.pair(x, y)
        if not sign or (isinstance(op, ast.Div) and kind.family != "f"):
            raise OutsideError(f"{type(op).__name__} of {kind.name}")
        counts = kind is INDEX or kind.name == "u8"
        if counts and x.number is not None and y.number is not None:
            number = function(x.number, y.number)
            return known(number % 2**64 if kind.family == "u" else number, kind)
        if counts:
            simpler = _simpler(sign, x, y)
            if simpler is not None:
                return simpler
        if isinstance(op, (ast.FloorDiv, ast.Mod)) and not counts:
            name = "floor_divide" if sign == "/" else "remainder"
            return Term(kind, f"{self.library.helper(name, kind)}({x.text}, {y.text})")
        if kind is B1:
            if rank != LOOSE:
                raise OutsideError(f"{type(op).__name__} of bools")
            return Term(B1, f"{x.within(ATOM)} {sign} {y.within(ATOM)}", LOOSE)
        if kind.family in "iu" and not counts:
            return self._wrapped(sign, rank, x, y, kind)
        if rank == LOOSE:
            return Term(kind, f"{x.within(ATOM)} {sign} {y.within(ATOM)}", rank)
        tight = rank if counts and sign in "+*" else rank - 1  # of floats the order counts
        return Term(kind, f"{x.within(rank)} {sign} {y.within(tight)}", rank)

    def _wrapped(self, sign: str, rank: int, x: Term, y: Term, kind: Kind) -> Term:
        """Integers that wrap around: unsigned arithmetic does, and promises it."""
        del rank
        c = stored(kind)
        if sign in ("&", "|", "^", ">>"):
            return Term(kind, f"({c})({x.within(ATOM)} {sign} {y.within(ATOM)})", PRODUCT)
        wide = f"uint{max(kind.bits, 32)}_t"
        return Term(kind, f"({c})(({wide}){x.within(ATOM)} {sign} ({wide}){y.within(ATOM)})", PRODUCT)

    def compared(self, op: ast.cmpop, x: Term, y: Term) -> Term:
        """x < y and its like."""
        x, y, kind = self.pair(x, y)
        sign, function = COMPARED[type(op)]
        if x.number is not None and y.number is not None and kind.family != "f":
            return known(bool(function(x.number, y.number)), B1)
        if x.text == y.text and kind.family != "f":
            return known("=" in sign and sign != "!=", B1)
        return Term(B1, f"{x.within(SUM)} {sign} {y.within(SUM)}", LOOSE)

    def chosen(self, test: Term, x: Term, y: Term) -> Term:
        """x if test else y."""
        if test.number is not None:
            return x if test.number else y
        x, y, kind = self.pair(x, y)
        return Term(kind, f"{test.within(SUM)} ? {x.within(SUM)} : {y.within(SUM)}", LOOSE)

    def lesser(self, x: Term, y: Term, is_max: bool) -> Term:
        """Python's min(x, y) or max(x, y): x, unless y is beyond it."""
        x, y, kind = self.pair(x, y)
        if x.number is not None and y.number is not None and kind.family != "f":
            return known((max if is_max else min)(x.number, y.number), kind)
        name = self.library.helper("most" if is_max else "least", kind)
        return Term(kind, f"{name}({x.text}, {y.text})")

    def of_library(self, name: str, operands: list[Term]) -> Term:
        """A function of C's mathematics."""
        kind = next((x.kind for x in operands if x.kind is not None), F8)
        if kind.family != "f":
            raise OutsideError(f"{name} of {kind.name}")
        texts = ", ".join(self.settled(x, kind).text for x in operands)
        return Term(kind, f"{name}{'f' if kind is F4 else ''}({texts})")

    def absolute(self, x: Term) -> Term:
        """|x|."""
        x = self.plain(x)
        kind = typed(x)
        if kind.family == "f":
            return self.of_library("fabs", [x])
        if kind.family in "ub":
            return x
        return self.chosen(self.compared(ast.Lt(), x, known(0, kind)), self.negative(x), x)

    def negative(self, x: Term) -> Term:
        """-x."""
        if x.kind is None:
            return known(-x.number, None)
        if x.kind.family in "fx":
            return Term(x.kind, f"-{x.within(ATOM)}", LOOSE)
        return self.arithmetic(ast.Sub(), known(0, x.kind), x)

    def opposite(self, x: Term) -> Term:
        """Not x."""
        x = self.settled(x, B1)
        return known(not x.number, B1) if x.number is not None else Term(B1, f"!{x.within(ATOM)}", LOOSE)

    def inverted(self, node: ast.UnaryOp, x: Term) -> Term:
        """~x."""
        if x.kind is None or x.kind.family not in "iu":
            raise OutsideError(ast.unparse(node))
        return Term(x.kind, f"({stored(x.kind)})~{x.within(ATOM)}", PRODUCT)

    # -- the nodes of a text ------------------------------------------------------------------

    def read(self, name: str) -> Term:
        """The number in a local name."""
        local = self.locals[name]
        if not isinstance(local, Term):
            raise OutsideError(f"the name {name}")
        if local.number is None:
            self.used.add(local.text)
        return local

    def truth(self, node: ast.BoolOp) -> Term:
        """x and y."""
        is_and = isinstance(node.op, ast.And)
        parts = []
        for x in [self.settled(self.value(x), B1) for x in node.values]:
            if x.number is None:
                parts.append(x.within(ATOM))
            elif bool(x.number) is not is_and:
                return known(not is_and, B1)
        if not parts:
            return known(is_and, B1)
        return Term(B1, (" && " if is_and else " || ").join(parts), LOOSE)

    def condition(self, node: ast.IfExp) -> Term:
        """x if test else y."""
        test = self.settled(self.value(node.test), B1)
        if test.number is not None:
            chosen: Term = self.value(node.body if test.number else node.orelse)
            return chosen
        return self.chosen(test, self.value(node.body), self.value(node.orelse))

    def place(self, node: ast.Subscript) -> tuple[Kind, str]:
        """An element of an array, as C's."""
        local = self.locals.get(node.value.id) if isinstance(node.value, ast.Name) else None
        if not isinstance(local, Pointer):
            raise OutsideError(f"{ast.unparse(node)}: no array")
        self.used.add(local.text)
        index = self.plain(self.value(node.slice))
        if index.kind is None or index.kind.family not in "xu":
            raise OutsideError(f"{ast.unparse(node)}: an index that is no count")
        text = str(index.number) if index.number is not None else index.text
        return local.kind, f"{local.text}[{text}]"

    def element(self, node: ast.Subscript) -> Term:
        """a[i]."""
        kind, text = self.place(node)
        return Term(kind, f"{text} != 0", LOOSE) if kind is B1 else Term(kind, text)

    def own_function(self, name: str, node: ast.Call) -> Term | None:
        """A function of C's own, or a small one that is written in C."""
        if name == "abs":
            return self.absolute(self.value(node.args[0]))
        if name == "summed":
            return self.arithmetic(ast.Add(), *map(self.value, node.args))
        if name in _LIBRARY:
            return self.of_library(_LIBRARY[name], [*map(self.value, node.args)])
        if name in _HELPERS:
            x, y, kind = self.pair(*map(self.value, node.args))
            return Term(kind, f"{self.library.helper(_HELPERS[name], kind)}({x.text}, {y.text})")
        if name in ("bits_of", "float_of"):
            of = {F4: I4, F8: I8, I4: F4, I8: F8}
            (x,) = map(self.value, node.args)
            own = typed(x)
            called = self.library.helper(name, own if name == "bits_of" else of[own])
            return Term(of[own], f"{called}({x.text})")
        return None

    def called(self, symbol: str, kinds: list[Kind], operands: list[Term]) -> list[Term]:
        """The result of a formula; those of one with several have names first, see ``several``."""
        return [Term(kind, f"{symbol}({', '.join(x.text for x in operands)})") for kind in kinds]


def _simpler(sign: str, x: Term, y: Term) -> Term | None:
    """Of counts: x + 0, x * 1 and the like."""
    if sign == "+" and (x.number == 0 or y.number == 0):
        return y if x.number == 0 else x
    if sign == "-" and y.number == 0:
        return x
    if sign == "*" and (x.number == 1 or y.number == 1):
        return y if x.number == 1 else x
    if sign == "*" and (x.number == 0 or y.number == 0):
        return known(0, x.kind)
    if sign == "/" and y.number == 1:
        return x
    if sign == "%" and y.number == 1:
        return known(0, x.kind)
    return None
