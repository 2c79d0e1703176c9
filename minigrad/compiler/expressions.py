"""A call as Python text: for the function that is replayed, and for people."""

from __future__ import annotations

import importlib
import math
import operator
from collections.abc import Callable
from types import EllipsisType
from typing import Any

import numpy as np

from minigrad.core.table import path_of

#: Python's operators by their names in ``operator``: how each is written, and NumPy's function.
ARITHMETIC: dict[str, tuple[str, np.ufunc]] = {
    "add": ("+", np.add),
    "sub": ("-", np.subtract),
    "mul": ("*", np.multiply),
    "truediv": ("/", np.true_divide),
    "floordiv": ("//", np.floor_divide),
    "mod": ("%", np.remainder),
    "pow": ("**", np.power),
    "matmul": ("@", np.matmul),
    "and_": ("&", np.bitwise_and),
    "or_": ("|", np.bitwise_or),
    "xor": ("^", np.bitwise_xor),
    "lshift": ("<<", np.left_shift),
    "rshift": (">>", np.right_shift),
}
COMPARISONS: dict[str, tuple[str, np.ufunc]] = {
    "lt": ("<", np.less),
    "le": ("<=", np.less_equal),
    "gt": (">", np.greater),
    "ge": (">=", np.greater_equal),
    "eq": ("==", np.equal),
    "ne": ("!=", np.not_equal),
}
SIGNS: dict[str, tuple[str, np.ufunc]] = {
    "neg": ("-", np.negative),
    "pos": ("+", np.positive),
    "invert": ("~", np.invert),
}


def in_place(name: str) -> Any:
    """The function of ``operator`` that writes its result into its first operand."""
    return getattr(operator, f"i{name.rstrip('_')}")


_INFIX = {getattr(operator, name): sign for name, (sign, _) in {**ARITHMETIC, **COMPARISONS}.items()}
_PREFIX = {getattr(operator, name): sign for name, (sign, _) in SIGNS.items()}
AUGMENTED = {in_place(name): f"{sign}=" for name, (sign, _) in ARITHMETIC.items()}

Text = Callable[[Any], str]


def spelled(function: Any, args: tuple[Any, ...], kwargs: dict[str, Any], text: Text, named: Text) -> str:
    """The call as text, an expression or a statement. ``text`` spells arguments, ``named`` functions."""
    if function in _INFIX:
        return f"{text(args[0])} {_INFIX[function]} {text(args[1])}"
    if function in _PREFIX:
        return f"{_PREFIX[function]}{text(args[0])}"
    if function in AUGMENTED:
        return f"{text(args[0])} {AUGMENTED[function]} {text(args[1])}"
    if function is operator.getitem:
        return f"{text(args[0])}[{_index(args[1], text)}]"
    if function is operator.setitem:
        return f"{text(args[0])}[{_index(args[1], text)}] = {text(args[2])}"
    if isinstance(function, str) and not function.startswith("."):
        return f"{text(args[0])}.{function}"
    if isinstance(function, str):
        subject, args = text(args[0]), args[1:]
        head = f"{subject}{function}"
    else:
        head = named(function)
    parts = [*map(text, args), *[f"{key}={text(value)}" for key, value in kwargs.items()]]
    return f"{head}({', '.join(parts)})"


def literal(x: Any, text: Text) -> str | None:
    """A Python object as text that makes it again, or None. ``text`` spells what is nested in it."""
    if isinstance(x, float) and not isinstance(x, np.generic):
        return repr(x) if math.isfinite(x) else f'float("{x}")'
    if type(x) in (int, bool, str, type(None)):
        return repr(x)
    if isinstance(x, EllipsisType):
        return "..."
    if type(x) is tuple:
        return f"({', '.join(map(text, x))}{',' if len(x) == 1 else ''})"
    if type(x) is list:
        return f"[{', '.join(map(text, x))}]"
    if isinstance(x, slice):
        return f"slice({text(x.start)}, {text(x.stop)}, {text(x.step)})"
    if isinstance(x, np.dtype):
        return f'np.dtype("{x.str if x.isnative and x.kind not in "biufc" else x.name}")'
    if isinstance(x, type) and issubclass(x, np.generic):
        return f"np.{x.__name__}"
    if isinstance(x, type) and x.__module__ == "builtins":  # x.astype(bool)
        return x.__name__
    if isinstance(x, np.generic) and x.dtype.kind in "biuf" and np.isfinite(x):
        return repr(x)  # np.float32(0.1): the shortest number that is read as the same one
    return None


def function_path(function: Any) -> str:
    """A function as it is written: np.add.reduce, np.linalg.norm, abs."""
    if function is operator.abs:
        return "abs"
    owner = getattr(function, "__self__", None)
    if isinstance(owner, np.ufunc):
        return f"np.{owner.__name__}.{function.__name__}"
    if isinstance(function, np.ufunc) and getattr(np, function.__name__, None) is not function:
        public = vars(importlib.import_module("scipy.special")).get(function.__name__) is function
        return f"scipy.special.{'' if public else '_ufuncs.'}{function.__name__}"  # zeta runs one that is not public
    return path_of(function).replace("numpy", "np", 1)


def _index(index: Any, text: Text) -> str:
    items = index if type(index) is tuple and index else (index,)
    parts = [_slice(item, text) if isinstance(item, slice) else text(item) for item in items]
    return ", ".join(parts) + ("," if type(index) is tuple and len(index) == 1 else "")


def _slice(x: slice, text: Text) -> str:
    start, stop = ("" if part is None else text(part) for part in (x.start, x.stop))
    return f"{start}:{stop}" + ("" if x.step is None else f":{text(x.step)}")
