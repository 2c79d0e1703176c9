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
from dataclasses import dataclass
from typing import Any, NamedTuple, Protocol

from minigrad.compiler.backends.kernel_numbers import F8, I8
from minigrad.compiler.c.kernels import Kernels
from minigrad.compiler.c.kinds import literal
from minigrad.errors import CompileError
from minigrad.optim import nadam
from minigrad.optim.hyperparameters import rate_of
from minigrad.optim.optimizer import Optimizer


@dataclass(frozen=True)
class Counted:
    """A number that depends on the count of steps: as C, and whether it is an int, a float or a bool."""

    text: str
    kind: str


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

C_TYPES = {"int": "int64_t", "float": "double", "bool": "bool"}
_INFIX: dict[type, str] = {ast.Add: "+", ast.Sub: "-", ast.Mult: "*", ast.Div: "/"}
_COMPARED: dict[type, str] = {
    ast.Lt: "<",
    ast.LtE: "<=",
    ast.Gt: ">",
    ast.GtE: ">=",
    ast.Eq: "==",
    ast.NotEq: "!=",
}
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
    return isinstance(x, Counted) or (isinstance(x, tuple) and any(map(is_counted, x)))


def text(x: Any, kind: str) -> str:
    """A number as C, of a kind."""
    if isinstance(x, Counted):
        return x.text if x.kind == kind else f"({C_TYPES[kind]})({x.text})"
    if not isinstance(x, (int, float)):
        raise CompileError(f"export: the rates of an optimizer depend on {x!r}, which is no number in C")
    made = literal(x, F8 if kind == "float" else I8) if kind != "bool" else ("true" if x else "false")
    return f"({made})" if made.startswith("-") else made


class Functions(Protocol):
    """Where the functions of a file are collected."""

    kernels: Kernels

    def function(self, function: Any, given: dict[str, Any]) -> tuple[str, Any]:
        """The name of a function in C, and what it gives."""


class Values:
    """The expressions of one function."""

    def __init__(self, rates: Functions, function: Any, names: dict[str, Any]) -> None:
        self.lines: list[str] = []
        self.variables: dict[str, str] = {}
        self.results: list[Any] = []
        self._rates = rates
        self._function = function
        self._names = dict(names)
        self._places: dict[str, str] = {}
        self._depth = 1
        self._ended = False
        self._count = 0

    def refusal(self, what: str) -> CompileError:
        """What is told of a text that has no form in C."""
        name = getattr(self._function, "__qualname__", "a rate")
        return CompileError(
            f"export: {name} works out the rates of an optimizer, and {what} has no form in C: write it with numbers, "
            "if, while, and functions of math or such as itself, defined in a file with def"
        )

    def _put(self, line: str) -> None:
        self.lines.append("    " * self._depth + line)

    def _settled(self, x: Any, hint: str = "part") -> Any:
        """A counted number in a name of its own."""
        if not isinstance(x, Counted):
            return x
        self._count += 1
        name = f"{hint}_{self._count}"
        self.variables[name] = x.kind
        self._put(f"{name} = {x.text};")
        return Counted(name, x.kind)

    # -- expressions --------------------------------------------------------------------------

    def value(self, node: ast.expr) -> Any:
        """An expression: an object that is known, or a counted number."""
        method = _EXPRESSIONS.get(type(node))
        if method is None:
            raise self.refusal(ast.unparse(node))
        return method(self, node)

    def _constant(self, node: ast.Constant) -> Any:
        return node.value

    def _name(self, node: ast.Name) -> Any:
        if node.id in self._names:
            return self._names[node.id]
        scope = {**vars(builtins), **self._function.__globals__, **inspect.getclosurevars(self._function).nonlocals}
        if node.id not in scope:
            raise self.refusal(f"the name {node.id}")
        return scope[node.id]

    def _tuple(self, node: Any) -> tuple[Any, ...]:
        made: list[Any] = []
        for item in node.elts:
            if isinstance(item, ast.Starred):
                made += self.value(item.value)
            else:
                made.append(self.value(item))
        return tuple(made)

    def _attribute(self, node: ast.Attribute) -> Any:
        x = self.value(node.value)
        if isinstance(x, Counted):
            raise self.refusal(ast.unparse(node))
        if not isinstance(x, Owner):
            return getattr(x, node.attr)
        if node.attr in ("iterations", "_iterations"):
            return Counted("iterations", "int")
        if node.attr == "missed":
            return x.missed
        held = inspect.getattr_static(type(x.optimizer), node.attr, None)
        if isinstance(held, types.FunctionType):
            return _Bound(held, x)
        if isinstance(held, property) and held.fget is not None:
            return self.called(held.fget, [x], {})
        return getattr(x.optimizer, node.attr)

    def _part(self, node: ast.Subscript) -> Any:
        x, index = self.value(node.value), self.value(node.slice)
        if not isinstance(index, Counted):
            return x[index]
        if not isinstance(x, (tuple, list)) or not all(isinstance(item, (int, float)) for item in x):
            raise self.refusal(ast.unparse(node))
        return Counted(f"((const double[]){{{', '.join(text(item, 'float') for item in x)}}})[{index.text}]", "float")

    def _unary(self, node: ast.UnaryOp) -> Any:
        x = self.value(node.operand)
        if not isinstance(x, Counted):
            return _folded(node, [x])
        sign = {ast.USub: "-", ast.Not: "!", ast.UAdd: "+"}.get(type(node.op))
        if sign is None:
            raise self.refusal(ast.unparse(node))
        return Counted(f"{sign}({x.text})", "bool" if sign == "!" else x.kind)

    def _binary(self, node: ast.BinOp) -> Any:
        x, y = self.value(node.left), self.value(node.right)
        if not is_counted(x) and not is_counted(y):
            return _folded(node, [x, y])
        kinds = [item.kind if isinstance(item, Counted) else type(item).__name__ for item in (x, y)]
        kind = "float" if "float" in kinds else "int"
        if isinstance(node.op, ast.Pow):
            return Counted(f"pow({text(x, 'float')}, {text(y, 'float')})", "float")
        if isinstance(node.op, (ast.FloorDiv, ast.Mod)):
            name = "floor_divide" if isinstance(node.op, ast.FloorDiv) else "remainder"
            called = self._rates.kernels.helper(name, F8 if kind == "float" else I8)
            return Counted(f"{called}({text(x, kind)}, {text(y, kind)})", kind)
        if type(node.op) not in _INFIX:
            raise self.refusal(ast.unparse(node))
        kind = "float" if isinstance(node.op, ast.Div) else kind
        return Counted(f"({text(x, kind)} {_INFIX[type(node.op)]} {text(y, kind)})", kind)

    def _comparison(self, node: ast.Compare) -> Any:
        items = [self.value(x) for x in (node.left, *node.comparators)]
        if not any(map(is_counted, items)):
            return _folded(node, items)
        if len(node.ops) > 1 or type(node.ops[0]) not in _COMPARED:
            raise self.refusal(ast.unparse(node))
        kinds = [x.kind if isinstance(x, Counted) else type(x).__name__ for x in items]
        kind = "float" if "float" in kinds else "int"
        return Counted(f"({text(items[0], kind)} {_COMPARED[type(node.ops[0])]} {text(items[1], kind)})", "bool")

    def _truth(self, node: ast.BoolOp) -> Any:
        is_and = isinstance(node.op, ast.And)
        texts = []
        for part in node.values:
            x = self.value(part)
            if isinstance(x, Counted):
                texts.append(x.text)
            elif bool(x) is not is_and:
                return x
        return Counted(f"({(' && ' if is_and else ' || ').join(texts)})", "bool") if texts else is_and

    def _choice(self, node: ast.IfExp) -> Any:
        test = self.value(node.test)
        if not isinstance(test, Counted):
            return self.value(node.body if test else node.orelse)
        x, y = self.value(node.body), self.value(node.orelse)
        return self._chosen(test, x, y)

    def _chosen(self, test: Counted, x: Any, y: Any) -> Any:
        if isinstance(x, tuple) and isinstance(y, tuple) and len(x) == len(y):
            return tuple([self._chosen(test, a, b) for a, b in zip(x, y, strict=True)])
        kinds = [item.kind if isinstance(item, Counted) else type(item).__name__ for item in (x, y)]
        kind = kinds[0] if kinds[0] == kinds[1] else "float"
        return Counted(f"({test.text} ? {text(x, kind)} : {text(y, kind)})", kind)

    def _call(self, node: ast.Call) -> Any:
        if isinstance(node.func, ast.Name) and node.func.id == "super" and not node.args:
            home = inspect.getclosurevars(self._function).nonlocals.get("__class__") or _home(self._function)
            return _Above(home, self._names["self"])
        function = self.value(node.func) if not isinstance(node.func, ast.Attribute) else self._method(node.func)
        args: list[Any] = []
        for x in node.args:
            if isinstance(x, ast.Starred):
                args += self.value(x.value)
            else:
                args.append(self.value(x))
        kwargs: dict[str, Any] = {}
        for word in node.keywords:
            kwargs |= self.value(word.value) if word.arg is None else {word.arg: self.value(word.value)}
        return self.called(function, args, kwargs)

    def _method(self, node: ast.Attribute) -> Any:
        x = self.value(node.value)
        if isinstance(x, _Above):
            order = type(x.owner.optimizer).__mro__
            for base in order[order.index(x.home) + 1 :]:
                if node.attr in vars(base):
                    return _Bound(vars(base)[node.attr], x.owner)
        return self._attribute(node)

    def called(self, function: Any, args: list[Any], kwargs: dict[str, Any]) -> Any:
        """What a function gives."""
        if isinstance(function, _Bound):
            function, args = function.function, [function.owner, *args]
        function = _INSTEAD.get(function, function)
        if function is type and isinstance(args[0], Owner):
            return type(args[0].optimizer)
        if function is rate_of:
            function, args = args[1], args[2:]
        every = [*args, *kwargs.values()]
        counts = any(map(is_counted, every))
        if not counts and not any(isinstance(x, Owner) for x in every):
            return function(*args, **kwargs)
        if isinstance(function, type) and function in (float, int, bool):
            name = function.__name__
            return Counted(f"({C_TYPES[name]})({text(args[0], args[0].kind)})", name)
        if function in (min, max) and not kwargs:
            found = args[0]
            for x in args[1:]:
                sign = "<" if function is min else ">"
                kinds = [item.kind if isinstance(item, Counted) else type(item).__name__ for item in (found, x)]
                kind = "float" if "float" in kinds else "int"
                test = Counted(f"({text(x, kind)} {sign} {text(found, kind)})", "bool")
                found = self._settled(self._chosen(test, x, found))
            return found
        if function is abs:
            return Counted(f"fabs({text(args[0], 'float')})", "float")
        if getattr(function, "__module__", "") == "math" and function.__name__ in _OF_MATH:
            made = f"{function.__name__}({', '.join(text(x, 'float') for x in args)})"
            whole = function in (math.floor, math.ceil, math.trunc)
            return Counted(f"(int64_t){made}" if whole else made, "int" if whole else "float")
        if function is bisect.bisect_right or function is bisect.bisect:
            tests = [f"({text(x, 'float')} <= {text(args[1], 'float')})" for x in args[0]]
            return Counted(f"({' + '.join(tests) or '0'})", "int")
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
        given = ["iterations", *[x.text for x in bound.arguments.values() if isinstance(x, Counted)]]
        if not isinstance(result, tuple):
            return Counted(f"{called}({', '.join(given)})", str(result))
        self._count += 1
        name = f"made_{self._count}"
        self._put(f"double {name}[{len(result)}];")
        self._put(f"{called}({', '.join([*given, name])});")
        return tuple([Counted(f"{name}[{k}]", "float") for k in range(len(result))])


class _Bound(NamedTuple):
    """A method of the optimizer's."""

    function: Any
    owner: Owner


class _Above(NamedTuple):
    """``super()`` in a method of a class."""

    home: type
    owner: Owner


def _home(function: Any) -> Any:
    return function.__globals__[function.__qualname__.split(".")[0]]


_FOLDED: dict[type, Any] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
    ast.FloorDiv: operator.floordiv,
    ast.Mod: operator.mod,
    ast.Pow: operator.pow,
    ast.USub: operator.neg,
    ast.UAdd: operator.pos,
    ast.Not: operator.not_,
    ast.Lt: operator.lt,
    ast.LtE: operator.le,
    ast.Gt: operator.gt,
    ast.GtE: operator.ge,
    ast.Eq: operator.eq,
    ast.NotEq: operator.ne,
    ast.Is: operator.is_,
    ast.IsNot: operator.is_not,
    ast.In: lambda x, y: x in y,
    ast.NotIn: lambda x, y: x not in y,
}


def _folded(node: Any, items: list[Any]) -> Any:
    """What Python makes of operands that are known."""
    if not isinstance(node, ast.Compare):
        return _FOLDED[type(node.op)](*items)
    return all(_FOLDED[type(op)](x, y) for op, (x, y) in zip(node.ops, itertools.pairwise(items), strict=True))


_EXPRESSIONS: dict[type, Any] = {
    ast.Constant: Values._constant,
    ast.Name: Values._name,
    ast.Tuple: Values._tuple,
    ast.List: Values._tuple,
    ast.Attribute: Values._attribute,
    ast.Subscript: Values._part,
    ast.UnaryOp: Values._unary,
    ast.BinOp: Values._binary,
    ast.Compare: Values._comparison,
    ast.BoolOp: Values._truth,
    ast.IfExp: Values._choice,
    ast.Call: Values._call,
}
