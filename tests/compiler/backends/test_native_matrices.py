"""Small matrices in machine code: NumPy's results, its errors, and nothing written before one."""

import numpy as np
import pytest

pytest.importorskip("llvmlite", reason="machine code needs llvmlite: pip install llvmlite")

import minigrad as mg
from minigrad.kernels.determinants import cofactors
from minigrad.kernels.triangular import substituted
from tests.compiler.backends.interpreting import by_python

pytestmark = pytest.mark.native

FUNCTIONS = {
    "solve": lambda a, b: np.linalg.solve(a, b),
    "solve, turned": lambda a, b: np.linalg.solve(np.swapaxes(a, -1, -2), b * 2),
    "solve, of a vector": lambda a, b: np.linalg.solve(a * 1, np.arange(a.shape[-1]).astype(a.dtype) * 1),
    "inv": lambda a, b: np.linalg.inv(a * 1) * 2,
    "det": lambda a, b: np.linalg.det(a * 1),
    "slogdet": lambda a, b: (np.linalg.slogdet(a * 1)[0], np.linalg.slogdet(a * 1)[1]),
    "one of slogdet": lambda a, b: np.linalg.slogdet(a * 1)[1] * 2,
    "cholesky": lambda a, b: np.linalg.cholesky(a @ np.swapaxes(a, -1, -2)),
    "lower": lambda a, b: substituted(a * 1, b, True),
    "upper": lambda a, b: substituted(np.swapaxes(a, -1, -2), b * 1, False),
    "several of one": lambda a, b: np.linalg.solve(a, b) * np.linalg.det(a)[..., None, None] + np.linalg.inv(a) @ b,
    "products": lambda a, b: np.swapaxes(a, -1, -2) @ (a @ b),
}  # fmt: skip


def matrices(rng, stack, n, dtype):
    return (rng.standard_normal((*stack, n, n)) + 2 * np.eye(n, dtype=float)).astype(dtype)


def near(got, expected, dtype):
    for one, two in zip(got, expected, strict=True) if isinstance(expected, tuple) else [(got, expected)]:
        assert (np.shape(one), np.asarray(one).dtype) == (np.shape(two), np.asarray(two).dtype)
        scale = np.abs(two[np.isfinite(two)]).max(initial=1.0)
        np.testing.assert_allclose(one, two, rtol=0, atol=500 * np.finfo(dtype).eps * scale)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("name", FUNCTIONS)
def test_small_matrices_are_those_of_numpy(name, dtype):
    rng, f = np.random.default_rng(0), FUNCTIONS[name]
    for n, stack in ((1, ()), (2, (5,)), (3, (2, 3)), (4, ()), (8, (2,)), (9, ())):
        compiled = mg.compile(f, backend="native", audit=False)
        with by_python():
            plain = mg.compile(f, backend="native", audit=False)
            a, b = matrices(rng, stack, n, dtype), rng.standard_normal((*stack, n, 2)).astype(dtype)
            for _ in range(3):
                near(plain(a, b), f(a, b), dtype)
        for _ in range(4):
            a, b = matrices(rng, stack, n, dtype), rng.standard_normal((*stack, n, 2)).astype(dtype)
            near(compiled(a, b), f(a, b), dtype)
        assert compiled.stats()["loops"] > 0 or n > 8


SINGULAR = np.array([[1.0, 2.0], [2.0, 4.0]])


@pytest.mark.parametrize(
    ("f", "sound", "other", "error"),
    [
        (lambda a: np.linalg.solve(a, a[0] * 1), np.eye(2, dtype=float), SINGULAR, "Singular"),
        (lambda a: np.linalg.inv(a * 1), np.eye(2, dtype=float), SINGULAR, "Singular"),
        (lambda a: np.linalg.cholesky(a * 1), np.eye(2, dtype=float), -SINGULAR, "positive definite"),
        (lambda a: substituted(a * 1, a, True), np.eye(2, dtype=float), np.tri(2, k=-1, dtype=float), "Singular"),
    ],
)
def test_what_numpy_refuses_is_refused_before_anything_is_written(f, sound, other, error):
    total = np.zeros(2, dtype=float)

    def step(a):
        total[...] = total + a.sum()
        return f(a)

    compiled = mg.compile(step, backend="native", audit=False)
    for _ in range(4):
        compiled(sound)
    before = total.copy()
    for k in range(1, 3):
        with pytest.raises(np.linalg.LinAlgError, match=error):
            compiled(other)
        np.testing.assert_array_equal(total, before + k * other.sum())  # once, by the step as it is written
    np.testing.assert_array_equal(compiled(sound), f(sound))


def test_determinants_of_singular_matrices_are_numbers():
    def f(a):
        return np.linalg.det(a * 1), *np.linalg.slogdet(a * 1), cofactors(a * 1)

    compiled = mg.compile(f, backend="native", audit=False)
    for a in (np.eye(2, dtype=float), SINGULAR, np.zeros((2, 2), dtype=float), SINGULAR, SINGULAR - 1):
        for got, expected in zip(compiled(a), f(a), strict=True):
            np.testing.assert_allclose(got, expected, atol=1e-12)


@pytest.mark.parametrize("n", [1, 2, 3])
def test_cofactors_are_exact_for_singular_matrices(n):
    a = np.random.default_rng(0).standard_normal((4, n, n))
    a[1, 0] = 0
    a[2] = np.outer(np.arange(n) + 1.0, np.arange(n) - 0.5)
    compiled = mg.compile(lambda a: cofactors(a), backend="native", audit=False)
    for _ in range(3):
        np.testing.assert_allclose(compiled(a), cofactors(a), atol=1e-13)


def test_a_filter_of_small_matrices_is_one_native_loop():
    a, q = np.array([[0.9, 0.2], [-0.1, 0.8]]), 0.1 * np.eye(2, dtype=float)

    def likelihood(a, q, ys):
        def step(carry, y):
            mean, cov, total = carry
            mean, cov = a @ mean, a @ cov @ a.T + q
            off = y - mean
            total = total + off @ mg.linalg.solve(cov, off) + mg.linalg.slogdet(cov)[1]
            gain = mg.linalg.solve(cov + q, cov).T
            return (mean + gain @ off, cov - gain @ cov, total), None

        return mg.scan(step, (np.zeros(2, dtype=float), np.eye(2, dtype=float), np.zeros((), dtype=float)), ys)[0][2]

    gradient = mg.value_and_grad(likelihood, (0, 1))
    compiled = mg.compile(lambda a, q, ys: gradient(a, q, ys), backend="native")
    for seed in range(4):
        ys = np.random.default_rng(seed).standard_normal((30, 2))
        (value, slopes), (expected, others) = compiled(a, q, ys), gradient(a, q, ys)
        np.testing.assert_allclose(value.data, expected.data, rtol=1e-10)
        for one, two in zip(slopes, others, strict=True):
            np.testing.assert_allclose(one.data, two.data, rtol=1e-8)
    with pytest.raises(np.linalg.LinAlgError, match="Singular"):
        compiled(np.zeros((2, 2), dtype=float), np.zeros((2, 2), dtype=float), ys)


@pytest.mark.parametrize("number", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize(
    "function",
    [np.linalg.inv, lambda a: np.linalg.solve(a, np.ones(3)), lambda a: mg.linalg.solve_triangular(a, np.ones(3))],
    ids=["inv", "solve", "solve_triangular"],
)
def test_what_is_not_finite_spreads_as_in_lapack(function, number):
    rng = np.random.default_rng(0)
    regular = rng.standard_normal((3, 3)) + 4 * np.eye(3, dtype=float)
    step = mg.compile(lambda a: function(a), backend="native")
    for _ in range(4):
        step(mg.tensor(regular))
    for place in [(0, 0), (1, 2), (2, 1)]:
        a = regular.copy()
        a[place] = number
        with np.errstate(all="ignore"):
            np.testing.assert_array_equal(step(mg.tensor(a)).data, function(mg.tensor(a)).data)


@pytest.mark.parametrize("n", [2, 3, 5])
def test_determinants_of_what_is_not_finite_or_singular_are_those_of_lapack(n):
    rng = np.random.default_rng(n)
    steps = {f: mg.compile(lambda a, f=f: f(a), backend="native", audit=False) for f in (np.linalg.det, _size_of)}
    for turn in range(24):
        a = rng.standard_normal((n, n))
        if turn >= 4:
            a[rng.integers(n), rng.integers(n)] = (np.nan, np.inf, -np.inf)[turn % 3]
        if turn >= 20:
            a = np.full((n, n), 3.0)
        for function, step in steps.items():
            with np.errstate(all="ignore"):
                np.testing.assert_allclose(step(mg.tensor(a)).data, function(mg.tensor(a)).data, rtol=1e-9, atol=1e-12)
    assert all(step.stats()["replayed"] >= 2 for step in steps.values())


def _size_of(a):
    sign, size = np.linalg.slogdet(a)
    return mg.stack([sign, size])
