"""Calls that do the same to each element, where they are in no group: other types, single numbers, other shapes."""

from __future__ import annotations

import math
import operator
from typing import Any

import numpy as np

from minigrad.compiler.backends.kernel_expressions import EXPRESSIONS, OF_C
from minigrad.compiler.c.form import Form, RefusedError, options_of
from minigrad.compiler.c.kinds import dtype_of, has_kind, kind_of
from minigrad.compiler.c.places import Place
from minigrad.compiler.c.sketch import Sketch, Walk
from minigrad.compiler.passes.elementwise import loop_dtypes, member_of
from minigrad.compiler.passes.lowering import IN_PLACE, OPERATORS
from minigrad.compiler.program import Call, Value
from minigrad.compiler.tracing.recorded_array import number_of
from minigrad.kernels.normal import error_function

#: What kernels of the backend "native" do not have, beside what they have.
_MORE: dict[str, str] = {
    **OF_C,
    "fmod": "c_fmod({0}, {1})",
    "fmax": "c_fmax({0}, {1})",
    "fmin": "c_fmin({0}, {1})",
    "nextafter": "c_nextafter({0}, {1})",
    "float_power": "c_pow({0}, {1})",
    "trunc": "c_trunc({0})",
    "clip": "minimum(maximum({0}, {1}), {2})",
    "floor_divide": "divide_floor({0}, {1})",
    "remainder": "fmod_floor({0}, {1})",
    "isinf": "abs({0}) == {infinity}",
    "signbit": "math.copysign({one}, {0}) < 0",
    "logical_and": "b1({0}) and b1({1})",
    "logical_or": "b1({0}) or b1({1})",
    "logical_xor": "b1({0}) != b1({1})",
    "logical_not": "not b1({0})",
    "logaddexp": (
        "{0} + {type}(0.6931471805599453) if {0} == {1} else "
        "maximum({0}, {1}) + {type}_log1p({type}_exp(-abs({0} - {1})))"
    ),
    "heaviside": "{0} if {0} != {0} else ({type}({0} > 0) if {0} != 0 else {1})",
    "rad2deg": "{0} * {type}(57.29577951308232)",
    "deg2rad": "{0} * {type}(0.017453292519943295)",
    "conjugate": "{0}",
    "erf": "c_erf({0})",
    "erfc": "c_erfc({0})",
}
_OF_INTEGERS: dict[str, str] = {
    "power": "whole_power({0}, {1})",
    "sign": "{type}({0} > 0) - {type}({0} < 0)",
    "invert": "~{0}",
    "left_shift": "{0} << {1}",
    "right_shift": "{0} >> {1}",
    **dict.fromkeys(("rint", "floor", "ceil", "trunc", "conjugate"), "{0}"),
    "isnan": "{0} != {0}",
    "isfinite": "{0} == {0}",
    "isinf": "{0} != {0}",
}
_OF_BOOLS: dict[str, str] = {
    **dict.fromkeys(("add", "maximum", "bitwise_or", "fmax"), "{0} or {1}"),
    **dict.fromkeys(("multiply", "minimum", "bitwise_and", "fmin"), "{0} and {1}"),
    **dict.fromkeys(("absolute", "positive"), "{0}"),
    "bitwise_xor": "{0} != {1}",
    "invert": "not {0}",
}
_REAL_ALONE = frozenset(
    "sqrt exp expm1 log log1p tanh copysign divide reciprocal fabs fmod signbit logaddexp heaviside".split()
)


def expression(name: str, dtype: np.dtype, operands: list[str]) -> str:
    """A ufunc, in numbers of a dtype, as text."""
    kind, family = kind_of(dtype).name, dtype.kind
    rows = [_MORE, EXPRESSIONS]
    if family == "b":
        rows = [_OF_BOOLS, *rows]
    elif family in "iu":
        rows = [_OF_INTEGERS, *rows]
    row = next((row[name] for row in rows if name in row), None)
    if row is None or (family != "f" and (name in _REAL_ALONE or (rows[0].get(name) is None and name in OF_C))):
        raise RefusedError(f"{name} of {dtype}")
    return row.format(*operands, type=kind, one=f"{kind}(1)", infinity=f"{kind}(math.inf)")


def spelled(x: Any, dtype: np.dtype) -> str:
    """A number in a dtype, as text."""
    plain = x.item() if isinstance(x, (np.generic, np.ndarray)) else x
    kind = kind_of(dtype).name
    if isinstance(plain, float) and not math.isfinite(plain):
        return f"{kind}({'math.nan' if math.isnan(plain) else 'math.inf' if plain > 0 else '-math.inf'})"
    if dtype.kind in "iu" and not np.iinfo(dtype).min <= plain <= np.iinfo(dtype).max:
        raise RefusedError(f"{plain} as {dtype}")
    return f"{kind}({plain!r})"


def assigned(form: Form, text: Any, operands: list[Any], dtypes: list[np.dtype], target: Place) -> None:
    """target = text(operands), each cast to its dtype, for all elements; operands are places and numbers.

    Where the target lies in the memory of an operand, at other places, the result is made beside it first.
    """
    if not target.size:
        return
    places = [x.spread(target.shape) if isinstance(x, Place) else None for x in operands]
    own = target.start, target.shape, target.strides
    near = [x for x in places if x is not None and x.block is target.block]
    clash = [x for x in near if (x.start, x.shape, x.strides) != own]
    if any(_may_meet(x, target) for x in clash):
        beside = form.beside(target)
        assigned(form, text, operands, dtypes, beside)
        assigned(form, lambda x: x, [beside], [dtype_at(beside)], target)
        return
    sketch = Sketch()
    arrays = [x for x in places if x is not None]
    walk = Walk(target.shape, [*arrays, target], [target])
    with sketch.loops(walk.sizes) as names:
        texts, number = [], 0
        for raw, x, dtype in zip(operands, places, dtypes, strict=True):
            if x is None:
                texts.append(spelled(raw, dtype))
                continue
            element = f"{sketch.array(x)}[{walk.at(number, names)}]"
            number += 1
            texts.append(element if x.kind is kind_of(dtype) else f"{kind_of(dtype).name}({element})")
        line = text(*texts)
        place = f"{sketch.array(target, 'z')}[{walk.at(len(arrays), names)}]"
        sketch.put(f"{place} = {target.kind.name}({line})")
    form.emit(sketch)


def dtype_at(place: Place) -> np.dtype:
    """The dtype of a place's elements."""
    kind = place.kind
    name = {"f": "float", "i": "int", "u": "uint", "b": "bool"}[kind.family]
    return np.dtype(name if kind.family == "b" else f"{name}{kind.bits}")


def _may_meet(one: Place, other: Place) -> bool:
    if not one.size or not other.size:
        return False
    (a, b), (c, d) = (_ends(x) for x in (one, other))
    return a < d and c < b


def _ends(x: Place) -> tuple[int, int]:
    ends = [(n - 1) * s for n, s in zip(x.shape, x.strides, strict=True)]
    return x.start + sum(e for e in ends if e < 0), x.start + sum(e for e in ends if e > 0) + 1


def copied(form: Form, source: Any, target: Place) -> None:
    """target = source, in the target's type."""
    dtype = dtype_at(target)
    if isinstance(source, Place) and source.kind is not target.kind:
        assigned(form, lambda x: x, [source], [dtype_at(source)], target)
    else:
        assigned(form, lambda x: x, [source], [dtype], target)


# -- calls ----------------------------------------------------------------------------------------


def elementwise(call: Call, form: Form) -> bool:
    """A ufunc, ``where``, a cast; whether the call was one."""
    target = call.results[0] if len(call.results) == 1 else call.writes[0] if len(call.writes) == 1 else None
    if target is None:
        return False
    function, args = call.function, call.args
    member = member_of(call)
    if member is not None and member.axes is None:
        name, operands, dtypes = member.op, list(member.operands), list(member.dtypes[:-1])
    elif function is number_of or function in (float, int, bool):
        name, operands, dtypes = "cast", [args[0]], [dtype_of(target.dtype)]
    elif function is np.clip or function == ".clip":
        options = options_of(call, "a_min", "a_max")
        low, high = options.pop("a_min", options.pop("min", None)), options.pop("a_max", options.pop("max", None))
        if options:
            raise RefusedError(f"clip with {', '.join(options)}")
        bounds = [x for x in (low, high) if x is not None]
        name = "clip" if len(bounds) == 2 else "positive" if not bounds else "maximum" if high is None else "minimum"
        operands, dtypes = [args[0], *bounds], [dtype_of(target.dtype)] * (1 + len(bounds))
    elif function is error_function:
        complement = args[1] if len(args) > 1 else call.kwargs["complement"]
        name, operands, dtypes = "erfc" if complement else "erf", [args[0]], [args[0].dtype]
    else:
        ufunc = (
            OPERATORS.get(function) or IN_PLACE.get(function) or (np.power if function is operator.pow else function)
        )
        power = function is operator.pow and not isinstance(args[1], Value) and args[1] in (2, 0.5, 1, -1)
        if power and isinstance(args[0], Value) and dtype_of(args[0].dtype).kind == "f":
            ufunc, args = {2: np.square, 0.5: np.sqrt, 1: np.positive, -1: np.reciprocal}[args[1]], args[:1]
        if not isinstance(ufunc, np.ufunc) or ufunc.signature is not None or ufunc.nout != 1:
            return _of_python(call, form, target)
        if set(call.kwargs) - {"out", "dtype"} or call.kwargs.get("dtype") not in (None, target.dtype):
            raise RefusedError(f"{ufunc.__name__} with {', '.join(call.kwargs)}")
        operands = list(args[: ufunc.nin])
        *dtypes, result = loop_dtypes(ufunc, tuple(map(_plain, operands)))
        name = ufunc.__name__
        if call.kwargs.get("dtype") is not None and result != np.dtype(call.kwargs["dtype"]):
            raise RefusedError(f"{name} with a dtype")
        if isinstance(target.dtype, type) and not issubclass(target.dtype, np.generic):
            dtypes = [dtype_of(target.dtype)] * len(operands) if name in ("add", "subtract", "multiply") else dtypes
    operands = [form.operand(x) for x in operands]
    if not all(has_kind(dtype) for dtype in dtypes):
        raise RefusedError(f"{name} of {', '.join(map(str, dtypes))}")
    main = dtypes[-1] if name == "where" else dtypes[0]

    def text(*given: str) -> str:
        return expression(name, main, [f"({x})" if " " in x else x for x in given])

    assigned(form, text, operands, dtypes, form.target(target))
    return True


#: Functions of ``math``, and of numbers, that are ufuncs here.
_MATH = frozenset(
    "sqrt exp log log2 log10 log1p expm1 tanh sin cos tan floor ceil fabs pow isfinite isnan isinf hypot copysign "
    "trunc fmod atan2 sinh cosh".split()
)
_NUMBERS = {
    "abs": "absolute",
    "max": "maximum",
    "min": "minimum",
    "and_": "logical_and",
    "or_": "logical_or",
    "not_": "logical_not",
    "truth": "positive",
    "atan2": "arctan2",
    "pow": "power",
}


def _of_python(call: Call, form: Form, target: Value) -> bool:
    """Functions of ``math`` and of numbers, on numbers of Python."""
    name = getattr(call.function, "__name__", "")
    if isinstance(call.function, str) or target.is_array or not isinstance(target.dtype, type) or call.kwargs:
        return False
    if getattr(call.function, "__module__", "") not in ("math", "builtins", "_operator"):
        return False
    if name not in _MATH and name not in _NUMBERS:
        raise RefusedError(f"{name} of numbers of Python")
    of_math = name in _MATH and call.function.__module__ == "math"
    operands = [form.operand(x) for x in call.args]
    kinds = [dtype_of(x.dtype if isinstance(x, Value) else type(x)) for x in call.args]
    main = np.dtype(np.float64) if of_math else np.result_type(*kinds)
    row = _NUMBERS.get(name, name)
    assigned(
        form, lambda *given: expression(row, main, list(given)), operands, [main] * len(operands), form.target(target)
    )
    return True


def _plain(x: Any) -> Any:
    """An operand as NumPy's rules for types see it."""
    return dtype_of(x.dtype).type(0) if isinstance(x, Value) and not x.is_array and isinstance(x.dtype, np.dtype) else x
