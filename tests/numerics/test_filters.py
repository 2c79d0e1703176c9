"""Filters along an axis: SciPy's values, states, gradients in coefficients too, errors."""

import numpy as np
import pytest
from scipy import signal

import minigrad as mg
from minigrad.errors import ShapeError
from minigrad.testing import check_gradients

RNG = np.random.default_rng(0)
X = RNG.normal(size=(2, 9))
COEFFICIENTS = [
    ([1.0], [1.0, 0.5]),
    ([0.2, 0.3, 0.1], [2.0, -0.5, 0.1]),
    ([0.2, 0.3, 0.1], [1.0]),
    ([0.2], [3.0, 0.2, 0.1, 0.05]),
    ([1.0, 2.0, 3.0, 4.0], [1.0, 0.3]),
    ([2.0], [4.0]),
]


@pytest.mark.parametrize(("b", "a"), COEFFICIENTS)
def test_filters_are_scipys(b, a):
    for axis in (0, 1):
        np.testing.assert_allclose(
            mg.signal.lfilter(b, a, X, axis), signal.lfilter(b, a, X, axis), rtol=1e-11, atol=1e-12
        )
    z = X * (1 + 0.3j)
    np.testing.assert_allclose(mg.signal.lfilter(b, a, z), signal.lfilter(b, a, z), rtol=1e-11, atol=1e-12)
    check_gradients(mg.signal.lfilter, b, a, X, order=2)
    order = max(len(a), len(b)) - 1
    if order:
        for n in (9, 2, 1):  # longer and shorter than the state
            state = RNG.normal(size=(2, order))
            got, want = (f.lfilter(b, a, X[:, :n], zi=state) for f in (mg.signal, signal))
            for one, other in zip(got, want, strict=True):
                np.testing.assert_allclose(one, other, rtol=1e-11, atol=1e-12)
        check_gradients(lambda b, a, x, zi: mg.signal.lfilter(b, a, x, zi=zi), b, a, X, state, order=2)


def test_sections():
    sos = signal.butter(4, 0.3, output="sos")
    np.testing.assert_allclose(mg.signal.sosfilt(sos, X), signal.sosfilt(sos, X), rtol=1e-10, atol=1e-12)
    check_gradients(mg.signal.sosfilt, sos, X)
    with pytest.raises(ShapeError, match=r"\(sections, 6\)"):
        mg.signal.sosfilt(np.ones((2, 5)), X)


@pytest.mark.parametrize(
    ("window", "order", "deriv"), [(5, 2, 0), (7, 3, 1), (9, 4, 2), (3, 1, 0), (1, 0, 0), (5, 2, 3)]
)
def test_smoothing_is_scipys(window, order, deriv):
    x = RNG.normal(size=(2, 12))
    np.testing.assert_allclose(
        mg.signal.savgol_coeffs(window, order, deriv, 0.5), signal.savgol_coeffs(window, order, deriv, 0.5), atol=1e-11
    )
    for mode in ("interp", "mirror", "nearest", "wrap", "constant"):
        for axis in (0, 1) if window <= 1 else (1,):
            options = {"axis": axis, "mode": mode, "cval": 2.0}
            got = mg.signal.savgol_filter(x, window, order, deriv, 0.5, **options)
            np.testing.assert_allclose(got, signal.savgol_filter(x, window, order, deriv, 0.5, **options), atol=1e-9)
        check_gradients(lambda x, mode=mode: mg.signal.savgol_filter(x, window, order, deriv, mode=mode), x)


def test_other_filters_are_scipys():
    for axis in (0, 1):
        for kind in ("linear", "constant"):
            np.testing.assert_allclose(mg.signal.detrend(X, axis, kind), signal.detrend(X, axis, kind), atol=1e-12)
        np.testing.assert_allclose(mg.signal.hilbert(X, axis=axis), signal.hilbert(X, axis=axis), atol=1e-12)
    np.testing.assert_allclose(mg.signal.hilbert(X, 16), signal.hilbert(X, 16), atol=1e-12)
    check_gradients(mg.signal.detrend, X, order=2)
    check_gradients(lambda x: np.abs(mg.signal.hilbert(x)), X, order=2)


def test_what_does_not_fit():
    with pytest.raises(ValueError, match="first element is not 0"):
        mg.signal.lfilter([1.0], [0.0, 1.0], X)
    with pytest.raises(ShapeError, match="takes zi of 1"):
        mg.signal.lfilter([1.0], [1.0, 1.0], X, zi=np.ones((2, 3)))
    with pytest.raises(ShapeError, match="takes vectors b and a"):
        mg.signal.lfilter(np.ones((2, 2)), [1.0], X)
    for arguments, text in (((5, 5), "less than window_length"), ((4, 2), "odd"), ((11, 2), "up to the size of x")):
        with pytest.raises(ValueError, match=text):
            mg.signal.savgol_filter(X, *arguments)
    with pytest.raises(ValueError, match="mode is"):
        mg.signal.savgol_filter(X, 3, 1, mode="edge")
    with pytest.raises(ValueError, match="type is"):
        mg.signal.detrend(X, type="parabola")


def test_compiled_and_dtypes():
    def slope(x):
        return mg.grad(lambda x: (mg.signal.lfilter([0.5, 0.5], [1.0, -0.3], x) ** 2).sum())(x)

    step = mg.compile(slope, backend="numpy")
    for k in range(4):
        np.testing.assert_allclose(step(X + k), slope(X + k), rtol=1e-12)
    assert step.stats()["replayed"] > 0
    t = mg.tensor(X.astype("f4"), requires_grad=True)
    z = mg.signal.lfilter([0.5, 0.5], [1.0, -0.3], t)
    z.sum().backward()
    assert z.dtype == t.grad.dtype == np.float32


@pytest.mark.parametrize("dtype", ["f4", "f8"])
def test_one_sample_has_no_line(dtype):
    z = mg.signal.detrend(np.ones(1, dtype))
    assert z.dtype == dtype
    np.testing.assert_array_equal(z, [0.0])


def test_coefficients_may_differ_from_member_to_member():
    b, a = np.array([[0.1, 0.2, 0.1], [0.2, 0.1, 0.1]]), np.array([[1.0, -0.8, 0.3], [1.1, -0.7, 0.2]])
    x = np.sin(np.arange(12.0))

    def loss(b, a):
        return mg.sum(mg.signal.lfilter(b, a, x, zi=a[1:])[0] ** 2)

    pulled = mg.vmap(mg.grad(loss, argnums=(0, 1)))(b, a)
    alone = [mg.grad(loss, argnums=(0, 1))(*member) for member in zip(b, a, strict=True)]
    for found, wanted in zip(pulled, zip(*alone, strict=True), strict=True):
        np.testing.assert_allclose(found, wanted)
    a[1, 0] = 0.0
    with pytest.raises(ValueError, match="whose first element is not 0"):
        mg.vmap(loss)(b, a)
