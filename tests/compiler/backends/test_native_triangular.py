"""Triangular systems in machine code: both triangles, all layouts and stacks, beside NumPy's substitution."""

import numpy as np
import pytest

pytest.importorskip("llvmlite", reason="machine code needs llvmlite: pip install llvmlite")

import minigrad as mg
from minigrad.compiler.backends import native_triangular
from minigrad.kernels.triangular import substituted

pytestmark = pytest.mark.native


def solve(lower):
    return mg.compile(
        lambda a, b: mg.linalg.solve_triangular(mg.tensor(a), mg.tensor(b), lower=lower), backend="native"
    )


def matrices(stack, n, dtype, turned=False):
    a = np.random.default_rng(0).standard_normal((*stack, n, n)).astype(dtype) + n * np.eye(n, dtype=dtype)
    return np.swapaxes(np.swapaxes(a, -1, -2).copy(), -1, -2) if turned else a


@pytest.mark.parametrize("lower", [True, False])
@pytest.mark.parametrize("turned", [False, True])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_all_sizes_and_stacks(lower, turned, dtype):
    for stack, n, columns in [((), 1, 1), ((), 6, 1), ((), 37, 3), ((3,), 9, 17), ((2, 2), 33, 33)]:
        a, step = matrices(stack, n, dtype, turned), solve(lower)
        b = np.random.default_rng(1).standard_normal((*stack, n, columns)).astype(dtype)
        for _ in range(3):
            got = step(a, b).data
        bound = 1e-6 if dtype == "float32" else 1e-14
        np.testing.assert_allclose(got, substituted(a, b, lower), rtol=0, atol=bound)
        assert got.dtype == dtype
        assert step.stats()["calls in loops"] >= 1


def test_a_singular_matrix_is_refused_as_by_numpy():
    step, b = solve(True), np.ones((5, 2))
    for _ in range(3):
        step(matrices((), 5, "float64"), b)
    with pytest.raises(np.linalg.LinAlgError, match="Singular"):
        step(np.diag([1.0, 2.0, 0.0, 1.0, 1.0]), b)
    assert np.isfinite(step(np.diag([1.0, 2.0, 3.0, 1.0, 1.0]), b).data).all()


def test_other_elements_do_not_count_and_larger_systems_stay_with_blas(monkeypatch):
    a, b = matrices((), 12, "float64"), np.ones((12, 2))
    expected = substituted(a, b)
    a[np.triu_indices(12, 1)] = np.nan
    for most in (native_triangular.LARGEST, 12 * 12 * 2 - 1):
        monkeypatch.setattr(native_triangular, "LARGEST", most)
        step = mg.compile(substituted, backend="native")
        for _ in range(3):
            np.testing.assert_allclose(step(a, b), expected, rtol=1e-14)
        assert step.stats()["loops"] == (most > 12 * 12 * 2)
