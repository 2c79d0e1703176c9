"""Arrays whose elements move round in a circle, in machine code."""

import numpy as np
import pytest

pytest.importorskip("llvmlite", reason="machine code needs llvmlite: pip install llvmlite")

import minigrad as mg
from tests.compiler.backends.interpreting import by_python

pytestmark = pytest.mark.native

ROLLS = [(1, 0), (-1, 1), (5, None), (0, 2), (-7, -1), ((2,), (1,)), (np.int64(3), 2), ((1, 2), (0, 1)), (3, (0, 1))]


@pytest.mark.parametrize("dtype", ["float32", "float64", "int64", "bool", "complex128"])
@pytest.mark.parametrize(("by", "axis"), ROLLS)
def test_rolls_are_those_of_numpy(by, axis, dtype):
    for shape in ((3, 4, 5), (1, 2, 3), (2, 0, 3)):
        x = (np.random.default_rng(0).standard_normal(shape) * 3).astype(dtype)
        for lies in (x, np.asfortranarray(x), x[:, ::-1]):
            compiled = mg.compile(lambda x: np.roll(np.roll(x, by, axis), 1, 0), backend="native")
            with by_python():
                plain = mg.compile(lambda x: np.roll(x, by, axis), backend="native")
                for _ in range(3):
                    np.testing.assert_array_equal(plain(lies), np.roll(lies, by, axis))
            for _ in range(3):
                np.testing.assert_array_equal(compiled(lies), np.roll(np.roll(lies, by, axis), 1, 0))


def test_a_loop_that_rolls_is_one_native_call():
    def end(u, k):
        def step(u, _):
            return u + k * (mg.roll(u, 1, axis=0) + mg.roll(u, -1, axis=0) - 2 * u), None

        return (mg.scan(step, u, None, length=30)[0] ** 2).sum()

    gradient = mg.grad(end, (0, 1))
    compiled = mg.compile(lambda u, k: gradient(u, k), backend="native")
    for seed in range(4):
        u = np.random.default_rng(seed).standard_normal(40)
        for got, expected in zip(compiled(u, 0.1), gradient(u, 0.1), strict=True):
            np.testing.assert_allclose(got, expected, rtol=1e-11, atol=1e-12)
