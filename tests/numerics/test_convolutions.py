"""Convolutions and correlations: SciPy's values in every mode, gradients, complex and whole numbers."""

import numpy as np
import pytest
from scipy import signal

import minigrad as mg
from minigrad.errors import ShapeError
from minigrad.testing import check_gradients

RNG = np.random.default_rng(0)
SHAPES = [
    ((7,), (3,)),
    ((3,), (7,)),
    ((4,), (4,)),
    ((5, 6), (3, 2)),
    ((12, 13), (9, 10)),
    ((3, 4, 5), (2, 2, 3)),
    ((), ()),
]


@pytest.mark.parametrize("shapes", SHAPES)
@pytest.mark.parametrize("mode", ["full", "same", "valid"])
def test_values_are_scipys(shapes, mode):
    a, v = (RNG.normal(size=shape) for shape in shapes)
    for one, other in ((a, v), (a + 1j * RNG.normal(size=a.shape), v + 1j * RNG.normal(size=v.shape))):
        np.testing.assert_allclose(
            mg.signal.fftconvolve(one, other, mode), signal.fftconvolve(one, other, mode), atol=1e-12
        )
        for name in ("convolve", "correlate"):
            for method in ("auto", "direct", "fft"):
                got = getattr(mg.signal, name)(one, other, mode, method)
                want = getattr(signal, name)(one, other, mode, method)
                np.testing.assert_allclose(got, want, atol=1e-12)


@pytest.mark.parametrize("shapes", [((7,), (3,)), ((3,), (5,)), ((4, 3), (2, 2))])
@pytest.mark.parametrize("mode", ["full", "same", "valid"])
@pytest.mark.parametrize("name", ["fftconvolve", "convolve", "correlate"])
def test_gradients(name, shapes, mode):
    f = getattr(mg.signal, name)
    check_gradients(lambda a, v: f(a, v, mode), *[RNG.normal(size=shape) for shape in shapes], order=2)


def test_axes_and_dtypes():
    a, v = RNG.normal(size=(2, 5)), RNG.normal(size=(1, 3))
    np.testing.assert_allclose(mg.signal.fftconvolve(a, v, axes=1), signal.fftconvolve(a, v, axes=1), atol=1e-13)
    assert mg.signal.convolve(np.arange(100), np.arange(90)).dtype.kind == "i"
    np.testing.assert_array_equal(mg.signal.convolve([1, 2, 3], [0, 1]), [0, 1, 2, 3])
    t = mg.tensor(np.float32([1, 2, 3]), requires_grad=True)
    z = mg.signal.fftconvolve(t, [0.5, 0.5])
    z.sum().backward()
    assert z.dtype == t.grad.dtype == np.float32
    assert mg.signal.fftconvolve(np.zeros(0), np.ones(2)).shape == signal.fftconvolve(np.zeros(0), np.ones(2)).shape


def test_what_does_not_fit():
    with pytest.raises(ShapeError, match="as many axes"):
        mg.signal.convolve(np.ones(3), np.ones((2, 2)))
    with pytest.raises(ShapeError, match="at least as large"):
        mg.signal.convolve(np.ones((3, 2)), np.ones((2, 3)), "valid")
    with pytest.raises(ValueError, match="mode is"):
        mg.signal.fftconvolve(np.ones(3), np.ones(3), "circular")
    with pytest.raises(ValueError, match="method is"):
        mg.signal.convolve(np.ones(3), np.ones(3), method="loops")


def test_compiled():
    def slope(x):
        return mg.grad(lambda x: (mg.signal.fftconvolve(x, x, "same") ** 2).sum())(x)

    step = mg.compile(slope, backend="numpy")
    for k in range(4):
        np.testing.assert_allclose(step(np.arange(9.0) + k), slope(np.arange(9.0) + k), rtol=1e-9)
    assert step.stats()["replayed"] > 0


@pytest.mark.parametrize("axes", [np.int64(1), np.array([1]), range(1, 2)])
def test_axes_of_numpys_kinds(axes):
    a = np.arange(6.0).reshape(2, 3)
    np.testing.assert_allclose(mg.signal.fftconvolve(a, a, axes=axes), mg.signal.fftconvolve(a, a, axes=1), rtol=1e-12)
