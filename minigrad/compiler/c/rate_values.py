"""The expressions in the text of an optimizer's rates: objects that are known, or numbers of C. See ``rates``."""

from __future__ import annotations

import ast
import bisect
import builtins
import inspect
import itertools
import math
import operator
import types
from typing import TYPE_CHECKING, Any, NamedTuple

from minigrad.compiler.backends.kernel_kinds import B1, F8, Kind
from minigrad.compiler.c.terms import ATOM, COMPARED, LOOSE, SIGNS, Term, Terms, known
from minigrad.errors import CompileError
from minigrad.optim import nadam
from minigrad.optim.hyperparameters import rate_of
from minigrad.optim.optimizer import Optimizer

if TYPE_CHECKING:
    from minigrad.compiler.c.rates import Rates

#: Whole numbers, which never wrap around; and the kinds of Python's numbers.
COUNT = Kind("i8", "", "x", 64)
KINDS: dict[type, Kind] = {float: F8, int: COUNT, bool: B1}


class Owner(NamedTuple):
    """The optimizer, as its methods see it."""

    optimizer: Optimizer
    missed: int


def _product_of_momenta(_: Any, beta1: float, psi: float, t: int) -> Any:
    product, k = _momentum(beta1, psi, 0), 0
    while k < t and product > _NOTHING:
        k = k + 1
        product = product * _momentum(beta1, psi, k)
    return product


_momentum, _NOTHING = vars(nadam)["_momentum"], vars(nadam)["_NOTHING"]

#: Methods that keep something from step to step, and what is the same without.
_INSTEAD: dict[Any, Any] = {vars(nadam.NAdam)["_product"]: _product_of_momenta}

_OF_MATH = frozenset(
    "sqrt exp log log2 log10 log1p expm1 sin cos tan tanh sinh cosh atan asin acos fabs floor ceil trunc pow hypot "
    "atan2 copysign fmod".split()
)


def key_of(x: Any) -> Any:
    """What tells a known argument of a function from others."""
    if isinstance(x, (int, float, str, bool)):
        return type(x).__name__, x
    return ("owner", id(x.optimizer), x.missed) if isinstance(x, Owner) else id(x)


def is_counted(x: Any) -> bool:
    """Whether a value depends on the count of steps."""
    return isinstance(x, Term) or (type(x) is tuple and any(map(is_counted, x)))


def kind_of(*items: Any) -> Kind:
    """The kind that numbers have together."""
    kinds = {x.kind if isinstance(x, Term) else KINDS.get(type(x), COUNT) for x in items}
    return kinds.pop() or F8 if len(kinds) == 1 else F8 if F8 in kinds else COUNT


class Values(Terms):
    """The expressions of one function."""

    def __init__(self, rates: Rates, function: Any, names: dict[str, Any]) -> None:
        super().__init__(rates.kernels, names)
        self.lines: list[str] = []
        self.variables: dict[str, Kind] = {}
        self.returned: list[Any] = []
        self._rates = rates
        self._function = function
        self._depth = 1
        self._count = 0

    def refusal(self, what: str) -> CompileError:
        """The error for a text that has no form in C."""
        name = getattr(self._function, "__qualname__", "a rate")
        return CompileError(
            f"export: {name} works out the rates of an optimizer, and {what} has no form in C: write it with numbers, "
            "if, while, and functions of math or such as itself, defined in a file with def"
        )

    def put(self, line: str) -> None:
        """One line."""
        self.lines.append("    " * self._depth + line)

    def term(self, x: Any, kind: Kind) -> Term:
        """A number of a kind."""
        if isinstance(x, Term):
            return self.cast(x, kind)
        if not isinstance(x, (int, float)):
            raise CompileError(f"export: the rates of an optimizer depend on {x!r}, which is no number in C")
        return known({F8: float, COUNT: int}.get(kind, bool)(x), kind)

    def named(self, x: Any, hint: str = "part") -> Any:
        """A counted number in a name of its own."""
        if not isinstance(x, Term):
            return x
        name = self.variable(hint, kind_of(x))
        self.put(f"{name} = {x.text};")
        return Term(x.kind, name)

    def variable(self, hint: str, kind: Kind) -> str:
        """A new name."""
        self._count += 1
        self.variables[f"{hint}_{self._count}"] = kind
        return f"{hint}_{self._count}"

    # -- expressions --------------------------------------------------------------------------

    def value(self, node: ast.AST) -> Any:
        """An expression: an object that is known, or a counted number."""
        method = _EXPRESSIONS.get(type(node))
        if method is None:
            raise self.refusal(ast.unparse(node))
        translated = getattr(self, method)(node)
        return translated.number if isinstance(translated, Term) and translated.number is not None else translated

    def literal(self, node: ast.Constant) -> Any:
        """A number or a text."""
        return node.value

    def name(self, node: ast.Name) -> Any:
        """What a name stands for."""
        if node.id in self.locals:
            return self.locals[node.id]
        scope = {**vars(builtins), **self._function.__globals__, **inspect.getclosurevars(self._function).nonlocals}
        if node.id not in scope:
            raise self.refusal(f"the name {node.id}")
        return scope[node.id]

    def items(self, node: ast.Tuple | ast.List) -> tuple[Any, ...]:
        """x, *y."""
        return tuple(self._items(node.elts))

    def _items(self, nodes: list[ast.expr]) -> list[Any]:
        items: list[Any] = []
        for item in nodes:
            items += self.value(item.value) if isinstance(item, ast.Starred) else [self.value(item)]
        return items

    def attribute(self, node: ast.Attribute) -> Any:
        """x.name, also of the optimizer or of super()."""
        x = self.value(node.value)
        if isinstance(x, Term):
            raise self.refusal(ast.unparse(node))
        if isinstance(x, _Above):
            order = type(x.owner.optimizer).__mro__
            home = next(base for base in order[order.index(x.home) + 1 :] if node.attr in vars(base))
            return _Bound(vars(home)[node.attr], x.owner)
        if not isinstance(x, Owner):
            return getattr(x, node.attr)
        if node.attr in ("iterations", "_iterations"):
            return Term(COUNT, "iterations")
        if node.attr == "missed":
            return x.missed
        member = inspect.getattr_static(type(x.optimizer), node.attr, None)
        if isinstance(member, types.FunctionType):
            return _Bound(member, x)
        if isinstance(member, property) and member.fget is not None:
            return self.applied(member.fget, [x], {})
        return getattr(x.optimizer, node.attr)

    def element(self, node: ast.Subscript) -> Any:
        """x[i]."""
        x, index = self.value(node.value), self.value(node.slice)
        if not isinstance(index, Term) and not isinstance(x, Term):
            return x[index]
        if (
            isinstance(x, Term)
            or not isinstance(x, (tuple, list))
            or not all(isinstance(item, (int, float)) for item in x)
        ):
            raise self.refusal(ast.unparse(node))
        numbers = ", ".join(self.term(item, F8).text for item in x)
        return Term(F8, f"((const double[]){{{numbers}}})[{index.text}]")

    def unary(self, node: ast.UnaryOp) -> Any:
        """-x, not x."""
        x = self.value(node.operand)
        if not isinstance(x, Term):
            return _FOLDED[type(node.op)](x)
        if isinstance(node.op, ast.Invert):
            raise self.refusal(ast.unparse(node))
        return x if isinstance(node.op, ast.UAdd) else self.negative(x) if isinstance(node.op, ast.USub) else self.no(x)

    def no(self, x: Any) -> Term:
        """Not x."""
        return self.opposite(self.cast(x, B1))

    def binary(self, node: ast.BinOp) -> Any:
        """x + y."""
        x, y = self.value(node.left), self.value(node.right)
        if not is_counted(x) and not is_counted(y):
            return _FOLDED[type(node.op)](x, y)
        if isinstance(node.op, ast.Pow):
            return self.of_library("pow", [self.term(x, F8), self.term(y, F8)])
        kind = F8 if isinstance(node.op, ast.Div) or kind_of(x, y) is F8 else COUNT
        if type(node.op) not in (ast.Add, ast.Sub, ast.Mult, ast.Div, ast.FloorDiv, ast.Mod):
            raise self.refusal(ast.unparse(node))
        return self.arithmetic(node.op, self.term(x, kind), self.term(y, kind))

    def comparison(self, node: ast.Compare) -> Any:
        """x < y."""
        items = [self.value(x) for x in (node.left, *node.comparators)]
        if not any(map(is_counted, items)):
            pairs = zip(node.ops, itertools.pairwise(items), strict=True)
            return all(_FOLDED[type(op)](x, y) for op, (x, y) in pairs)
        if len(node.ops) > 1 or type(node.ops[0]) not in COMPARED:
            raise self.refusal(ast.unparse(node))
        kind = F8 if kind_of(*items) is F8 else COUNT
        return self.compared(node.ops[0], *[self.term(x, kind) for x in items])

    def truth(self, node: ast.BoolOp) -> Any:
        """x and y."""
        is_and, parts = isinstance(node.op, ast.And), []
        for part in node.values:
            x = self.value(part)
            if isinstance(x, Term):
                parts.append(self.cast(x, B1).within(ATOM))
            elif bool(x) is not is_and:
                return x
        return Term(B1, (" && " if is_and else " || ").join(parts), LOOSE) if parts else is_and

    def condition(self, node: ast.IfExp) -> Any:
        """x if test else y."""
        test = self.value(node.test)
        if not isinstance(test, Term):
            return self.value(node.body if test else node.orelse)
        return self._either(test, self.value(node.body), self.value(node.orelse))

    def _either(self, test: Term, x: Any, y: Any) -> Any:
        if type(x) is type(y) is tuple and len(x) == len(y):
            return tuple([self._either(test, a, b) for a, b in zip(x, y, strict=True)])
        kind = kind_of(x) if kind_of(x) is kind_of(y) else F8
        return self.chosen(self.cast(test, B1), self.term(x, kind), self.term(y, kind))

    def call(self, node: ast.Call) -> Any:
        """What a call gives."""
        if isinstance(node.func, ast.Name) and node.func.id == "super" and not node.args:
            home = inspect.getclosurevars(self._function).nonlocals.get("__class__")
            home = home or self._function.__globals__[self._function.__qualname__.partition(".")[0]]
            return _Above(home, self.locals["self"])
        kwargs: dict[str, Any] = {}
        function, args = self.value(node.func), self._items(node.args)
        for word in node.keywords:
            kwargs |= self.value(word.value) if word.arg is None else {word.arg: self.value(word.value)}
        return self.applied(function, args, kwargs)

    def applied(self, function: Any, args: list[Any], kwargs: dict[str, Any]) -> Any:
        """What a function gives."""
        if isinstance(function, _Bound):
            function, args = function.function, [function.owner, *args]
        function = _INSTEAD.get(function, function)
        if function is type and isinstance(args[0], Owner):
            return type(args[0].optimizer)
        if function is rate_of:
            function, args = args[1], args[2:]
        every = [*args, *kwargs.values()]
        if not any(is_counted(x) or isinstance(x, Owner) for x in every):
            return function(*args, **kwargs)
        if isinstance(function, type) and function in KINDS:
            return self.cast(args[0], KINDS[function])
        if function in (min, max) and not kwargs:
            lesser = args[0]
            for x in args[1:]:
                kind = kind_of(lesser) if kind_of(lesser) is kind_of(x) else F8
                lesser = self.lesser(self.term(lesser, kind), self.term(x, kind), function is max)
            return lesser
        of_math = getattr(function, "__module__", "") == "math" and function.__name__ in _OF_MATH
        if function is abs or of_math:
            result = self.of_library("fabs" if function is abs else function.__name__, [self.term(x, F8) for x in args])
            return self.cast(result, COUNT) if function in (math.floor, math.ceil, math.trunc) else result
        if function is bisect.bisect_right or function is bisect.bisect:
            tests = [self.compared(ast.LtE(), self.term(x, F8), self.term(args[1], F8)).text for x in args[0]]
            return Term(COUNT, " + ".join(f"({test})" for test in tests) or "0", LOOSE)
        return self._of_python(function, args, kwargs)

    def _of_python(self, function: Any, args: list[Any], kwargs: dict[str, Any]) -> Any:
        if not isinstance(function, types.FunctionType):
            inner = inspect.getattr_static(type(function), "__call__", None)
            if not isinstance(inner, types.FunctionType):
                raise self.refusal(f"a call of {getattr(function, '__name__', type(function).__name__)}")
            function, args = inner, [function, *args]
        bound = inspect.signature(function).bind(*args, **kwargs)
        bound.apply_defaults()
        called, result = self._rates.function(function, dict(bound.arguments))
        if not called:
            return result
        parameters = ["iterations", *[x.text for x in bound.arguments.values() if isinstance(x, Term)]]
        if isinstance(result, Kind):
            return Term(result, f"{called}({', '.join(parameters)})")
        self._count += 1
        name = f"made_{self._count}"
        self.put(f"double {name}[{len(result)}];")
        self.put(f"{called}({', '.join([*parameters, name])});")
        return tuple([Term(F8, f"{name}[{k}]") for k in range(len(result))])


class _Bound(NamedTuple):
    """A method of the optimizer's."""

    function: Any
    owner: Owner


class _Above(NamedTuple):
    """``super()`` in a method of a class."""

    home: type
    owner: Owner


#: What Python makes of operands that are known.
_FOLDED: dict[type, Any] = {
    **{op: function for op, (_, _, function) in SIGNS.items()},
    **{op: function for op, (_, function) in COMPARED.items()},
    ast.Pow: operator.pow,
    ast.USub: operator.neg,
    ast.UAdd: operator.pos,
    ast.Not: operator.not_,
    ast.Is: operator.is_,
    ast.IsNot: operator.is_not,
    ast.In: lambda x, y: x in y,
    ast.NotIn: lambda x, y: x not in y,
}
_EXPRESSIONS: dict[type, str] = {
    ast.Constant: "literal",
    ast.Name: "name",
    ast.Tuple: "items",
    ast.List: "items",
    ast.Attribute: "attribute",
    ast.Subscript: "element",
    ast.UnaryOp: "unary",
    ast.BinOp: "binary",
    ast.Compare: "comparison",
    ast.BoolOp: "truth",
    ast.IfExp: "condition",
    ast.Call: "call",
}
