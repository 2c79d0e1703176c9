"""Scans against loops along the axis."""

import numpy as np
import pytest

import minigrad as mg
from minigrad.errors import DTypeError
from minigrad.kernels import scans
from minigrad.kernels.scans import linear_recurrence, run_cumsum

RNG = np.random.default_rng(0)


@pytest.mark.parametrize("count", [1, 2, 3, 7, 8, 33])
@pytest.mark.parametrize("axis", [0, -1])
def test_a_linear_recurrence(count, axis):
    shape = (count, 3) if axis == 0 else (3, count)
    x, w = RNG.normal(size=shape), RNG.normal(size=shape) / 2
    got = np.moveaxis(linear_recurrence(x, w, axis), axis, 0)
    z, xs, ws = np.zeros(3), np.moveaxis(x, axis, 0), np.moveaxis(w, axis, 0)
    for i in range(count):
        z = xs[i] + ws[i] * z
        np.testing.assert_allclose(got[i], z, rtol=1e-12, atol=1e-14)


def test_it_does_not_write_into_its_arguments():
    x, w = np.ones(5), np.full(5, 0.5)
    linear_recurrence(x, w)
    assert (x == 1).all()
    assert (w == 0.5).all()


@pytest.mark.parametrize("reverse", [False, True])
def test_sums_start_again_with_each_key(reverse):
    keys = np.array([1, 1, 2, np.nan, np.nan, 2, 2, 2.0])
    x = RNG.normal(size=8)
    order = range(7, -1, -1) if reverse else range(8)
    expected, total, before = np.empty(8), 0.0, None
    for i in order:
        same = before is not None and (keys[i] == keys[before] or np.isnan(keys[[i, before]]).all())
        total = x[i] + (total if same else 0)
        expected[i], before = total, i
    np.testing.assert_allclose(run_cumsum(x, keys, 0, reverse), expected)


LAYOUTS = {
    "C": lambda x: x,
    "F": np.asfortranarray,
    "backwards": lambda x: x[::-1],
    "backwards twice": lambda x: x[::-1, ::-1],
    "apart": lambda x: np.repeat(x, 2, -1)[..., ::2],
    "the first axis last": lambda x: np.moveaxis(np.ascontiguousarray(np.moveaxis(x, 0, -1)), -1, 0),
}


@pytest.mark.parametrize("layout", LAYOUTS.values(), ids=LAYOUTS)
@pytest.mark.parametrize("dtype", ["f2", "f4", "f8", "c8"])
@pytest.mark.parametrize("axis", [0, 1, 2, -2])
def test_rows_have_the_bits_of_numpy(layout, dtype, axis, monkeypatch):
    monkeypatch.setattr(scans, "LONG", 1)
    rng = np.random.default_rng(0)
    x = layout((1 + 0.1 * rng.normal(size=(4, 5, 6))).astype(dtype))
    functions = [np.add, np.multiply, *([np.maximum, np.logaddexp] if dtype != "c8" else [])]
    for ufunc in functions:
        z, wanted = scans.accumulated(ufunc, x, axis), ufunc.accumulate(x, axis)
        np.testing.assert_array_equal(z, wanted, strict=True)
        assert z.strides == wanted.strides  # what is reduced next goes in the same order


@pytest.mark.parametrize("shape", [(0, 300), (3, 0), (1, 300), (300,)])
def test_nothing_one_row_and_a_vector(shape):
    x = np.arange(np.prod(shape), dtype="f4").reshape(shape)
    np.testing.assert_array_equal(scans.accumulated(np.add, x, 0), np.add.accumulate(x, 0), strict=True)


@pytest.mark.parametrize("dtype", ["c8", "c16"])
def test_products_of_complex_rows_have_the_bits_of_numpy(dtype):
    parts = np.random.default_rng(0).normal(size=(2, 5, 300))
    x = (parts[0] + 1j * parts[1]).astype(dtype)
    np.testing.assert_array_equal(mg.cumprod(x, axis=0), np.cumprod(x, axis=0), strict=True)


def test_what_numpy_does_not_compute_of_one_row_is_refused_too():
    with pytest.raises(DTypeError, match="real numbers"):
        mg.logcumsumexp(np.ones((1, 300), complex), axis=0)


def test_integers_are_summed_in_their_wider_dtype():
    x = np.full((3, 300), 100, np.int8)
    assert scans.accumulated(np.add, x, 0).dtype == np.add.accumulate(x, 0).dtype
