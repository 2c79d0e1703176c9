"""Attention in tiles is attention: any sizes, masks and tiles; and its memory goes with the length."""

import numpy as np
import pytest

import minigrad as mg
from minigrad.kernels import attention as kernels
from minigrad.nn import functional as F
from minigrad.ops import attention as ops
from tests.memory import allocations

RNG = np.random.default_rng(0)
NEAR = np.abs(np.arange(9) - np.arange(11)[:, None]) < 2
MASKS = {
    "none": None,
    "bools": RNG.random((11, 9)) > 0.4,
    "near": NEAR,
    "keys of each sample": RNG.random((2, 1, 1, 9)) > 0.4,
    "rows": RNG.random((11, 1)) > 0.4,
    "heads": RNG.random((3, 11, 9)) > 0.4,
    "all": RNG.random((2, 3, 11, 9)) > 0.4,
    "floats": np.where(RNG.random((2, 1, 11, 9)) > 0.4, RNG.normal(size=(2, 1, 11, 9)), -np.inf),
    "nothing": np.zeros((11, 9), bool),
}


@pytest.fixture(params=[(2**18, 64), (40, 3), (9, 1)], ids=["one tile", "some", "a tile for each row"])
def tiles(request, monkeypatch):
    elements, rows = request.param
    monkeypatch.setattr(kernels, "_ELEMENTS", elements)
    monkeypatch.setattr(kernels, "_FEW_ROWS", rows)


def by_hand(q, k, mask, causal):
    """The weights, row by row."""
    scores = np.broadcast_to(q @ np.swapaxes(k, -1, -2) * 0.5, (2, 3, 11, 9)).copy()
    if mask is not None:
        scores = np.where(mask, scores, -np.inf) if mask.dtype == bool else scores + mask
    if causal:
        scores[..., np.arange(9) > np.arange(11)[:, None]] = -np.inf
    p = np.exp(scores)
    total = p.sum(-1, keepdims=True)
    return np.divide(p, total, out=np.zeros_like(p), where=total > 0)


@pytest.mark.parametrize("causal", [False, True])
@pytest.mark.parametrize("mask", MASKS)
@pytest.mark.usefixtures("tiles")
def test_values_and_gradients_are_those_of_the_whole_matrix(mask, causal):
    mask = MASKS[mask]
    q, k, v = RNG.normal(size=(2, 3, 11, 4)), RNG.normal(size=(3, 9, 4)), RNG.normal(size=(2, 1, 9, 2))
    g, p = RNG.normal(size=(2, 3, 11, 2)), by_hand(q, k, mask, causal)
    z, logs = kernels.attention(q, k, v, mask, causal, 0.5)
    np.testing.assert_allclose(z, p @ v, rtol=1e-10, atol=1e-12)
    of_p = g @ np.swapaxes(v, -1, -2)
    slope = p * (of_p - (of_p * p).sum(-1, keepdims=True)) * 0.5
    expected = slope @ k, np.swapaxes(slope, -1, -2) @ q, np.swapaxes(p, -1, -2) @ g
    found = kernels.attention_back(g, z, logs, q, k, v, mask, causal, 0.5)
    wanted = np.concatenate([x.reshape(2, 3, -1) for x in expected], -1)
    np.testing.assert_allclose(found, wanted, rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("sizes", [(0, 5), (5, 0), (0, 0)])
@pytest.mark.parametrize("causal", [False, True])
def test_without_queries_or_keys(sizes, causal):
    queries, keys = sizes
    q, k, v = np.ones((2, queries, 4)), np.ones((2, keys, 4)), np.ones((2, keys, 3))
    z, logs = kernels.attention(q, k, v, None, causal, 0.5)
    assert z.shape == (2, queries, 3)
    assert not z.any()
    found = kernels.attention_back(np.ones_like(z), z, logs, q, k, v, None, causal, 0.5)
    assert found.shape == (2, 4 * queries + 7 * keys)
    assert not found.any()


def test_keys_that_no_query_of_a_tile_sees_are_left_out():
    """A NaN in them, which a product would spread, stays where it is."""
    q, k, v = RNG.normal(size=(130, 4)), RNG.normal(size=(130, 4)), RNG.normal(size=(130, 4))
    k[100:] = np.nan
    for mask, causal in ((None, True), (np.tri(130, dtype=bool), False), (np.arange(130)[None] < 100, False)):
        z, _ = kernels.attention(q, k, v, mask, causal, 0.5)
        assert np.isfinite(z[:64]).all()


@pytest.fixture
def always(monkeypatch):
    monkeypatch.setattr(ops, "LARGE", 0)
    monkeypatch.setattr(ops, "LARGE_CAUSAL", 0)


def both(function, monkeypatch):
    found = []
    for size in (0, 2**40):
        monkeypatch.setattr(ops, "LARGE", size)
        monkeypatch.setattr(ops, "LARGE_CAUSAL", size)
        found.append(function())
    return found


@pytest.mark.parametrize("causal", [False, True])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_all_transforms_are_those_of_the_whole_matrix(causal, dtype, monkeypatch):
    q, k, v, u = (RNG.normal(size=(2, 5, 3)).astype(dtype) for _ in range(4))

    def loss(q, k, v):
        return (F.scaled_dot_product_attention(q, k, v, is_causal=causal) ** 3).sum()

    def answers():
        slopes, weights = mg.grad(loss, (0, 1, 2)), mg.grad(loss, (0, 1))
        return [
            *slopes(q, k, v), *mg.vmap(slopes)(q, k, v), *mg.vmap(weights, (0, None, None))(q, k[0], v[0]),
            mg.hvp(lambda q: loss(q, k, v), q, u), mg.hessian(loss)(q, k, v),
            mg.jvp(lambda k: loss(q, k, v), (k,), (u,))[1], mg.compile(mg.grad(loss))(q, k, v),
        ]  # fmt: skip

    rtol, atol = (1e-3, 1e-4) if dtype == np.float32 else (1e-9, 1e-10)
    for tiled, whole in zip(*both(answers, monkeypatch), strict=True):
        assert tiled.dtype == dtype
        np.testing.assert_allclose(tiled, whole, rtol=rtol, atol=atol)


@pytest.mark.parametrize("mask", [True, np.arange(4) < 2, np.full(4, 0.5), [[True, False, True, True]]], ids=repr)
def test_masks_of_fewer_axes(mask, monkeypatch):
    q = RNG.normal(size=(2, 4, 3))
    tiled, whole = both(lambda: F.scaled_dot_product_attention(q, q, q, mask), monkeypatch)
    np.testing.assert_allclose(tiled, whole, rtol=1e-12)


@pytest.mark.usefixtures("always")
def test_what_tiles_are_not_for_takes_the_whole_matrix():
    """A mask that has a gradient, several dtypes, float16, complex numbers."""
    q = RNG.normal(size=(4, 3))
    mask = mg.tensor(RNG.normal(size=(4, 4)), requires_grad=True)
    F.scaled_dot_product_attention(q, q, q, mask).sum().backward()
    assert mask.grad.shape == (4, 4)
    assert F.scaled_dot_product_attention(mg.tensor(q.astype("f4")), q, q).dtype == np.float64
    half = mg.tensor(q.astype("f2"))
    assert F.scaled_dot_product_attention(half, half, half).dtype == np.float16


def test_memory_goes_with_the_length_forward_and_backward():
    """Scores of 2,048 x 2,048 would take 16 MiB each."""
    q, k, v = (mg.tensor(RNG.normal(size=(2048, 8)).astype("f4"), requires_grad=True) for _ in range(3))
    F.scaled_dot_product_attention(q[:64], k[:64], v[:64]).sum().backward()
    with allocations() as traced:
        F.scaled_dot_product_attention(q, k, v).sum().backward()
        assert traced()[1] < 6 * 2**20


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("added", [-1e9, -1e30, "least", 1e9])
def test_a_row_whose_scores_all_are_far_from_0_has_weights_that_add_up_to_1(dtype, added):
    """Beside such numbers the logarithm of the sum is lost."""
    added = np.finfo(dtype).min / 2 if added == "least" else added
    mask = np.array([[0], [added], [0]], dtype)
    q, k, v, g = [RNG.normal(size=(2, n, 4)).astype(dtype) for n in (3, 9, 9, 3)]
    z, logs = kernels.attention(q, k, v, mask, False, 0.5)
    found = kernels.attention_back(g, z, logs, q, k, v, mask, False, 0.5)
    scores = np.float64(0.5) * q.astype(dtype) @ np.swapaxes(k, -1, -2) + mask
    scores = scores.astype(dtype).astype("float64")
    p = np.exp(scores - scores.max(-1, keepdims=True))
    p /= p.sum(-1, keepdims=True)
    of_v = (np.swapaxes(p, -1, -2) @ g).reshape(2, -1)
    assert np.allclose(z, p @ v, rtol=1e-4, atol=1e-5)
    assert np.allclose(found[:, -36:], of_v, rtol=1e-4, atol=1e-5)
    of_p = g @ np.swapaxes(v, -1, -2)
    of_q = (p * (of_p - (of_p * p).sum(-1, keepdims=True)) * 0.5) @ k
    assert np.allclose(found[:, :12], of_q.reshape(2, -1), rtol=1e-4, atol=1e-5)
