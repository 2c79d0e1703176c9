"""Calls as text, which computes the same."""

import numpy as np
import pytest

import minigrad as mg
from minigrad.compiler.tracing.trace_comparison import same_bits
from tests.compiler.replaying import X, compiled

TEXTS = {
    "indices": lambda x: x[..., None][1:, ::2, 0] + x[0, 1] + x[(slice(0, 2), slice(None, None, 2))],
    "numbers": lambda x: x * np.float32(0.1) + np.float64(2) - np.bool_(True) + np.int64(3),
    "not numbers": lambda x: np.maximum(x * np.float32("inf"), np.float64("nan")) + float("inf"),
    "dtypes": lambda x: x.astype(np.float64).astype("int32").sum(dtype=np.int64) + x.astype(np.dtype("float16")),
    "types of Python": lambda x: x.astype(bool) * (x * 3).astype(int) + abs(x.astype(float).astype(complex)),
    "operators": lambda x: abs(-x) // 0.3 % 2 + (+x) ** 2 / 3 + ((x > 0) & ~(x < 0.2) | (x >= 1) ^ (x != 0)),
    "reflected": lambda x: 1 - x + 2 / (x * x + 1) + 2 ** x + 7 // (x + 3) + 5 % (x + 2) + np.eye(3, dtype=x.dtype) @ x,
    "reductions": lambda x: x.max() - np.min(x, 0) + np.prod(x) + x.mean(1, keepdims=True) + np.add.reduce(x, 0),
    "lists": lambda x: np.concatenate([x, x], axis=-1).reshape((3, 8)).swapaxes(0, 1).ravel()[:4],
    "complex": lambda x: mg.fft.irfft(mg.fft.rfft(mg.tensor(x)) * (1 + 2j)),
    "constants": lambda x: x + np.ones((3, 4), x.dtype) + np.arange(4) + np.array([[0.5], [-0.0], [2]])
    + np.arange(12.0).reshape(3, 4),
    "in place": lambda x: _in_place(x * 1),
    "functions": lambda x: np.linalg.norm(x, axis=0) + np.where(x > 0, x, 0) + np.clip(x, None, 0.2),
    "outputs": lambda x: np.add(x, 1, out=np.empty_like(x)) + np.multiply(x, 2, dtype=np.float64),
}  # fmt: skip


def _in_place(y):
    y += 1
    y *= 2
    y -= 3
    y /= 4
    y **= 2
    y.fill(2)
    y[1:] = 7
    np.copyto(y[:1], 3)
    y.sort()
    return y


@pytest.mark.filterwarnings("ignore:invalid value", "ignore:overflow")
@pytest.mark.parametrize("name", TEXTS)
def test_texts(name):
    function = TEXTS[name]
    made = compiled(function, X)
    namespace = {}
    exec(made.source(), namespace)
    got, gradients = namespace["step"](X, made.state(), made.rates())
    expected = function(X)
    assert same_bits(np.asarray(got), np.asarray(getattr(expected, "data", expected)))
    assert not gradients
