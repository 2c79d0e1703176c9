"""Sines and cosines in loops of machine code: NumPy's to a few units, and NumPy's own where an angle is far."""

import numpy as np
import pytest

pytest.importorskip("llvmlite", reason="machine code needs llvmlite: pip install llvmlite")

import minigrad as mg
from minigrad.compiler.backends.formulas import FARTHEST

pytestmark = pytest.mark.native


def f(x):
    return np.sin(x) * 2 + np.cos(x * 3)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("count", [3, 1000])
def test_angles_near_and_far(dtype, count):
    compiled = mg.compile(f, backend="native", audit=False)
    rng = np.random.default_rng(0)
    for scale in (1, 1, 1, 1e6, 1e30, 1, float("inf"), float("nan"), FARTHEST * 0.9, 1):
        x = (rng.uniform(0.5, 1, count) * scale).astype(dtype)
        with np.errstate(invalid="ignore"):
            np.testing.assert_allclose(compiled(x), f(x), rtol=0, atol=8 * np.finfo(dtype).eps)
    assert compiled.stats()["replayed"] >= 4


def test_what_is_written_waits_for_the_condition():
    """A step with a far angle runs once, as it is written."""
    w = mg.tensor(np.linspace(0, 1, 100), requires_grad=True)
    moved = mg.compile(lambda x: step(w, x), backend="native", audit=False)
    other = mg.tensor(np.linspace(0, 1, 100), requires_grad=True)
    for x in (1.0, 2.0, 3.0, 4.0, 1e12, 5.0, 6.0):
        np.testing.assert_allclose(moved(x).data, step(other, x).data, rtol=1e-12)
        np.testing.assert_allclose(w.data, other.data, rtol=1e-10, atol=1e-12)


def step(w, x):
    loss = (mg.sin(w * x) * mg.cos(w + x)).sum()
    w.grad = None
    loss.backward()
    w.data -= 1e-3 / (1 + x) * w.grad
    return loss


def test_loops_of_a_scan_with_waves():
    def end(y, k):
        return mg.scan(lambda y, _: (y + 0.1 * mg.sin(k * y), None), y, None, length=20)[0].sum()

    gradient = mg.grad(lambda y, k: end(y, k))
    compiled = mg.compile(lambda y, k: gradient(y, k), backend="native")
    for k in (1.0, 2.0, 3.0, 4.0, 1e15, 2.0):
        y = np.linspace(0, 1, 200)
        np.testing.assert_allclose(compiled(y, k).data, gradient(y, k).data, rtol=1e-9)


def test_other_functions_of_c_are_in_loops_of_few_numbers():
    def few(x):
        y = np.arctan(x) + np.sinh(x) - np.log2(x) + np.arctan2(x, x + 1) + np.hypot(x, 2) + np.power(x, 1.5)
        return y + np.cbrt(x) + np.exp2(x) + np.tan(x) + np.arcsin(x / 9) + x**2.5

    for count in (5, 500):
        compiled = mg.compile(few, backend="native", audit=False)
        for dtype in ("float32", "float64"):
            x = np.linspace(0.5, 2, count, dtype=dtype)
            for _ in range(3):
                np.testing.assert_allclose(compiled(x), few(x), rtol=20 * np.finfo(dtype).eps)
        assert (compiled.stats()["calls"] <= 3) == (count == 5)
