"""The error function, the normal distribution and gelu: how exact they are, and what they do at the ends."""

import math
import platform
import subprocess
import sys
from decimal import Decimal, localcontext

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import minigrad as mg
from minigrad.kernels import normal
from minigrad.nn import functional as F

SQUARE_ROOT_OF_2PI = Decimal("2.50662827463100050241576528481104525300698674060993831662992357634")
BLOCK = normal.BLOCK_BYTES // 4


def exact_tail(a):
    """P(X > a) for a >= 0: a series near 0, Laplace's continued fraction farther out, in 60 digits."""
    with localcontext() as context:
        context.prec = 60
        a = Decimal(a)
        density = (-a * a / 2).exp() / SQUARE_ROOT_OF_2PI
        if a < 3:
            term = total = a
            n = 1
            while abs(term) > Decimal("1e-50") * abs(total):
                n += 2
                term *= a * a / n
                total += term
            return float(Decimal("0.5") - density * total)
        fraction = a
        for k in range(600, 0, -1):
            fraction = a + k / fraction
        return float(density / fraction)


def units(got, want):
    """The distance in units in the last place, of the smallest normal number below it."""
    got, want = np.asarray(got), np.asarray(want)
    spacing = np.spacing(np.maximum(np.abs(want), np.finfo(got.dtype).tiny).astype(got.dtype)).astype(float)
    return np.abs(got.astype(float) - want) / spacing


def test_float64_is_within_ten_units_of_sixty_digits():
    a = np.concatenate([np.linspace(0, 3, 60), np.linspace(3, 37.5, 120)])
    tail = np.array([exact_tail(v) for v in a])
    assert tail[0] == 0.5
    assert units(normal.normal_cdf(-a), tail).max() <= 10
    assert units(normal.normal_cdf(a), 1 - tail).max() <= 4


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize(("complement", "exact"), [(False, math.erf), (True, math.erfc)])
def test_the_error_function_is_within_ten_units(dtype, complement, exact):
    far = 9.0 if dtype == np.float32 else 26.0
    x = np.concatenate([np.linspace(-far, far, 20001), np.logspace(-40, 0, 500), -np.logspace(-40, 0, 500)])
    x = x.astype(dtype)
    want = np.array([exact(v) for v in x.tolist()])
    assert units(normal.error_function(x, complement), want).max() <= 10


def test_float32_is_within_ten_units_of_scipy_over_the_whole_range():
    special = pytest.importorskip("scipy.special", reason="the reference is SciPy's float64")
    x = np.concatenate([np.linspace(-15, 15, 300001), np.logspace(-45, 38, 2000), -np.logspace(-45, 38, 2000)])
    x = x.astype(np.float32)
    want = special.ndtr(x.astype(float))
    assert units(normal.normal_cdf(x), want).max() <= 10
    value, slope = normal.gelu_and_slope(x)
    wide = x.astype(float)
    near = np.clip(wide, -40, 40)
    assert (units(value, wide * want) <= 8 + near * near / 2).all()
    np.testing.assert_allclose(
        slope, want + near * np.exp(-near * near / 2) / math.sqrt(2 * math.pi), rtol=0, atol=2e-7
    )


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_the_ends_and_nan(dtype):
    info = np.finfo(dtype)
    x = np.array(
        [-math.inf, info.min, -info.smallest_subnormal, 0, info.smallest_subnormal, info.max, math.inf, math.nan]
    )
    x = x.astype(dtype)
    small = info.smallest_subnormal
    assert normal.normal_cdf(x)[:-1].tolist() == [0, 0, 0.5, 0.5, 0.5, 1, 1]
    assert normal.error_function(x, False)[[0, 1, 3, 5, 6]].tolist() == [-1, -1, 0, 1, 1]
    assert normal.error_function(x, False)[4] == small  # 2 / sqrt(pi) times it, rounded
    assert normal.error_function(x, True)[:-1].tolist() == [2, 2, 1, 1, 1, 0, 0]
    value, slope = normal.gelu_and_slope(x)
    assert value[[0, 1, 3, 5, 6]].tolist() == [0, 0, 0, info.max, math.inf]
    assert slope[:-1].tolist() == [0, 0, 0.5, 0.5, 0.5, 1, 1]
    for z in (normal.normal_cdf(x), normal.error_function(x, False), normal.error_function(x, True), value, slope):
        assert z.dtype == dtype
        assert math.isnan(z[-1])


def test_subnormal_tails_are_not_lost():
    tail = normal.normal_cdf(np.array([-38.0, -38.4]))
    np.testing.assert_allclose(tail, [exact_tail(38.0), exact_tail(38.4)], rtol=1e-2)
    assert (tail > 0).all()
    assert normal.normal_cdf(np.float32([-13.5]))[0] == pytest.approx(exact_tail(13.5), rel=1e-2)


@given(st.integers(0, 2**32 - 1), st.sampled_from([0, 1, BLOCK - 1, BLOCK, BLOCK + 1, 2 * BLOCK + 3]))
def test_blocks_do_not_show(seed, count):
    x = np.random.default_rng(seed).standard_normal(count).astype(np.float32)
    for f in (normal.normal_cdf, lambda x: normal.error_function(x, False), lambda x: normal.gelu_and_slope(x)[0]):
        whole = f(x)
        assert whole.shape == x.shape
        ends = np.concatenate([x[:3], x[-3:]])
        np.testing.assert_array_equal(np.concatenate([whole[:3], whole[-3:]]), f(ends))


def test_every_layout_of_memory_and_no_axes_at_all():
    x = np.random.default_rng(0).standard_normal((6, 8))
    for view in (x.T, x[::2, ::-1], np.asfortranarray(x)):
        np.testing.assert_array_equal(normal.normal_cdf(view), normal.normal_cdf(view.copy()))
        np.testing.assert_array_equal(normal.gelu_and_slope(view), normal.gelu_and_slope(view.copy()))
    for f in (mg.ndtr, mg.erf, mg.erfc, mg.gelu):
        assert f(np.float32(0.5)).shape == ()
        assert f(mg.tensor(0.5, requires_grad=True)).dtype == np.float32
        assert f(np.array([1, 2])).dtype == np.float64


def test_the_input_is_not_written():
    x = np.linspace(-2, 2, 9)
    kept = x.copy()
    for f in (normal.normal_cdf, normal.gelu_and_slope, lambda x: normal.error_function(x, True)):
        f(x)
        np.testing.assert_array_equal(x, kept)


def test_gelu_keeps_its_gradients_at_the_ends():
    x = mg.tensor([-math.inf, 0.0, math.inf], requires_grad=True)
    (first,) = mg.autograd.grad(mg.gelu(x)[:2].sum(), [x], create_graph=True)
    assert mg.gelu(x).data.tolist() == [0, 0, math.inf]
    assert first.data.tolist() == [0, 0.5, 0]
    (first,) = mg.autograd.grad(mg.gelu(x), [x], np.ones(3, np.float32), create_graph=True)
    (second,) = mg.autograd.grad(first.sum(), [x])
    assert second.data[[0, 2]].tolist() == [0, 0]


def test_no_scipy_is_needed(monkeypatch):
    monkeypatch.setitem(sys.modules, "scipy.special", None)
    x = mg.tensor([0.5], requires_grad=True)
    for f in (mg.erf, mg.erfc, mg.ndtr, mg.gelu, F.gelu):
        f(x).backward()
        assert np.isfinite(x.grad).all()


def test_complex_numbers_still_have_an_error_function():
    pytest.importorskip("scipy.special", reason="complex error functions are SciPy's")
    x = np.array([0.5 + 0.25j])
    assert (mg.erf(x) + mg.erfc(x))[0] == pytest.approx(1)


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="other C libraries keep freed memory as they see fit")
def test_freed_memory_is_kept_for_the_next_step():
    code = """
import resource, numpy as np, minigrad as mg
x = mg.tensor(np.ones(300_000, np.float32), requires_grad=True)
def step():
    x.grad = None
    (mg.gelu(x) * x).sum().backward()
for _ in range(4):
    step()
before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
for _ in range(4):
    step()
print(resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)
"""
    done = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    assert int(done.stdout) < 4 * 293  # the pages of one array of a step; all of them would be thousands
