"""NumPy's functions as expressions of a kernel, and which calls can be written with them."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np

from minigrad.compiler.passes.elementwise import Member
from minigrad.compiler.program import Value

#: The types of numbers in a kernel, and their names there.
TYPES: dict[np.dtype, str] = {
    np.dtype("float32"): "f4",
    np.dtype("float64"): "f8",
    np.dtype("int64"): "i8",
    np.dtype("bool"): "b1",
}

#: Functions of C's, by NumPy's names. A call of each takes as long as ten operations, and no loop of it goes in lanes.
OF_C: dict[str, str] = {
    **{
        name.replace("asin", "arcsin").replace("acos", "arccos").replace("atan", "arctan"): f"c_{name}({{0}})"
        for name in "sin cos tan asin acos atan sinh cosh asinh acosh atanh exp2 log2 log10 cbrt".split()
    },
    "arctan2": "c_atan2({0}, {1})",
    "hypot": "c_hypot({0}, {1})",
    "power": "c_pow({0}, {1})",
}

#: Numbers up to which a loop has such calls: of more, NumPy's own loops go in lanes on many processors.
FEW = 64

#: How NumPy's functions are written. Names without a module are those of ``formulas``; ``one`` is 1 of the loop's type.
EXPRESSIONS: dict[str, str] = {
    "add": "{0} + {1}",
    "subtract": "{0} - {1}",
    "multiply": "{0} * {1}",
    "divide": "{0} / {1}",
    "negative": "-{0}",
    "positive": "{0}",
    "absolute": "abs({0})",
    "fabs": "abs({0})",
    "square": "{0} * {0}",
    "reciprocal": "{one} / {0}",
    "sqrt": "np.sqrt({0})",
    "sign": "{type}_sign({0})",
    "floor": "np.floor({0})",
    "ceil": "np.ceil({0})",
    "rint": "np.rint({0})",
    "copysign": "math.copysign({0}, {1})",
    "maximum": "maximum({0}, {1})",
    "minimum": "minimum({0}, {1})",
    "greater": "{0} > {1}",
    "greater_equal": "{0} >= {1}",
    "less": "{0} < {1}",
    "less_equal": "{0} <= {1}",
    "equal": "{0} == {1}",
    "not_equal": "{0} != {1}",
    "isnan": "{0} != {0}",
    "isfinite": "abs({0}) < {infinity}",
    "logical_and": "{0} and {1}",
    "logical_or": "{0} or {1}",
    "logical_not": "not {0}",
    "bitwise_and": "{0} & {1}",
    "bitwise_or": "{0} | {1}",
    "bitwise_xor": "{0} ^ {1}",
    "invert": "not {0}",
    "where": "{1} if {0} else {2}",
    "cast": "{0}",
    "exp": "{type}_exp({0})",
    "expm1": "{type}_expm1({0})",
    "log": "{type}_log({0})",
    "log1p": "{type}_log1p({0})",
    "tanh": "{type}_tanh({0})",
    "logaddexp": "{type}_logaddexp({0}, {1})",
    "normal_cdf": "{type}_normal_cdf({0})",
    "gelu": "{type}_gelu({0})",
    "gelu_slope": "{type}_gelu_slope({0})",
    "near_sin": "{type}_near_sin({0})",
    "near_cos": "{type}_near_cos({0})",
    **OF_C,
}

#: Those that are for floats alone, and for bools alone; and those that NumPy has no loop of bools for, or another one.
_REAL = (
    frozenset(
        """
    divide reciprocal sqrt sign floor ceil rint copysign exp expm1 log log1p tanh logaddexp normal_cdf gelu gelu_slope
    fabs isfinite isnan near_sin near_cos
    """.split()
    )
    | OF_C.keys()
)
_TRUTH = frozenset("logical_and logical_or logical_not bitwise_and bitwise_or bitwise_xor invert".split())
_NUMBERS = frozenset("add subtract multiply negative positive absolute square maximum minimum".split())

#: Of a reduction: what it starts from, what joins two numbers in a loop that may go in lanes, and what does otherwise.
REDUCTIONS: dict[str, tuple[str, str, str]] = {
    "add": ("{type}(0)", "summed", "{0} + {1}"),
    "mean": ("{type}(0)", "summed", "{0} + {1}"),
    "maximum": ("{type}(-math.inf)", "larger", "maximum({0}, {1})"),
    "minimum": ("{type}(math.inf)", "smaller", "minimum({0}, {1})"),
}


def fits(member: Member, types: Mapping[np.dtype, str] = TYPES) -> bool:
    """Whether a call can be written in a kernel of numbers of these types."""
    if any(dtype not in types for dtype in (*member.dtypes, member.target.dtype)):
        return False
    if not all(_is_found_by_strides(x, types) for x in (*member.values, member.target)):
        return False
    kinds = {dtype.kind for dtype in member.dtypes[:-1]}
    if member.axes is not None:
        return member.op in REDUCTIONS and kinds == {"f"}
    if member.op not in EXPRESSIONS or member.dtypes[-1] != member.target.dtype:
        return False
    if member.op in OF_C and math.prod(member.target.shape) > FEW:
        return False
    if member.op == "cast":  # NumPy says what becomes of NaN as an integer, the processor another thing
        return kinds != {"f"} or member.dtypes[-1].kind == "f"
    expected = {"f"} if member.op in _REAL else {"b"} if member.op in _TRUTH else kinds
    return kinds == expected and not ("b" in kinds and member.op in _NUMBERS)


def _is_found_by_strides(value: Value, types: Mapping[np.dtype, str]) -> bool:
    """Whether the elements of a value lie a whole number of elements apart, forwards."""
    if not value.is_array:
        return value.dtype in types or value.dtype in (float, int, bool)
    return value.dtype in types and all(s >= 0 and s % value.dtype.itemsize == 0 for s in value.strides)


def expression(member: Member, operands: list[str], types: Mapping[np.dtype, str] = TYPES) -> str:
    """What a member computes, in the type of its result."""
    kind = types[member.dtypes[0]]
    text = EXPRESSIONS[member.op].format(*operands, type=kind, one=f"{kind}(1)", infinity=f"{kind}(math.inf)")
    return f"{types[member.dtypes[-1]]}({text})"


def number(x: Any, dtype: np.dtype) -> str:
    """A Python or NumPy number in a type of the kernel."""
    plain = x.item() if isinstance(x, np.generic) else x
    if isinstance(plain, float) and not math.isfinite(plain):
        return f"{TYPES[dtype]}({'math.nan' if math.isnan(plain) else 'math.inf' if plain > 0 else '-math.inf'})"
    return f"{TYPES[dtype]}({plain!r})"


def u(count: int) -> str:
    """A count, unsigned."""
    return f"np.uint64({count})"


def kernel_text(parameters: str, sizes: str, body: list[str]) -> str:
    """The text of a kernel; ``sizes`` are those of its parameters that count."""
    lines = [*[f"{name} = np.uint64({name})" for name in sizes.split(", ")], *body]
    return "\n".join([f"def kernel(first, last, rows, step, {parameters}):", *[f"    {x}" for x in lines], ""])


def dtype_name(dtype: np.dtype) -> str:
    """The dtype as it is written where an array is made."""
    return f"np.{'bool_' if dtype.kind == 'b' else dtype.name}"
