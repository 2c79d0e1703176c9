"""Programs after all passes give what the function gives."""

import numpy as np
import pytest

import minigrad as mg
from minigrad import nn
from minigrad.compiler.tracing.trace_comparison import same_bits
from tests.compiler.replaying import X, compiled


def test_results_of_several_parts():
    made = mg.compile(lambda x: np.split(x * 2, 2, axis=1))
    for _ in range(3):
        assert all(same_bits(a, b) for a, b in zip(made(X), np.split(X * 2, 2, axis=1), strict=True))


def test_a_model_is_a_function_too():
    model = nn.Sequential(nn.Linear(4, 5, generator=np.random.default_rng(0)), nn.Tanh())
    made = compiled(model, mg.tensor(X))
    model.eval()
    compiled(model, mg.tensor(X))
    assert "tanh" in made.source()


@pytest.mark.parametrize(
    "f",
    [
        lambda x: mg.nn.functional.max_pool2d(x.reshape(1, 1, 3, 4), 2),
        lambda x: mg.nn.functional.layer_norm(x, (4,)),
        lambda x: mg.nn.functional.one_hot((x > 0).astype(int), 2),
        lambda x: mg.linalg.svd(x, compute_uv=False),
        lambda x: mg.nn.functional.scaled_dot_product_attention(x, x, x),
        lambda x: mg.diagonal(x) + mg.take(x, np.array([0, 1, 2])),
    ],
)
def test_layers(f):
    compiled(f, mg.tensor(X))


def test_an_index_out_of_range_in_a_replay():
    w = nn.Parameter(X.copy())

    def step(i):
        w.zero_grad()
        (w[i] * w[i]).sum().backward()
        return w.grad.sum()

    made = mg.compile(step)
    for _ in range(3):
        made(np.array([0, -1, 2]))
    with pytest.raises(IndexError):
        made(np.array([0, 1, 3]))
