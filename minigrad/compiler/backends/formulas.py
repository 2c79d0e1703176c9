"""Elementary functions for kernels, in forms that the compiler can turn into vector instructions.

They are written in the Python of kernels (``translation.py``), as text: it is translated once for each type of numbers,
with the constants of that type in the place of their names. They have no branch, no table and no call. They rest
on four series whose remainders are below an eighth of the last bit:

    expm1(r) = r + r²/2! + r³/3! + ...                  |r| <= ln(2)/2: 7 terms for float32, 13 for float64
    log(1+f) = f - s (f - 2 s² (1/3 + s²/5 + ...))      s = f / (2+f), |s| <= 0.172: 5 terms and 11
    sin(r) = r - r³/3! + r⁵/5! - ...                    |r| <= pi/4: 4 terms after the first, and 8
    cos(r) = 1 - r²/2! + r⁴/4! - ...                    the same: 5 terms after the first, and 8

Bounds in units in the last place, held by tests/compiler/backends/test_formulas.py over the whole range: exp, expm1,
log, log1p 3; tanh 4; near_sin and near_cos 2, up to 2**29, and NaN beyond (``passes/angles.py``). Infinities and NaN
are as NumPy has them; a result below the smallest normal number may be off by its last bit.
"""

from __future__ import annotations

import ast
import math
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from minigrad.kernels.normal import mills_coefficients

#: Products and sums may become one instruction; nothing is reordered, as the reduction of an argument needs its order.
CONTRACT = "contract"


class Formula(NamedTuple):
    """A function: its text as a tree, what its names stand for, and what the compiler may do with its floats."""

    node: ast.FunctionDef
    names: dict[str, Any]
    flags: str


#: Of any type. ``summed`` may go in any order, so a loop of it can go in lanes; ``larger`` and ``smaller`` are for
#: numbers that are not NaN, and go in lanes too; ``maximum`` and ``minimum`` are NumPy's: NaN where either is.
_GENERAL = """
def summed(total, x):
    return total + x

def larger(a, b):
    return a if a > b else b

def smaller(a, b):
    return a if a < b else b

def maximum(a, b):
    return a if a >= b or a != a else b

def minimum(a, b):
    return a if a <= b or a != a else b
"""

_FLAGS = {
    "summed": "reassoc contract nsz",
    "larger": "reassoc nnan nsz",
    "smaller": "reassoc nnan nsz",
    "square_parts": "",  # the square that is rounded is the one that is subtracted
}

#: For one type of floats, ``real``, and the integers of its size. x = n ln(2) + r: ``parts`` gives expm1(r), and 2^n as
#: two factors, since it may be too large or too small for one.
_ELEMENTARY = """
def sign(x):
    return x if x != x else real(x > zero) - real(x < zero)

def parts(x):
    n = np.rint(x * log2_inverse)
    r = (x - n * high) - n * low
    grown = r * r * series_exp(r) + r
    k = integer(n)
    first = k >> one_bit
    rest = k - first
    return grown, float_of((first + bias_bits) << shift), float_of((rest + bias_bits) << shift)

def exp(x):
    # Of what gives 0, and of NaN, exp(0) is taken and thrown away: products that underflow are slow.
    gives_zero = x < lowest
    grown, first, rest = parts(min(x, highest) if x >= lowest else zero)
    value = (grown + one) * first * rest
    return (zero if gives_zero else value) if x == x else x

def expm1(x):
    inside = min(max(x, lowest), highest)
    grown, first, rest = parts(inside)
    # first * rest may be infinite where the result is not: half of it is subtracted from half.
    raised = (grown * first + (first - one / rest)) * rest
    return x if x == zero or x != x else raised

def tanh(x):
    size = min(abs(x), tanh_end)
    grown, first, rest = parts(size + size)
    raised = grown * (first * rest) + (first * rest - one)
    value = raised / (raised + two)
    return math.copysign(value, x) if x == x else x

def log(x):
    tiny = x < smallest
    normal = x * scale if tiny else x
    pattern = bits_of(normal)
    # The exponent for which the rest lies between sqrt(1/2) and sqrt(2).
    k = (pattern - root_half_bits) >> shift
    rest = float_of(pattern - (k << shift))
    f = rest - one
    s = f / (two + f)
    z = s * s
    n = real(k) - scale_log2 if tiny else real(k)
    value = n * high + (f - (s * (f - z * series_log(z)) - n * low))
    value = infinity if x == infinity else value
    value = -infinity if x == zero else value
    return value if x >= zero else nothing

def log1p(x):
    u = one + x
    # What u lost of x, to first order.
    lost = (x - (u - one)) / u
    value = log(u) + lost
    return x if u == one or x == infinity else (value if u > zero else log(u))

def logaddexp(x, y):
    # Two infinities of one sign have no distance. What is not a number comes through the distance.
    away = abs(x - y)
    value = (x if x > y else y) + log1p(exp(-away))
    return x + log_of_two if x == y else value

def waves(x):
    # x = n pi/2 + r. Each part of pi/2 but the last has 24 bits, so its product with n is exact.
    inside = wide(x if abs(x) <= farthest else zero)
    n = np.rint(inside * quarters)
    far = (inside - n * quarter_1) - n * quarter_2
    r = real(((far - n * quarter_3) - n * quarter_4) - n * quarter_5)
    z = r * r
    halved = half * z
    rest = one - halved
    sine = r + r * (z * series_sin(z))
    return small(n), sine, rest + (((one - rest) - halved) + z * z * series_cos(z))

def near_sin(x):
    n, sine, cosine = waves(x)
    value = cosine if (n & small_1) == small_1 else sine
    value = -value if (n & small_2) == small_2 else value
    return x if x == zero else (value if abs(x) <= farthest else nothing)

def near_cos(x):
    n, sine, cosine = waves(x)
    value = sine if (n & small_1) == small_1 else cosine
    value = -value if ((n + small_1) & small_2) == small_2 else value
    return value if abs(x) <= farthest else nothing

def square_parts(a):
    head = float_of(bits_of(a) & head_bits)
    square = a * a
    return square, (head * head - square) + (a - head) * (head + a)

def normal_cdf(x):
    a = min(abs(x), tail_end)
    square, lost = square_parts(a)
    bell = exp(-half * square)
    tail = (bell - bell * (half * lost)) * (mills_above(a) / mills_below(a))
    return x if x != x else (one - tail if x > zero else tail)

def gelu(x):
    a = min(abs(x), tail_end)
    tail = exp(-half * (a * a)) * (mills_above(a) / mills_below(a))
    return x if x != x else max(x, zero) - a * tail

def gelu_slope(x):
    a = min(abs(x), tail_end)
    bell = exp(-half * (a * a))
    left = bell * (mills_above(a) / mills_below(a)) - a * bell * density_scale
    return x if x != x else (one - left if x > zero else left)
"""


#: Angles up to which the parts of pi/2 suffice.
FARTHEST = 2.0**29

#: The digits of pi to the base 16: 3.243F6A88...
_PI = "3243F6A8885A308D313198A2E03707344A4093822299F31D008"


def _functions(text: str) -> list[ast.FunctionDef]:
    return [node for node in ast.parse(text).body if isinstance(node, ast.FunctionDef)]


def _constants(real: Any, integer: Any) -> dict[str, Any]:
    """The numbers that the functions of one type share."""
    information = np.finfo(real)
    digits, bias = int(information.nmant), 1 - int(information.minexp)
    # ln(2) in two parts: the first has zeros at its end, so that a product with an exponent is exact.
    places = 12 if real is np.float32 else 33
    high = real(math.floor(math.log(2) * 2**places) / 2**places)
    return {
        "real": real,
        "integer": integer,
        "bias_bits": integer(bias),
        "shift": integer(digits),
        "one_bit": integer(1),
        "zero": real(0),
        "half": real(0.5),
        "one": real(1),
        "two": real(2),
        "infinity": real(math.inf),
        "nothing": real(math.nan),
        # Beyond these exp is 0 or infinite.
        "lowest": real(math.floor(math.log(float(information.smallest_subnormal))) - 1),
        "highest": real(math.ceil(math.log(float(information.max))) + 1),
        # ln(2) = 0.693147180559945309417232...; the double nearest to it is 2.3190468138462996e-17 too small.
        "high": high,
        "log_of_two": real(math.log(2)),
        "low": real((math.log(2) - float(high)) + 2.3190468138462996e-17),
        "log2_inverse": real(1 / math.log(2)),
        "tanh_end": real(0.5 * (digits + 3) * math.log(2) + 1),
        # Below the smallest normal number, log scales its argument up.
        "smallest": real(information.tiny),
        "scale": real(2.0 ** (digits + 2)),
        "scale_log2": real(digits + 2),
        "root_half_bits": integer(np.sqrt(np.float64(0.5)).astype(real).view(integer)),
        "head_bits": integer(-1 << (12 if real is np.float32 else 27)),
        "density_scale": real((2 * math.pi) ** -0.5),
        **_quarters(),
        "farthest": real(FARTHEST),
    }


def _quarters() -> dict[str, Any]:
    """What ``waves`` divides by: pi/2 in parts of 24 bits, the last one of 53, and its inverse."""
    names: dict[str, Any] = {"wide": np.float64, "small": np.int32, "small_1": np.int32(1), "small_2": np.int32(2)}
    names["quarters"] = np.float64(2 / math.pi)
    digits, left = 4 * (len(_PI) - 1) + 1, int(_PI, 16)  # pi/2 is ``left`` by 2**digits
    for k in range(1, 5):
        places = digits - (24 * k - 1)
        names[f"quarter_{k}"] = np.float64(math.ldexp(left >> places, places - digits))
        left &= (1 << places) - 1
    names["quarter_5"] = np.float64(math.ldexp(left, -digits))
    return names


def _polynomial(name: str, coefficients: Sequence[float], real: Any) -> Formula:
    """The polynomial with these coefficients, the highest first, by Horner's rule."""
    text = "c0"
    for k in range(1, len(coefficients)):
        text = f"({text} * x + c{k})"
    (node,) = _functions(f"def {name}(x): return {text}")
    return Formula(node, {f"c{k}": real(x) for k, x in enumerate(coefficients)}, CONTRACT)


def _elementary(real: Any, integer: Any, terms: int, log_terms: int, angle_terms: int) -> dict[str, Formula]:
    """The functions for one type, with what they share."""
    numerator, denominator, far = mills_coefficients(real)
    series = {
        "series_exp": [1 / math.factorial(k) for k in range(terms, 1, -1)],
        "series_log": [2 / (2 * k + 1) for k in range(log_terms, 0, -1)],
        "series_sin": [(-1) ** k / math.factorial(2 * k + 1) for k in range(angle_terms, 0, -1)],
        "series_cos": [(-1) ** k / math.factorial(2 * k) for k in range(max(angle_terms, 5), 1, -1)],
        "mills_above": numerator,
        "mills_below": denominator,
    }
    names: dict[str, Any] = {name: _polynomial(name, numbers, real) for name, numbers in series.items()}
    names |= {**_constants(real, integer), "tail_end": real(far)}
    formulas = {node.name: Formula(node, names, _FLAGS.get(node.name, CONTRACT)) for node in _functions(_ELEMENTARY)}
    names |= formulas
    return formulas


#: The functions by the type of their numbers.
ELEMENTARY: dict[Any, dict[str, Formula]] = {
    np.dtype("float32"): _elementary(np.float32, np.int32, 7, 5, 4),
    np.dtype("float64"): _elementary(np.float64, np.int64, 13, 11, 8),
}

#: What a kernel calls, by its name there.
FUNCTIONS: dict[str, Formula] = {
    **{node.name: Formula(node, {}, _FLAGS.get(node.name, "")) for node in _functions(_GENERAL)},
    **{f"f{dtype.itemsize}_{name}": x for dtype, functions in ELEMENTARY.items() for name, x in functions.items()},
}
