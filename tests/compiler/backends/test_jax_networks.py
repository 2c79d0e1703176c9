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
