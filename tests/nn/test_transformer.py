"""Layers of transformers are made of attention, normalisation and a small network."""

import numpy as np
import pytest

import minigrad as mg
from minigrad import nn
from minigrad.errors import MinigradError

X = np.random.default_rng(0).normal(size=(5, 2, 8))


def layer(kind=nn.TransformerEncoderLayer, **options):
    made = kind(8, 2, 16, dropout=0.0, dtype="float64", **options)
    return made.eval()


@pytest.mark.parametrize("norm_first", [False, True])
@pytest.mark.parametrize("activation", ["relu", "gelu"])
def test_an_encoder_layer_is_its_parts(norm_first, activation):
    made = layer(norm_first=norm_first, activation=activation)
    x = mg.tensor(X)

    def attend(x):
        z = made.self_attn(x, x, x)
        return z[0] if isinstance(z, tuple) else z

    def network(x):
        return made.linear2(getattr(nn.functional, activation)(made.linear1(x)))

    if norm_first:
        expected = x + attend(made.norm1(x))
        expected = expected + network(made.norm2(expected))
    else:
        expected = made.norm1(x + attend(x))
        expected = made.norm2(expected + network(expected))
    np.testing.assert_allclose(made(x).data, expected.data, rtol=1e-10, atol=1e-12)


def test_layers_of_a_stack_have_weights_of_their_own():
    stack = nn.TransformerEncoder([layer() for _ in range(3)]).eval()
    assert len({id(p) for p in stack.parameters()}) == 3 * len(list(layer().parameters()))
    assert stack(mg.tensor(X)).shape == X.shape


def test_a_causal_mask_hides_what_comes_later():
    made, changed = layer(), X.copy()
    changed[3:] += 1
    one, two = (made(mg.tensor(x), is_causal=True).data for x in (X, changed))
    np.testing.assert_allclose(one[:3], two[:3])
    assert not np.allclose(one[3:], two[3:])


def test_a_decoder_looks_at_its_memory():
    made = layer(nn.TransformerDecoderLayer)
    memory = np.random.default_rng(1).normal(size=(4, 2, 8))
    one, two = (made(mg.tensor(X), mg.tensor(m)).data for m in (memory, memory + 1))
    assert one.shape == X.shape
    assert not np.allclose(one, two)


def test_heads_that_do_not_divide_the_width():
    with pytest.raises(MinigradError):
        nn.TransformerEncoderLayer(8, 3)
