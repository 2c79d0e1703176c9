"""Operations on single numbers as kernels: NumPy's values and types, and segments that go on."""

import numpy as np
import pytest

pytest.importorskip("llvmlite", reason="machine code needs llvmlite: pip install llvmlite")

import minigrad as mg
from tests.compiler.backends.interpreting import by_python

pytestmark = pytest.mark.native

OPERATIONS = {
    "with a number of Python's": lambda s, t: s / 300,
    "the other way round": lambda s, t: 1 - s,
    "two numbers": lambda s, t: s * t + t,
    "one number twice": lambda s, t: s * s,
    "a comparison": lambda s, t: (s < t) & (s > -1e30),
    "infinity": lambda s, t: s < float("inf"),
    "a function": lambda s, t: np.sqrt(np.abs(s)) + np.exp(-np.abs(t)),
    "another type": lambda s, t: s + np.float64(1.5),
}


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("name", OPERATIONS)
def test_numbers_are_those_of_numpy(name, dtype):
    def f(x):
        return OPERATIONS[name](np.add.reduce(x), np.add.reduce(x * 2))

    x = np.random.default_rng(0).standard_normal(9).astype(dtype)
    compiled = mg.compile(f, backend="native", audit=False)
    for _ in range(3):
        got = compiled(x)
    np.testing.assert_allclose(got, f(x), rtol=1e-6)
    assert got.dtype == f(x).dtype
    with by_python():
        plain = mg.compile(f, backend="native", audit=False)
        for _ in range(3):
            np.testing.assert_allclose(plain(x), f(x), rtol=1e-6)


def test_a_condition_on_such_a_number_is_looked_at_in_machine_code():
    def f(x):
        total = (x * x).sum()
        return total * 2 if total < 10 else total - 100

    compiled, small, large = mg.compile(f, backend="native"), mg.tensor([1.0, 2.0]), mg.tensor([10.0, 2.0])
    for x in (small, small, small, large, large, large, small, mg.tensor([float("nan"), 1.0])):
        np.testing.assert_allclose(compiled(x).data, f(x).data)
    assert compiled.stats()["replayed"] >= 3


def test_numbers_of_python_stay_with_python():
    """A kernel between two lines of Python would cost more than it saves."""
    compiled = mg.compile(lambda x, n: np.sort(x) * (n * 2.0), backend="native")
    for n in range(5):
        np.testing.assert_array_equal(compiled(np.array([3.0, 1.0]), n + 0.5), np.array([1.0, 3.0]) * (2 * n + 1))
    assert compiled.stats()["loops"] == 1


def test_a_count_in_an_array_without_axes():
    count, total = np.array(0), np.array(0.5)

    def step(x):
        global_count = count
        global_count += 1
        np.add(total, x.sum(), out=total)
        return x * 2

    compiled, x = mg.compile(step, backend="native", audit=False), np.ones(3)
    for n in range(1, 7):
        compiled(x)
        assert (count, total) == (n, 0.5 + 3 * n)


@pytest.mark.parametrize("dtype", ["float32", "float64", "int64"])
def test_a_number_in_another_type(dtype):
    compiled = mg.compile(lambda x: np.add.reduce(x).astype(dtype) * 2, backend="native", audit=False)
    x = np.array([0.1, 0.7, 2.0], "float32")
    for _ in range(4):
        got, expected = compiled(x), x.sum().astype(dtype) * 2
        np.testing.assert_allclose(got, expected, rtol=1e-6)
        assert got.dtype == expected.dtype
