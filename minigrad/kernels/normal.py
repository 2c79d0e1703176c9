"""The normal distribution and the error function, of NumPy alone: rational approximations, block by block.

Each function takes an array of float32 or float64 and gives a new one; none knows of tensors. All go back to one
smooth function, the ratio of Mills,

    M(a) = exp(a² / 2) P(X > a) = N(a) / D(a)        for a >= 0 and X standard normal,

which falls from 1/2 like 1 / (a sqrt(2 pi)). The coefficients below are minimax in the relative error (calculated with
Remez' algorithm in 50 digits): 6e-9 for float32, 1e-18 for float64. All are positive, so Horner's rule loses no digits.

A block's worth of numbers stays in the cache of a core while the two dozen steps run over it in place.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from minigrad.core.stands import numpy_function

BLOCK_BYTES = 1 << 18


def mills_coefficients(dtype: Any) -> tuple[Any, Any, float]:
    """N and D, from the highest power down, and an ``a`` beyond which exp(-a² / 2) is 0 in this dtype."""
    if dtype == np.float32:
        return (
            (0.00411632435003682, 0.0406333296669454, 0.183235445234288, 0.438295366872791, 0.500000002954465),
            (0.0103179752624937, 0.101859099970771, 0.469471441290827, 1.20250442052215, 1.67447571503979, 1.0),
            14.5,
        )
    return (
        (
            2.2363305629790704175e-7,
            6.9614129339797917087e-6,
            0.0001063834024076050374,
            0.0010381518571344372388,
            0.0071139078967897741535,
            0.035630902784727535412,
            0.13193730384871482917,
            0.3571219839102934309,
            0.67931901623974240582,
            0.82773813871531071051,
            0.50000000000000000045,
        ),
        (
            5.6056494205834770197e-7,
            0.0000174496744917263551,
            0.0002672242093651690801,
            0.0026197104731539510743,
            0.018097465182568969215,
            0.091880790116880526931,
            0.34802197002681781145,
            0.97945560802168727603,
            2.000477116776843112,
            2.8161367673843524215,
            2.453360838233486985,
            1.0,
        ),
        38.7,
    )


def polynomial(x: Any, coefficients: Any) -> Any:
    """Horner's rule, in one new array; the coefficients from the highest power down."""
    z = x * coefficients[0]
    for coefficient in coefficients[1:-1]:
        z += coefficient
        z *= x
    z += coefficients[-1]
    return z


def mills_ratio(a: Any) -> Any:
    """exp(a² / 2) P(X > a) for 0 <= a <= the far end of its dtype."""
    numerator, denominator, _ = mills_coefficients(a.dtype)
    z = polynomial(a, numerator)
    z /= polynomial(a, denominator)
    return z


def bell(a: Any, width: float) -> Any:
    """exp(-width a²), to the last digits also where a² is large: the rounding of a² would be multiplied by a².

    a is split into a head whose square is exact and a rest, which give what the rounded square is off by
    (Veltkamp, 1968; Dekker, 1971).
    """
    integer, mask = (np.int32, -1 << 12) if a.dtype == np.float32 else (np.int64, -1 << 27)
    head = (a.view(integer) & mask).view(a.dtype)
    square = a * a
    off = head * head
    off -= square
    rest = a - head
    head += a
    rest *= head
    off += rest
    square *= -width
    np.exp(square, out=square)
    off *= width
    off *= square
    square -= off
    return square


@numpy_function
def normal_cdf(x: Any) -> Any:
    """P(X <= x) for X standard normal, within 10 units in the last place, in both tails."""
    z = np.empty(x.shape, x.dtype)
    source, target = x.reshape(-1), z.reshape(-1)
    far, step = mills_coefficients(x.dtype)[2], BLOCK_BYTES // x.dtype.itemsize
    for start in range(0, source.size, step):
        part = source[start : start + step]
        a = np.abs(part)
        np.clip(a, 0, far, out=a)
        tail = bell(a, 0.5)
        tail *= mills_ratio(a)
        right = np.greater(part, 0, out=a)  # 1 or 0, over what is needed no more
        sign = right * -2
        sign += 1
        tail *= sign
        np.add(right, tail, out=target[start : start + step])
    return z


@numpy_function
def error_function(x: Any, complement: bool) -> Any:
    """2 / sqrt(pi) times the integral of exp(-t²) from 0 to x, or 1 less that: within 10 units in the last place.

    Within 1/2 of 0 it is x P(x²) / Q(x²) with the coefficients of W. J. Cody, Rational Chebyshev approximations for the
    error function, Math. Comp. 23 (1969).
    """
    p = (0.185777706184603153, 3.16112374387056560, 113.864154151050156, 377.485237685302021, 3209.37758913846947)
    q = (1.0, 23.6012909523441209, 244.024637934444173, 1282.61652607737228, 2844.23683343917062)
    z = np.empty(x.shape, x.dtype)
    source, target = x.reshape(-1), z.reshape(-1)
    far, step = mills_coefficients(x.dtype)[2] / 2**0.5, BLOCK_BYTES // x.dtype.itemsize
    for start in range(0, source.size, step):
        part = source[start : start + step]
        a = np.abs(part)
        np.clip(a, 0, far, out=a)
        tail = bell(a, 1.0)
        tail *= mills_ratio(a * 2**0.5)
        tail *= 2  # erfc(|x|)
        near = np.clip(part, -0.5, 0.5)
        square = near * near
        near *= polynomial(square, p)
        near /= polynomial(square, q)
        if complement:
            outer, near = np.where(part < 0, 2 - tail, tail), 1 - near
        else:
            outer = np.copysign(1 - tail, part)
        target[start : start + step] = np.where(a < 0.5, near, outer)
    return z


@numpy_function
def gelu_and_slope(x: Any) -> Any:
    """x P(X <= x) and its derivative P(X <= x) + x p(x), with p the density of X: two arrays in one, (2, *x.shape).

    Both come from one exponential. The error of the first is within (8 + x² / 2) units in the last place, the second
    part from the rounding of x²: nothing that would be seen where the value itself is so small.
    """
    z = np.empty((2, *x.shape), x.dtype)
    source, target = x.reshape(-1), z.reshape(2, -1)
    far, step = mills_coefficients(x.dtype)[2], BLOCK_BYTES // x.dtype.itemsize
    for start in range(0, source.size, step):
        part = source[start : start + step]
        a = np.abs(part)
        np.clip(a, 0, far, out=a)
        tail = mills_ratio(a)
        density = a * a
        density *= -0.5
        np.exp(density, out=density)
        tail *= density
        density *= (2 * np.pi) ** -0.5
        density *= a
        a *= tail
        value = target[0, start : start + step]
        np.clip(part, 0, np.inf, out=value)
        value -= a  # x (1 - tail) on the right, x tail on the left
        tail -= density  # the slope on the left, 1 less this on the right
        right = np.greater(part, 0, out=a)
        np.multiply(right, -2, out=density)
        density += 1
        tail *= density
        np.add(right, tail, out=target[1, start : start + step])
    return z
