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


def test_a_loop_over_single_variables_is_one_native_call():
    def end(y, p):
        for _ in range(4):
            prey, hunters = y[0], y[1]
            y = y + 0.1 * mg.stack([prey * (p[0] - p[1] * hunters), hunters * (p[2] * prey - p[-1])])
        return (y * y).sum()

    gradient = mg.grad(lambda p, y: end(y, p))
    p, y = mg.tensor(np.array([1.1, 0.4, 0.1, 0.4])), mg.tensor(np.array([1.0, 0.5]))
    compiled = mg.compile(lambda p, y: gradient(p, y), backend="native")
    for _ in range(5):
        np.testing.assert_allclose(compiled(p, y).data, gradient(p, y).data, rtol=1e-13)
    assert compiled.stats()["repeats in machine code"]


X = np.arange(24.0).reshape(2, 3, 4)
MOVED = {
    "from the end": lambda x: x[-1, -2, -3] * 2.0,
    "of a turned array": lambda x: x.T[1, 2, 0] + x.swapaxes(0, 1)[2, 1, 3],
    "of a part that goes backwards": lambda x: x[:, ::-1][1, 0, 2] + x[0, 1][::2][1],
    "twice": lambda x: np.stack([x[0, 0, 1], x[0, 0, 1], x[1, 2, 3]]),
    "of two types": lambda x: np.stack([x[0, 0, 1], x.astype("f4")[0, 0, 2]]),
    "whole numbers and truths": lambda x: (x.astype(int)[0, 1, 2] + 1, (x > 3)[0, 1, 0], (x > 3)[0, 0, 0]),
    "along another axis": lambda x: np.stack([x[0, 0], x[1, 1]], 1)[3, 0],
    "put into new arrays": lambda x: put(np.zeros_like(x[0, 0, 1], shape=(3,)), -1, x[0, 0, 1] * 2),
    "put into a view": lambda x: put(np.zeros_like(x, shape=(2, 3)).T, (2, 1), x[1, 1, 1] + x[0, 0, 3]),
    "put into what came in": lambda x: put(x, (0, 0, 0), x[0, 0, 0] + 1),
}


def put(x, index, value):
    x[index] = value
    return x


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("name", MOVED)
def test_single_elements(name, dtype):
    f = MOVED[name]
    compiled = mg.compile(f, backend="native")
    for k in range(6):
        x, other = (X + k).astype(dtype), (X + k).astype(dtype)
        got, expected = compiled(x), f(other)
        for one, two in zip(got, expected, strict=True) if isinstance(expected, tuple) else [(got, expected)]:
            np.testing.assert_array_equal(np.asarray(one), np.asarray(two))
            assert (type(one), one.dtype) == (type(two), two.dtype)
        np.testing.assert_array_equal(x, other)
