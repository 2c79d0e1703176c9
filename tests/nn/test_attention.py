"""Attention with several heads against its formula, with masks of each kind."""

import numpy as np
import pytest

import minigrad as mg
from minigrad import nn
from minigrad.errors import MinigradError

RNG = np.random.default_rng(0)
L, S, N, E, HEADS = 3, 4, 2, 6, 2
Q, K = RNG.normal(size=(L, N, E)), RNG.normal(size=(S, N, E))


def by_hand(layer, q, k, allowed=None):
    """(L, N, E), head by head."""
    weights = np.split(layer.in_proj_weight.data, 3)
    biases = np.split(layer.in_proj_bias.data, 3)
    q, k, v = (x @ w.T + b for x, w, b in zip((q, k, k), weights, biases, strict=True))
    made = np.empty_like(q)
    for n in range(N):
        for head in np.split(np.arange(E), HEADS):
            scores = q[:, n, head] @ k[:, n, head].T / np.sqrt(E // HEADS)
            if allowed is not None:
                scores = np.where(allowed[n], scores, -np.inf)
            shares = np.exp(scores - scores.max(-1, keepdims=True))
            made[:, n, head] = shares / shares.sum(-1, keepdims=True) @ v[:, n, head]
    return made @ layer.out_proj.weight.data.T + layer.out_proj.bias.data


def attention():
    layer = nn.MultiheadAttention(E, HEADS, dtype="float64", generator=np.random.default_rng(1))
    for p in layer.parameters():
        p.data[...] += 0.01
    return layer


def output(z):
    return (z[0] if isinstance(z, tuple) else z).data


MASKS = {
    "none": ({}, None),
    "of steps": ({"attn_mask": np.eye(L, S, dtype=bool)}, ~np.broadcast_to(np.eye(L, S, dtype=bool), (N, L, S))),
    "of padding": (
        {"key_padding_mask": np.array([[False, False, False, True], [False, True, False, False]])},
        ~np.array([[False, False, False, True], [False, True, False, False]])[:, None].repeat(L, 1),
    ),
}


@pytest.mark.parametrize("name", MASKS)
def test_values(name):
    layer, (options, allowed) = attention(), MASKS[name]
    got = output(layer(mg.tensor(Q), mg.tensor(K), mg.tensor(K), **options))
    np.testing.assert_allclose(got, by_hand(layer, Q, K, allowed), rtol=1e-10)


@pytest.mark.parametrize("wrong", [lambda: nn.MultiheadAttention(6, 4), lambda: attention()(Q, Q[..., :2], Q)])
def test_what_does_not_fit(wrong):
    with pytest.raises(MinigradError):
        wrong()
