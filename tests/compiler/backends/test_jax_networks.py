"""Windows under JAX."""

import numpy as np
import pytest

import minigrad as mg
from minigrad.nn import functional as F
from tests.compiler.backends.test_jax import assert_close, needs_jax

pytestmark = pytest.mark.jax


@needs_jax
def test_nan_wins_in_a_window_and_the_padding_does_not():
    x = np.float32([[[np.nan, 1, 2, 2, -np.inf, -np.inf, 5, 5]]])
    w = mg.tensor(x, requires_grad=True)

    def step():
        w.zero_grad()
        z = F.max_pool1d(w, 2, padding=1, stride=1)
        z.sum().backward()
        return z

    compiled = mg.compile(step, backend="jax")
    for _ in range(3):
        with np.errstate(invalid="ignore"):
            expected = step()
            gradient = w.grad
            assert_close(expected, compiled())
        assert_close(gradient, w.grad)


@needs_jax
@pytest.mark.parametrize("groups", [None, 4])
def test_rows_are_normalised_as_eager_does(groups):
    rng = np.random.default_rng(0)
    shape = (256, 96) if groups is None else (8, 16, 12, 16)
    x, w, b = (mg.tensor(rng.standard_normal(s).astype("f4"), requires_grad=True) for s in (shape, *[shape[1:2]] * 2))

    def step():
        z = F.layer_norm(x, 96, w, b) if groups is None else F.group_norm(x, groups, w, b)
        return mg.autograd.grad((z**3).sum(), [x, w, b])

    compiled = mg.compile(step, backend="jax")
    for _ in range(3):
        for got, want in zip(compiled(), step(), strict=True):
            assert_close(want, got)
