"""Elementary functions for Numba's loops, in forms that the compiler can turn into vector instructions.

Numba's own ``exp`` and ``tanh`` call a scalar function for each number, which is many times slower than NumPy's. These
have no branch, no table and no call. They rest on two series whose remainders are below an eighth of the last bit:

    expm1(r) = r + r²/2! + r³/3! + ...                  |r| <= ln(2)/2: 7 terms for float32, 13 for float64
    log(1+f) = f - s (f - 2 s² (1/3 + s²/5 + ...))      s = f / (2+f), |s| <= 0.172: 5 terms and 11

Bounds in units in the last place, held by tests/compiler/backends/test_numba.py over the whole range: exp, expm1, log,
log1p 3; tanh 4. Infinities and NaN are as NumPy has them; a result below the smallest normal number may be off by its
last bit.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from types import SimpleNamespace
from typing import Any

import numpy as np
from llvmlite import ir
from numba import njit, types
from numba.extending import intrinsic

from minigrad.core.codegen import define
from minigrad.kernels.normal import mills_coefficients

_INTEGERS = {types.float32: types.int32, types.float64: types.int64}
_FLOATS = {integer: real for real, integer in _INTEGERS.items()}

#: Products and sums may become one instruction; nothing is reordered, as the reduction of an argument needs its order.
CONTRACT = {"contract"}

#: A call that is left in a loop keeps it from becoming vectors, and a long kernel would leave some.
INLINE: dict[str, Any] = {"fastmath": CONTRACT, "forceinline": True}


@intrinsic
def bits_of(context: Any, x: Any) -> Any:
    """The bits of a float as an integer of the same size."""
    return _INTEGERS[x](x), _cast


@intrinsic
def float_of(context: Any, x: Any) -> Any:
    """The float that has the bits of an integer."""
    return _FLOATS[x](x), _cast


def _cast(context: Any, builder: ir.IRBuilder, signature: Any, args: Any) -> Any:
    return builder.bitcast(args[0], context.get_value_type(signature.return_type))


@njit(fastmath={"reassoc", "contract", "nsz"}, forceinline=True)
def summed(total: Any, x: Any) -> Any:
    """total + x, in any order: a loop of it can go in lanes."""
    return total + x


@njit(fastmath={"reassoc", "nnan", "nsz"}, forceinline=True)
def larger(a: Any, b: Any) -> Any:
    """The larger of two numbers that are not NaN: a loop of it can go in lanes."""
    return a if a > b else b


@njit(fastmath={"reassoc", "nnan", "nsz"}, forceinline=True)
def smaller(a: Any, b: Any) -> Any:
    """The smaller of two numbers that are not NaN."""
    return a if a < b else b


@njit(forceinline=True)
def maximum(a: Any, b: Any) -> Any:
    """NumPy's: NaN where either is."""
    return a if a >= b or a != a else b


@njit(forceinline=True)
def minimum(a: Any, b: Any) -> Any:
    """NumPy's: NaN where either is."""
    return a if a <= b or a != a else b


@njit(forceinline=True)
def sign(x: Any) -> Any:
    """NumPy's: NaN stays."""
    return x if x != x else type(x)(x > 0) - type(x)(x < 0)


def _constants(real: Any, integer: Any) -> SimpleNamespace:
    """The numbers that the functions of one type share."""
    information = np.finfo(real)
    digits, bias = int(information.nmant), 1 - int(information.minexp)
    # ln(2) in two parts: the first has zeros at its end, so that a product with an exponent is exact.
    kept = 12 if real is np.float32 else 33
    high = real(math.floor(math.log(2) * 2**kept) / 2**kept)
    return SimpleNamespace(
        real=real,
        integer=integer,
        digits=digits,
        tiny=real(information.tiny),
        bias_bits=integer(bias),
        shift=integer(digits),
        one_bit=integer(1),
        zero=real(0),
        one=real(1),
        two=real(2),
        infinity=real(math.inf),
        nothing=real(math.nan),
        # Beyond these exp is 0 or infinite.
        lowest=real(math.floor(math.log(float(information.smallest_subnormal))) - 1),
        highest=real(math.ceil(math.log(float(information.max))) + 1),
        # ln(2) = 0.693147180559945309417232...; the double nearest to it is 2.3190468138462996e-17 too small.
        high=high,
        low=real((math.log(2) - float(high)) + 2.3190468138462996e-17),
    )


def _polynomial(coefficients: Sequence[float], real: Any) -> Callable[..., Any]:
    """The polynomial with these coefficients, the highest first, by Horner's rule.

    It is written out, since a loop over a tuple would keep the loop around it from becoming vectors.
    """
    text = "c[0]"
    for k in range(1, len(coefficients)):
        text = f"({text} * x + c[{k}])"
    namespace = {"c": tuple([real(x) for x in coefficients])}
    series: Callable[..., Any] = njit(**INLINE)(
        define(f"def series(x): return {text}\n", "series", namespace)["series"]
    )
    return series


def _exponentials(c: SimpleNamespace, terms: int) -> dict[str, Callable[..., Any]]:
    """exp, expm1 and tanh."""
    real, integer, shift, one_bit, bias_bits = c.real, c.integer, c.shift, c.one_bit, c.bias_bits
    zero, one, two, lowest, highest, high, low = c.zero, c.one, c.two, c.lowest, c.highest, c.high, c.low
    log2_inverse = real(1 / math.log(2))
    tanh_end = real(0.5 * (c.digits + 3) * math.log(2) + 1)
    series_exp = _polynomial([1 / math.factorial(k) for k in range(terms, 1, -1)], real)

    @njit(**INLINE)
    def parts(x: Any) -> Any:
        """x = n ln(2) + r: expm1(r), and 2^n as two factors, since it may be too large or too small for one."""
        n = np.rint(x * log2_inverse)
        r = (x - n * high) - n * low
        grown = r * r * series_exp(r) + r
        k = integer(n)
        first = integer(k >> one_bit)
        rest = integer(k - first)
        return grown, float_of(integer((first + bias_bits) << shift)), float_of(integer((rest + bias_bits) << shift))

    @njit(**INLINE)
    def exp(x: Any) -> Any:
        # Of what gives 0, and of NaN, exp(0) is taken and thrown away: products that underflow are slow.
        gives_zero = x < lowest
        grown, first, rest = parts(min(x, highest) if x >= lowest else zero)
        value = (grown + one) * first * rest
        return (zero if gives_zero else value) if x == x else x

    @njit(**INLINE)
    def expm1(x: Any) -> Any:
        inside = min(max(x, lowest), highest)
        grown, first, rest = parts(inside)
        # first * rest may be infinite where the result is not: half of it is subtracted from half.
        raised = (grown * first + (first - one / rest)) * rest
        return x if x == zero or x != x else raised

    @njit(**INLINE)
    def tanh(x: Any) -> Any:
        size = min(abs(x), tanh_end)
        grown, first, rest = parts(size + size)
        raised = grown * (first * rest) + (first * rest - one)
        value = raised / (raised + two)
        return math.copysign(value, x) if x == x else x

    return {"exp": exp, "expm1": expm1, "tanh": tanh}


def _logarithms(c: SimpleNamespace, terms: int) -> dict[str, Callable[..., Any]]:
    """log and log1p."""
    real, integer, shift = c.real, c.integer, c.shift
    zero, one, two, infinity, nothing, high, low = c.zero, c.one, c.two, c.infinity, c.nothing, c.high, c.low
    # Below the smallest normal number, log scales its argument up.
    smallest, scale, scale_log2 = c.tiny, real(2.0 ** (c.digits + 2)), real(c.digits + 2)
    root_half_bits = integer(np.sqrt(np.float64(0.5)).astype(real).view(integer))
    series_log = _polynomial([2 / (2 * k + 1) for k in range(terms, 0, -1)], real)

    @njit(**INLINE)
    def log(x: Any) -> Any:
        tiny = x < smallest
        normal = x * scale if tiny else x
        pattern = bits_of(normal)
        # The exponent for which the rest lies between sqrt(1/2) and sqrt(2).
        k = integer((pattern - root_half_bits) >> shift)
        rest = float_of(integer(pattern - (k << shift)))
        f = rest - one
        s = f / (two + f)
        z = s * s
        n = real(k) - scale_log2 if tiny else real(k)
        value = n * high + (f - (s * (f - z * series_log(z)) - n * low))
        value = infinity if x == infinity else value
        value = -infinity if x == zero else value
        return value if x >= zero else nothing

    @njit(**INLINE)
    def log1p(x: Any) -> Any:
        u = one + x
        # What u lost of x, to first order.
        lost = (x - (u - one)) / u
        value = log(u) + lost
        return x if u == one or x == infinity else (value if u > zero else log(u))

    return {"log": log, "log1p": log1p}


def _normal(c: SimpleNamespace, exp: Callable[..., Any]) -> dict[str, Callable[..., Any]]:
    """The normal distribution, and gelu with its slope."""
    real, integer, zero, one = c.real, c.integer, c.zero, c.one
    numerator, denominator, far = mills_coefficients(real)
    mills_above, mills_below = _polynomial(numerator, real), _polynomial(denominator, real)
    head_bits, tail_end = integer(-1 << (12 if real is np.float32 else 27)), real(far)
    half, density_scale = real(0.5), real((2 * math.pi) ** -0.5)

    @njit(forceinline=True)  # no contraction: the square that is rounded is the one that is subtracted
    def square_parts(a: Any) -> Any:
        head = float_of(integer(bits_of(a) & head_bits))
        square = a * a
        return square, (head * head - square) + (a - head) * (head + a)

    @njit(**INLINE)
    def normal_cdf(x: Any) -> Any:
        a = min(abs(x), tail_end)
        square, lost = square_parts(a)
        bell = exp(-half * square)
        tail = (bell - bell * (half * lost)) * (mills_above(a) / mills_below(a))
        return x if x != x else (one - tail if x > zero else tail)

    @njit(**INLINE)
    def gelu(x: Any) -> Any:
        a = min(abs(x), tail_end)
        tail = exp(-half * (a * a)) * (mills_above(a) / mills_below(a))
        return x if x != x else max(x, zero) - a * tail

    @njit(**INLINE)
    def gelu_slope(x: Any) -> Any:
        a = min(abs(x), tail_end)
        bell = exp(-half * (a * a))
        left = bell * (mills_above(a) / mills_below(a)) - a * bell * density_scale
        return x if x != x else (one - left if x > zero else left)

    return {"normal_cdf": normal_cdf, "gelu": gelu, "gelu_slope": gelu_slope}


def _elementary(real: Any, integer: Any, terms: int, log_terms: int) -> dict[str, Callable[..., Any]]:
    """The functions for one type."""
    constants = _constants(real, integer)
    exponentials = _exponentials(constants, terms)
    return {**exponentials, **_logarithms(constants, log_terms), **_normal(constants, exponentials["exp"])}


#: What a kernel calls, by the type of its numbers.
ELEMENTARY: dict[Any, dict[str, Callable[..., Any]]] = {
    np.dtype("float32"): _elementary(np.float32, np.int32, 7, 5),
    np.dtype("float64"): _elementary(np.float64, np.int64, 13, 11),
}
