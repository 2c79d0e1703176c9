"""Digital filters along an axis, with the arguments of ``scipy.signal``."""

from __future__ import annotations

import math
from typing import Any, Literal

import numpy as np

from minigrad.core.checks import divisor, whole
from minigrad.core.conversion import detached
from minigrad.core.failures import named
from minigrad.core.members import anywhere
from minigrad.errors import ShapeError
from minigrad.ops.along import together
from minigrad.ops.recursive_filters import recursive

__all__ = ["detrend", "hilbert", "lfilter", "savgol_coeffs", "savgol_filter", "sosfilt"]


def _last(x: Any, axis: int) -> Any:
    return np.moveaxis(x, axis, -1)


def _moving_sums(x: Any, taps: Any) -> Any:
    """The sums of ``taps`` times as many elements in a row, at each place in the last axis where they fit."""
    n, k = x.shape[-1], taps.shape[-1]
    return x[..., np.arange(n - k + 1)[:, None] + np.arange(k)] @ taps


@named
def lfilter(b: Any, a: Any, x: Any, axis: int = -1, zi: Any = None) -> Any:
    """``a[0] y[n] = b[0] x[n] + b[1] x[n-1] + ... - a[1] y[n-1] - ...`` along ``axis``.

    With the state ``zi`` of a filter, of ``max(len(a), len(b)) - 1`` elements, the results are y and the state at the
    end. Gradients go to b, a, x and zi. A filter with more than one a needs SciPy. Raises ``ShapeError``.

    >>> mg.signal.lfilter([1.0], [1.0, -0.5], mg.tensor([1.0, 0.0, 0.0]))
    tensor([1.  , 0.5 , 0.25])
    """
    b, a, x, *state = together(b, a, x, *([] if zi is None else [zi]))
    b, a = np.atleast_1d(b), np.atleast_1d(a)
    if b.ndim != 1 or a.ndim != 1 or x.ndim < 1 or not b.size or not a.size:
        raise ShapeError(
            f"lfilter takes vectors b and a of an element or more, and x with an axis, got shapes {b.shape}, {a.shape} "
            f"and {x.shape}"
        )
    first = a[:1]
    if anywhere(detached(first) == 0):
        raise ValueError("lfilter takes an a whose first element is not 0")
    b, a = b / first, a / first
    order = max(len(a), len(b)) - 1
    x = _last(x, axis)
    room = np.zeros((*x.shape[:-1], order), x.dtype)
    padded = np.concatenate([room, x], -1)
    driven = _moving_sums(padded[..., order - len(b) + 1 :], b[::-1])
    if zi is None:
        return np.moveaxis(_recursion(driven, a), -1, axis)
    zi = _last(state[0], axis)
    if zi.shape[-1] != order:
        raise ShapeError(
            f"lfilter with {len(b)} b and {len(a)} a takes zi of {order} along the axis, got {zi.shape[-1]}"
        )
    n = x.shape[-1]
    before = np.broadcast_to(zi, (*x.shape[:-1], order))
    rest = np.zeros((*x.shape[:-1], max(n - order, 0)), x.dtype)
    y = _recursion(driven + np.concatenate([before[..., :n], rest], -1), a)
    # The state at the end is what would still come out of a filter without feedback.
    ended = np.concatenate([padded, room], -1)[..., n:]
    behind = np.concatenate([room, y, room], -1)[..., n:]
    end = _moving_sums(ended, _of_length(b, order + 1)[::-1])
    if len(a) > 1:
        back = np.concatenate([np.zeros(1, a.dtype), a[1:]])
        end = end - _moving_sums(behind, _of_length(back, order + 1)[::-1])
    left = np.concatenate([before[..., n:], np.zeros((*x.shape[:-1], min(n, order)), x.dtype)], -1)
    return np.moveaxis(y, -1, axis), np.moveaxis(end + left, -1, axis)


def _of_length(x: Any, n: int) -> Any:
    return np.concatenate([x, np.zeros(n - len(x), x.dtype)])


def _recursion(x: Any, a: Any) -> Any:
    return recursive(x, a[1:]) if len(a) > 1 else x


@named
def sosfilt(sos: Any, x: Any, axis: int = -1) -> Any:
    """A filter in sections of the second order, one after the other: each row of ``sos`` is three b and three a.

    >>> sections = np.array([[1.0, 0.0, 0.0, 1.0, -0.5, 0.0]])
    >>> mg.signal.sosfilt(sections, mg.tensor([1.0, 0.0, 0.0]))
    tensor([1.  , 0.5 , 0.25], dtype=float64)
    """
    sos, x = together(sos, x)
    if sos.ndim != 2 or sos.shape[1] != 6:
        raise ShapeError(f"sosfilt takes sos of shape (sections, 6), got {sos.shape}")
    for number in range(sos.shape[0]):
        x = lfilter(sos[number, :3], sos[number, 3:], x, axis)
    return x


@named
def savgol_coeffs(window_length: int, polyorder: int, deriv: int = 0, delta: float = 1.0) -> np.ndarray:
    """The weights of Savitzky and Golay's filter for the middle of a window, as ``convolve`` takes them: plain numbers.

    Of a polynomial of ``polyorder`` through ``window_length`` samples that are ``delta`` apart, its derivative of order
    ``deriv``. Raises ``ValueError``.

    >>> mg.signal.savgol_coeffs(3, 1).round(4)
    array([0.3333, 0.3333, 0.3333])
    """
    window_length = whole("savgol_coeffs", "window_length", window_length)
    polyorder, deriv = whole("savgol_coeffs", "polyorder", polyorder, 0), whole("savgol_coeffs", "deriv", deriv, 0)
    divisor("savgol_coeffs", "delta", delta)
    if polyorder >= window_length:
        raise ValueError(f"polyorder is less than window_length, got {polyorder} and {window_length}")
    if window_length % 2 == 0:
        raise ValueError(f"window_length is odd, got {window_length}")
    half = window_length // 2
    return _fit_weights(window_length, polyorder, deriv, delta, np.array([half]))[0, ::-1]


def _fit_weights(window: int, order: int, deriv: int, delta: float, at: np.ndarray) -> np.ndarray:
    """Weights of the samples of a window, for the derivative of their polynomial at places in it."""
    middle = (window - 1) / 2
    places = (np.arange(window) - middle) / max(middle, 1)  # between -1 and 1, where powers keep their digits
    fit = np.linalg.pinv(places[:, None] ** np.arange(order + 1))
    powers = np.arange(order + 1)
    factors = np.array([math.perm(int(p), deriv) for p in powers], float)
    t = (at - middle) / max(middle, 1)
    slopes = factors * t[:, None] ** np.maximum(powers - deriv, 0)
    weights: np.ndarray = slopes @ fit / (delta * max(middle, 1)) ** deriv
    return weights


_PADDING: dict[str, Any] = {"mirror": "reflect", "nearest": "edge", "wrap": "wrap", "constant": "constant"}


@named
def savgol_filter(
    x: Any,
    window_length: int,
    polyorder: int,
    deriv: int = 0,
    delta: float = 1.0,
    axis: int = -1,
    mode: Literal["interp", "mirror", "nearest", "wrap", "constant"] = "interp",
    cval: float = 0.0,
) -> Any:
    """x smoothed along ``axis``: in each window of an odd number of samples a polynomial is fitted.

    ``deriv`` gives its derivative of that order, for samples that are ``delta`` apart. At the ends ``mode`` "interp"
    takes the polynomial of the first and last window; the others continue x: "mirror", "nearest", "wrap", or
    "constant" with ``cval``. Raises ``ValueError``.

    >>> mg.signal.savgol_filter(mg.tensor([1.0, 2.0, 6.0, 4.0]), 3, 1)
    tensor([0.5, 3. , 4. , 5. ])
    """
    x = _last(together(x)[0], axis)
    taps = savgol_coeffs(window_length, polyorder, deriv, delta)[::-1].astype(x.dtype)
    half = window_length // 2
    if mode == "interp":
        if window_length > x.shape[-1]:
            raise ValueError(
                f"mode='interp' takes window_length up to the size of x, got {window_length} and {x.shape[-1]}"
            )
        first = _fit_weights(window_length, polyorder, deriv, delta, np.arange(half)).astype(x.dtype)
        last = _fit_weights(window_length, polyorder, deriv, delta, np.arange(half + 1, window_length)).astype(x.dtype)
        parts = [x[..., :window_length] @ first.T, _moving_sums(x, taps), x[..., -window_length:] @ last.T]
        return np.moveaxis(np.concatenate(parts, -1), -1, axis)
    if mode not in _PADDING:
        raise ValueError(f"mode is 'interp', 'mirror', 'nearest', 'wrap' or 'constant', got {mode!r}")
    options: Any = {"constant_values": cval} if mode == "constant" else {}
    padded = np.pad(x, [(0, 0)] * (x.ndim - 1) + [(half, half)], _PADDING[mode], **options)
    return np.moveaxis(_moving_sums(padded, taps), -1, axis)


@named
def detrend(data: Any, axis: int = -1, type: Literal["linear", "constant"] = "linear") -> Any:
    """data without its mean along ``axis``, or without the line that fits best.

    >>> mg.signal.detrend(mg.tensor([1.0, 2.0, 4.0]), type="constant").round(4)
    tensor([-1.3333, -0.3333,  1.6667])
    """
    x = _last(together(data)[0], axis)
    if type not in ("linear", "constant"):
        raise ValueError(f"type is 'linear' or 'constant', got {type!r}")
    rest = x - np.mean(x, -1, keepdims=True)
    if type == "linear":
        n = x.shape[-1]
        t = (np.arange(n) - (n - 1) / 2).astype(x.dtype)
        rest = rest - np.expand_dims(rest @ t, -1) * (t / (t @ t or 1))
    return np.moveaxis(rest, -1, axis)


@named
def hilbert(x: Any, N: int | None = None, axis: int = -1) -> Any:
    """x + i H(x), the analytic signal of real x along ``axis``: its negative frequencies are 0, the others doubled.

    >>> mg.signal.hilbert(mg.tensor([1.0, 0.0, -1.0, 0.0]))
    tensor([ 1.+0.j,  0.+1.j, -1.+0.j,  0.-1.j], dtype=complex64)
    """
    if N is not None:
        whole("hilbert", "N", N)
    (x,) = together(x)
    n = x.shape[axis] if N is None else N
    weights = np.zeros(n, np.float64)
    weights[0] = 1
    weights[1 : (n + 1) // 2] = 2
    if n % 2 == 0:
        weights[n // 2] = 1
    shape = [n if a == axis % x.ndim else 1 for a in range(x.ndim)]
    return np.fft.ifft(np.fft.fft(x, n, axis) * weights.reshape(shape).astype(x.dtype), None, axis)
