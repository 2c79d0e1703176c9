"""Types of numbers in C: their names, their literals, and the small functions that C itself lacks."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from minigrad.compiler.backends.kernel_kinds import B1, F4, F8, I4, I8, U8, Kind

#: Whole numbers that count loops and places: they never wrap around.
INDEX = Kind("index", "", "x", 64)
I1, I2 = Kind("i1", "", "i", 8), Kind("i2", "", "i", 16)
U1, U2, U4 = Kind("u1", "", "u", 8), Kind("u2", "", "u", 16), Kind("u4", "", "u", 32)

#: The kinds by NumPy's names.
OF_DTYPE: dict[str, Kind] = {
    "float32": F4,
    "float64": F8,
    "int8": I1,
    "int16": I2,
    "int32": I4,
    "int64": I8,
    "uint8": U1,
    "uint16": U2,
    "uint32": U4,
    "uint64": U8,
    "bool": B1,
}

#: The kinds by all names that they have in the text of a kernel.
NAMED: dict[str, Kind] = {**OF_DTYPE, "bool_": B1, **{kind.name: kind for kind in (*OF_DTYPE.values(), INDEX)}}

_STORED = {"f4": "float", "f8": "double", "b1": "uint8_t", "index": "ptrdiff_t"}


def stored(kind: Kind) -> str:
    """C's type of a number in memory."""
    return _STORED.get(kind.name) or f"{'u' if kind.family == 'u' else ''}int{kind.bits}_t"


def held(kind: Kind) -> str:
    """C's type of a number in a name."""
    return "bool" if kind is B1 else stored(kind)


def dtype_of(dtype: Any) -> np.dtype:
    """The dtype of a value: numbers of Python have those of C."""
    known: np.dtype = np.dtype({float: np.float64, int: np.int64, bool: np.bool_}.get(dtype, dtype))
    return known


def has_kind(dtype: Any) -> bool:
    """Whether there is a kind for a dtype."""
    if isinstance(dtype, type) and not issubclass(dtype, (bool, int, float, np.generic)):
        return False
    known = dtype_of(dtype)
    return known.name in OF_DTYPE and known.isnative


def kind_of(dtype: Any) -> Kind:
    """The kind of a dtype, or of a type of Python's numbers."""
    return OF_DTYPE[dtype_of(dtype).name]


def literal(x: Any, kind: Kind) -> str:
    """A number as C writes it: the shortest text that is read as the same one."""
    if kind.family == "f":
        real: Any = np.float32(x) if kind is F4 else np.float64(x)
        if math.isnan(real):
            return "NAN" if kind is F4 else "(double)NAN"
        if math.isinf(real):
            return ("-" if real < 0 else "") + ("INFINITY" if kind is F4 else "(double)INFINITY")
        text = str(real)
        return text + ("f" if kind is F4 else "")
    if kind.family == "b":
        return "true" if x else "false"
    number = int(x)
    if kind is INDEX:
        return str(number)
    if kind.family == "u":
        return f"{number}u" if kind.bits < 64 or number < 2**31 else f"UINT64_C({number})"
    if kind.bits < 64:
        return str(number) if number > -(2**31) else "INT32_MIN"
    if number == -(2**63):
        return "INT64_MIN"
    return str(number) if abs(number) < 2**31 else f"INT64_C({number})"


#: Functions in C by name: {t} is the type, {n} the name of the kind, {u} its unsigned twin, {f} the ending in math.h.
HELPERS: dict[str, str] = {
    "least": "static inline {t} least_{n}({t} x, {t} y) {{ return y < x ? y : x; }}",
    "most": "static inline {t} most_{n}({t} x, {t} y) {{ return y > x ? y : x; }}",
    "bits_of": (
        "static inline int{bits}_t bits_of_{n}({t} x) {{ int{bits}_t y; memcpy(&y, &x, sizeof y); return y; }}"
    ),
    "float_of": ("static inline {t} float_of_{n}(int{bits}_t x) {{ {t} y; memcpy(&y, &x, sizeof y); return y; }}"),
    "floor_divide": (
        "static inline {t} floor_divide_{n}({t} x, {t} y)\n{{\n"
        "    {t} rest;\n"
        "    if (y == 0 || (y == -1 && x == {low})) return y ? x : 0;\n"
        "    rest = ({t})(x % y);\n"
        "    return ({t})(x / y - (rest != 0 && (rest < 0) != (y < 0)));\n}}"
    ),
    "remainder": (
        "static inline {t} remainder_{n}({t} x, {t} y)\n{{\n"
        "    {t} rest;\n"
        "    if (y == 0 || y == -1) return 0;\n"
        "    rest = ({t})(x % y);\n"
        "    return ({t})(rest != 0 && (rest < 0) != (y < 0) ? rest + y : rest);\n}}"
    ),
    "floor_divide_unsigned": "static inline {t} floor_divide_{n}({t} x, {t} y) {{ return y ? ({t})(x / y) : ({t})0; }}",
    "remainder_unsigned": "static inline {t} remainder_{n}({t} x, {t} y) {{ return y ? ({t})(x % y) : ({t})0; }}",
    "remainder_real": (
        "static inline {t} remainder_{n}({t} x, {t} y)\n{{\n"
        "    {t} rest = fmod{f}(x, y);\n"
        "    if (rest != 0) return (rest < 0) != (y < 0) ? rest + y : rest;\n"
        "    return copysign{f}(({t})0, y);\n}}"
    ),
    "floor_divide_real": (
        "static inline {t} floor_divide_{n}({t} x, {t} y)\n{{\n"
        "    {t} rest = fmod{f}(x, y), whole, down;\n"
        "    if (y == 0) return x / y;\n"
        "    whole = (x - rest) / y;\n"
        "    if (rest != 0 && (rest < 0) != (y < 0)) whole -= 1;\n"
        "    if (whole == 0) return copysign{f}(({t})0, x / y);\n"
        "    down = floor{f}(whole);\n"
        "    return whole - down > ({t})0.5 ? down + 1 : down;\n}}"
    ),
    "power": (
        "static inline {t} power_{n}({t} x, {t} y)\n{{\n"
        "    {u} made = 1, factor = ({u})x;\n"
        "    for (; y > 0; y = ({t})(y / 2), factor = ({u})(factor * factor)) {{\n"
        "        if (y % 2) made = ({u})(made * factor);\n"
        "    }}\n"
        "    return ({t})made;\n}}"
    ),
    "whole": (  # a float that is no number of the type gives the least of them
        "static inline {to} {m}_of_{n}({t} x)\n{{\n"
        "    return x >= ({t}){low} && x < ({t}){end} ? ({to})x : ({to}){low};\n}}"
    ),
}


def helper(name: str, kind: Kind, into: Kind | None = None) -> tuple[str, str]:
    """(name, text) of one of the functions, for a kind."""
    c = stored(kind)
    suffix = "f" if kind is F4 else ""
    low, end = "0", "0"
    target = into or kind
    if target.family in "ixu":
        signed = target.family != "u"
        low = (f"INT{target.bits}_MIN" if signed else "0") if target is not INDEX else "PTRDIFF_MIN"
        end = repr(2.0 ** (target.bits - signed))
    row = name
    if name in ("floor_divide", "remainder") and kind.family in "uf":
        row = f"{name}_{'unsigned' if kind.family == 'u' else 'real'}"
    unsigned = f"uint{max(kind.bits, 32)}_t"
    text = HELPERS[row].format(
        t=c,
        n=kind.name,
        u=unsigned,
        f=suffix,
        bits=kind.bits,
        low=low,
        end=end,
        m=target.name,
        to=stored(target),
    )
    called = f"{target.name}_of_{kind.name}" if name == "whole" else f"{name}_{kind.name}"
    return called, text
