"""The backend "numpy": eager's bits, in buffers, long chains in blocks."""

import numpy as np
import pytest

import minigrad as mg
from minigrad.compiler.tracing.trace_comparison import same_bits

SIZES = {"scalar": (), "small": (3, 4), "a chain in blocks": (300, 400), "empty": (0, 3)}


@pytest.mark.parametrize("name", SIZES)
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_bits_are_eager_s(name, dtype):
    x = np.random.default_rng(0).normal(size=SIZES[name]).astype(dtype)

    def f(x):
        y = np.tanh(x) * 2 + 1
        for _ in range(6):
            y = y * 0.5 + np.exp(-y * y)
        return y, y.sum() if y.ndim else y

    compiled = mg.compile(f, backend="numpy")
    for _ in range(4):
        got = compiled(x)
    for one, other in zip(got, f(x), strict=True):
        assert same_bits(np.asarray(getattr(one, "data", one)), np.asarray(getattr(other, "data", other)))
    assert compiled.stats()["replayed"] >= 1


def test_results_are_not_written_over():
    compiled = mg.compile(lambda x: mg.exp(x) * 2, backend="numpy")
    results = [compiled(np.full(5, float(k))) for k in range(5)]
    for k, z in enumerate(results):
        np.testing.assert_array_equal(np.asarray(getattr(z, "data", z)), np.exp(np.full(5, float(k))) * 2)
