"""Dtypes of a trace are NumPy's."""

import numpy as np
import pytest

import minigrad as mg
from tests.compiler.backends.test_jax import assert_close, needs_jax

pytestmark = pytest.mark.jax


DTYPES = ["bool", "int8", "int32", "int64", "float16", "float32", "float64"]


@needs_jax
@pytest.mark.parametrize("one", DTYPES)
def test_numpys_dtypes_hold_whatever_jax_would_promote_to(one):
    x = np.arange(1, 7).reshape(2, 3).astype(one)
    others = [np.arange(6)[::-1].reshape(2, 3).astype(other) for other in DTYPES]

    def step(x, *others):
        made = [
            x * 2, np.true_divide(x, 3), np.sum(x, 0), np.mean(x), x.astype("float32"), np.maximum(x, np.float32(2)),
            x.sum(), x.mean(1), x + 0.5,
        ]  # fmt: skip
        for y in others:
            made += [np.add(x, y), np.concatenate([x, y]), np.where(x > y, x, y), np.matmul(x, y.T), (x + y).sum()]
        return made

    compiled = mg.compile(step, backend="jax")
    for _ in range(3):
        expected, got = step(x, *others), compiled(x, *others)
        for a, b in zip(expected, got, strict=True):
            assert type(a) is type(b)
            assert_close(a, b)
    assert compiled.stats()["callbacks"] == []


@pytest.mark.parametrize("dtype", ["bool", "int8", "uint8", "int32", "int64", "float16", "float32"])
@pytest.mark.parametrize("how", ["mean", "std", "var"])
def test_a_measure_has_numpys_precision(how, dtype):
    """An accuracy is the mean of bools: NumPy's is a float64, and JAX's a float32."""
    x = np.random.default_rng(0).integers(0, 2, (3, 5)).astype(dtype)
    functions = [getattr(np, how), lambda x: getattr(x, how)(), lambda x: getattr(x, how)(axis=0)]
    compiled = mg.compile(lambda x: [f(x) for f in functions], backend="jax", audit=False)
    for _ in range(3):
        found = compiled(x)
    for one, other in zip([f(x) for f in functions], found, strict=True):
        assert np.asarray(one).dtype == np.asarray(other).dtype
        bound = {2: 1e-2, 4: 1e-5, 8: 1e-12}[np.asarray(one).itemsize]
        np.testing.assert_allclose(np.asarray(other), np.asarray(one), rtol=0, atol=bound)
