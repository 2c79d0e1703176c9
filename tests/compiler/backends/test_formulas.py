"""Elementary functions of a kernel, within their bounds."""

import numpy as np
import pytest

from minigrad.kernels.normal import gelu_and_slope, normal_cdf

pytest.importorskip("llvmlite", reason="machine code needs llvmlite: pip install llvmlite")
from minigrad.compiler.backends import cache
from minigrad.compiler.backends.formulas import ELEMENTARY, FARTHEST

pytestmark = pytest.mark.native


#: Units in the last place, as the docstring of formulas.py says.
BOUNDS = {"exp": 3, "expm1": 3, "log": 3, "log1p": 3, "tanh": 4, "near_sin": 2, "near_cos": 2}


NORMAL = {"normal_cdf", "gelu", "gelu_slope"}


def numbers(dtype):
    """Bit patterns of all sizes, and many near what is usual."""
    rng = np.random.default_rng(0)
    unsigned = {4: np.uint32, 8: np.uint64}[np.dtype(dtype).itemsize]
    patterns = rng.integers(0, np.iinfo(unsigned).max, 200_000, unsigned, endpoint=True).view(dtype)
    usual = [rng.standard_normal(50_000) * scale for scale in (1e-3, 0.3, 1, 20, 400)]
    special = [0.0, -0.0, np.inf, -np.inf, np.nan, 1, -1, np.finfo(dtype).tiny, np.finfo(dtype).max, 1 + 1e-7]
    return np.concatenate([patterns, *[x.astype(dtype) for x in usual], np.array(special, dtype)])


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("name", list(BOUNDS))
def test_elementary_functions_are_within_their_bounds(name, dtype):
    if np.finfo(np.longdouble).nmant < 60:
        pytest.skip("there is no wider float here to compare with")
    kind = {"float32": "f4", "float64": "f8"}[dtype]
    text = (
        "def kernel(first, last, rows, step, a0, a1):\n"
        "    for i in range(np.uint64(first), np.uint64(last)):\n"
        f"        a1[i] = {kind}_{name}(a0[i])\n"
    )
    x = numbers(dtype)
    got = np.empty_like(x)
    cache.Compiler().kernel(text)(0, len(x), len(x), 1, x, got)
    with np.errstate(all="ignore"):
        exact = getattr(np, name.removeprefix("near_"))(x.astype(np.longdouble))
        if name.startswith("near_"):
            exact[~(np.abs(x) <= FARTHEST)] = np.nan
        expected = exact.astype(dtype)
        finite = np.isfinite(expected)
        np.testing.assert_array_equal(got[~finite], expected[~finite])
        unit = np.maximum(np.spacing(np.abs(expected[finite])), np.finfo(dtype).smallest_subnormal)
        error = np.abs(got[finite].astype(np.longdouble) - exact[finite]) / unit
    worst = int(np.argmax(error))
    assert error[worst] <= BOUNDS[name], (x[finite][worst], got[finite][worst])
    assert np.signbit(got[x == 0]).tolist() == np.signbit(expected[x == 0]).tolist()


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_the_logarithm_of_a_sum_of_exponentials_is_numpy_s_to_rounding(dtype):
    kind = {"float32": "f4", "float64": "f8"}[dtype]
    text = (
        "def kernel(first, last, rows, step, a0, a1, a2):\n"
        "    for i in range(np.uint64(first), np.uint64(last)):\n"
        f"        a2[i] = {kind}_logaddexp(a0[i], a1[i])\n"
    )
    rng = np.random.default_rng(0)
    special = np.array([0.0, -0.0, np.inf, -np.inf, np.nan, 1.0, -1e30], dtype)
    x, y = (np.concatenate([rng.normal(size=9000) * 9, z.reshape(-1)]) for z in np.meshgrid(special, special))
    x, y = x.astype(dtype), y.astype(dtype)
    got = np.empty_like(x)
    cache.Compiler().kernel(text)(0, len(x), len(x), 1, x, y, got)
    unit = 4 * np.finfo(dtype).eps
    with np.errstate(all="ignore"):
        np.testing.assert_allclose(got, np.logaddexp(x, y), rtol=unit, atol=unit)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("name", sorted(NORMAL))
def test_the_normal_distribution_is_numpy_s_to_rounding(name, dtype):
    kind = {"float32": "f4", "float64": "f8"}[dtype]
    text = (
        "def kernel(first, last, rows, step, a0, a1):\n"
        "    for i in range(np.uint64(first), np.uint64(last)):\n"
        f"        a1[i] = {kind}_{name}(a0[i])\n"
    )
    x = np.concatenate([np.linspace(-45, 45, 20_001), [np.inf, -np.inf, np.nan, 0.0, -0.0]]).astype(dtype)
    got = np.empty_like(x)
    cache.Compiler().kernel(text)(0, len(x), len(x), 1, x, got)
    both = gelu_and_slope(x)
    expected = {"normal_cdf": normal_cdf(x), "gelu": both[0], "gelu_slope": both[1]}[name]
    unit = np.finfo(dtype).eps
    np.testing.assert_allclose(got, expected, rtol=0, atol=16 * unit)
    near = np.abs(x) < 5
    np.testing.assert_allclose(got[near], expected[near], rtol=64 * unit, atol=2 * unit)


def test_both_types_have_the_same_functions():
    (names,) = {frozenset(functions) for functions in ELEMENTARY.values()}
    assert {*BOUNDS, *NORMAL, "logaddexp"} <= names
