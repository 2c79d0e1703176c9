"""float16 holds each whole number up to 2048 alone, and none above 65504: gradients are added up in float32."""

import numpy as np
import pytest

import minigrad as mg
from minigrad.nn import functional as F

MANY = 5000
ROW = np.ones(3)
FIRST = np.zeros(MANY, int)

SUMS = {
    "x + y": (lambda x: x + np.zeros((MANY, 3), "float16"), ROW),
    "x * y": (lambda x: np.ones((MANY, 1), "float16") * x, ROW),
    "where": (lambda x: np.where(np.ones((MANY, 3), bool), x, 0), ROW),
    "broadcast_to": (lambda x: np.broadcast_to(x, (MANY, 3)), ROW),
    "tile": (lambda x: np.tile(x, MANY), ROW),
    "outer": (lambda x: np.outer(np.ones(MANY, "float16"), x), ROW),
    "einsum": (lambda x: np.einsum("i,j->ij", np.ones(MANY, "float16"), x), ROW),
    "einsum with a diagonal": (lambda x: np.einsum("ijj->ij", np.ones((MANY, 1, 1), "float16") * np.diag(x)), ROW),
    "pad": (lambda x: np.pad(x, (MANY, 0), mode="edge"), ROW),
    "linspace": (lambda x: np.linspace(x[0], x[1], MANY), ROW),
    "interp": (lambda x: np.interp(np.full(MANY, 0.5, "float16"), np.arange(3.0), x), ROW),
    "x[i]": (lambda x: x[FIRST], ROW),
    "x[i] of rows": (lambda x: x[FIRST], np.ones((3, 2))),
    "take": (lambda x: np.take(x, FIRST), ROW),
    "embedding": (lambda x: F.embedding(FIRST, x), np.ones((3, 2))),
    "prelu": (lambda x: F.prelu(-np.ones((MANY, 3), "float16"), x), ROW),
    "cumsum": (lambda x: np.cumsum(x), np.zeros(MANY)),
    "sort": (lambda x: np.sort(x) * 30, np.ones(MANY)),
    "unfold": (lambda x: F.unfold(x, 50), np.ones((1, 1, 100, 100))),
    "sliding windows": (lambda x: np.lib.stride_tricks.sliding_window_view(x, 3000), np.ones(6000)),
    "softmax": (lambda x: mg.softmax(x, axis=0) * 1000, np.ones((MANY, 2))),
    "log_softmax": (lambda x: mg.log_softmax(x, axis=0), np.ones((MANY, 2))),
}


@pytest.mark.parametrize("name", SUMS)
def test_gradients_of_many_add_up(name):
    f, data = SUMS[name]
    gradients = []
    for dtype in ("float16", "float64"):
        x = mg.tensor(np.asarray(data, dtype), requires_grad=True)
        z = f(x)
        ones = np.ones(z.shape, dtype)
        (recorded,) = mg.autograd.grad([z], [x], [ones], create_graph=True)
        z.backward(ones)
        assert x.grad.dtype == recorded.dtype == dtype
        np.testing.assert_allclose(recorded.data, x.grad, rtol=2e-3, atol=2e-3)
        gradients.append(x.grad)
    np.testing.assert_allclose(*gradients, rtol=2e-3, atol=2e-3)


TIES = {
    "max": np.max,
    "nanmax": np.nanmax,
    "nanmin": np.nanmin,
    "median": np.median,
    "nanmedian": np.nanmedian,
    "quantile": lambda x: np.quantile(x, 0.3),
    "partition": lambda x: np.partition(x, 5)[5],
    "cummax": lambda x: np.maximum.accumulate(x)[-1],
    "segment_max": lambda x: mg.segment_max(x, np.zeros(x.size, int), 1),
    "norm": lambda x: np.linalg.norm(x, np.inf),
    "max_pool1d": lambda x: F.max_pool1d(x.reshape(1, 1, -1), x.size),
    "max_pool2d": lambda x: F.max_pool2d(x.reshape(1, 1, 70, -1), (70, x.size // 70)),
}


@pytest.mark.parametrize("name", TIES)
@pytest.mark.parametrize("count", [4900, 70000])
def test_many_ties_share_one_gradient(name, count):
    x = mg.tensor(np.ones(count, "float16"), requires_grad=True)
    TIES[name](x).sum().backward()
    np.testing.assert_allclose(x.grad.astype(float), 1 / count, rtol=5e-3)
