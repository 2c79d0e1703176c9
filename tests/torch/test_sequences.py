"""Recurrent layers and transformers beside PyTorch's, with PyTorch's weights: values, and gradients of all there is."""

import itertools

import numpy as np
import pytest

import minigrad as mg
from minigrad import nn
from tests.torch.differential import torch

RNG = np.random.default_rng(7)

# Functions of the table that have no row of their own here.
WITHOUT = {"recurrent_scan": "compared as RNN, LSTM and GRU below: PyTorch has no such function"}


def normal(*shape):
    return RNG.normal(size=shape)


def pair(name, *sizes, **options):
    """Our module and PyTorch's of this name, in float64, with the same weights."""
    theirs = getattr(torch.nn, name)(*sizes, **options).double()
    ours = getattr(nn, name)(*sizes, **options, dtype=np.float64)
    ours.load_state_dict({key: value.numpy() for key, value in theirs.state_dict().items()})
    return ours, theirs


def flat(results):
    return [part for r in results for part in (flat(r) if isinstance(r, (tuple, list)) else [r]) if part is not None]


def compare(ours, theirs, arrays, call=lambda m, *xs: m(*xs), call_theirs=None, tolerance=1e-10):
    """Every output, and the gradients of inputs and parameters for random weights of the outputs."""
    xs = [mg.tensor(a, requires_grad=True) for a in arrays]
    ys = [torch.tensor(a, requires_grad=True) for a in arrays]
    got, want = flat([call(ours, *xs)]), flat([(call_theirs or call)(theirs, *ys)])
    assert len(got) == len(want)
    rng = np.random.default_rng(0)
    loss, their_loss = 0, 0
    for z, expected in zip(got, want, strict=True):
        np.testing.assert_allclose(z.data, expected.detach().numpy(), rtol=tolerance, atol=tolerance)
        weights = rng.normal(size=z.shape)
        loss = loss + (z * weights).sum()
        their_loss = their_loss + (expected * torch.tensor(weights)).sum()
    loss.backward()
    their_loss.backward()
    for x, y in zip(xs, ys, strict=True):
        np.testing.assert_allclose(x.grad, y.grad.numpy(), rtol=tolerance, atol=tolerance, err_msg="input")
    their_parameters = dict(theirs.named_parameters())
    assert [name for name, _ in ours.named_parameters()] == list(their_parameters)
    for name, p in ours.named_parameters():
        expected = their_parameters[name].grad.numpy()
        np.testing.assert_allclose(p.grad, expected, rtol=tolerance, atol=tolerance, err_msg=name)


# -- recurrent layers ---------------------------------------------------------------------------

OPTIONS = [
    {"num_layers": layers, "bidirectional": both, "batch_first": first, "bias": bias}
    for layers, both, first, bias in itertools.product((1, 3), (False, True), (False, True), (True, False))
]


def identify(options):
    return ",".join(key for key, value in options.items() if value and value != 1) or "plain"


@pytest.mark.parametrize("options", OPTIONS, ids=identify)
@pytest.mark.parametrize("name", ["RNN", "GRU", "LSTM"])
def test_recurrent_layers(name, options):
    ours, theirs = pair(name, 3, 4, **options)
    compare(ours, theirs, [normal(2, 5, 3)])


@pytest.mark.parametrize("both", [False, True])
@pytest.mark.parametrize("name", ["RNN", "GRU", "LSTM"])
def test_first_states(name, both):
    ours, theirs = pair(name, 3, 4, num_layers=2, bidirectional=both)
    states = [normal(4 if both else 2, 2, 4) for _ in range(2 if name == "LSTM" else 1)]
    compare(ours, theirs, [normal(5, 2, 3), *states], lambda m, x, *s: m(x, s if name == "LSTM" else s[0]))


@pytest.mark.parametrize("options", OPTIONS[::2], ids=identify)
@pytest.mark.parametrize("name", ["RNN", "GRU", "LSTM"])
def test_lengths_are_packed_sequences(name, options):
    ours, theirs = pair(name, 3, 4, **options)
    first = options["batch_first"]
    lengths = np.array([4, 1, 6, 2])
    x = normal(4, 6, 3) if first else normal(6, 4, 3)
    states = [normal(options["num_layers"] * (1 + options["bidirectional"]), 4, 4) for _ in range(1 + (name == "LSTM"))]

    def packed(m, x, *s):
        pack = torch.nn.utils.rnn.pack_padded_sequence(x, torch.tensor(lengths), first, enforce_sorted=False)
        output, last = m(pack, s if name == "LSTM" else s[0])
        return torch.nn.utils.rnn.pad_packed_sequence(output, first, total_length=6)[0], last

    compare(ours, theirs, [x, *states], lambda m, x, *s: m(x, s if name == "LSTM" else s[0], lengths), packed)


@pytest.mark.parametrize("name", ["RNN", "GRU", "LSTM"])
def test_one_sequence_without_a_batch(name):
    ours, theirs = pair(name, 3, 4, bidirectional=True, batch_first=True)
    compare(ours, theirs, [normal(5, 3)])
    states = [normal(2, 4) for _ in range(2 if name == "LSTM" else 1)]
    compare(
        *pair(name, 3, 4, bidirectional=True),
        [normal(5, 3), *states],
        lambda m, x, *s: m(x, s[0] if s[1:] == () else s),
    )


def test_a_layer_of_relu_units():
    compare(*pair("RNN", 3, 4, nonlinearity="relu", num_layers=2), [normal(6, 2, 3)])


@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize("batch", [(), (2,)])
@pytest.mark.parametrize("name", ["RNNCell", "GRUCell", "LSTMCell"])
def test_cells(name, batch, bias):
    lstm = name == "LSTMCell"
    arrays = [normal(*batch, 3), *[normal(*batch, 4) for _ in range(1 + lstm)]]
    compare(*pair(name, 3, 4, bias=bias), arrays, lambda m, x, *s: m(x, s if lstm else s[0]))
    compare(*pair(name, 3, 4, bias=bias), arrays[:1])


def test_a_cell_of_relu_units():
    compare(*pair("RNNCell", 3, 4, nonlinearity="relu"), [normal(2, 3), normal(2, 4)])


@pytest.mark.parametrize("name", ["RNN", "GRU", "LSTM"])
def test_second_derivatives(name):
    """The gradient of a sum of squared gradients, as a gradient penalty has it."""
    ours, theirs = pair(name, 3, 4, bidirectional=True)
    x = normal(4, 2, 3)
    a, b = mg.tensor(x, requires_grad=True), torch.tensor(x, requires_grad=True)
    (first,) = mg.autograd.grad((ours(a)[0] ** 2).sum(), [a], create_graph=True)
    (their_first,) = torch.autograd.grad((theirs(b)[0] ** 2).sum(), [b], create_graph=True)
    (first**2).sum().backward()
    (their_first**2).sum().backward()
    np.testing.assert_allclose(a.grad, b.grad.numpy(), rtol=1e-9, atol=1e-12)
    their_parameters = dict(theirs.named_parameters())
    for key, p in ours.named_parameters():
        expected = their_parameters[key].grad
        expected = np.zeros(p.shape) if expected is None else expected.numpy()
        np.testing.assert_allclose(p.grad, expected, rtol=1e-9, atol=1e-12, err_msg=key)


# -- attention and transformers -----------------------------------------------------------------

MASKS = {
    "none": {},
    "bools": {"attn_mask": np.triu(np.ones((3, 5), bool), 2)},
    "floats": {"attn_mask": normal(3, 5)},
    "each head": {"attn_mask": np.arange(8 * 15).reshape(8, 3, 5) % 7 == 3},
    "padding": {"key_padding_mask": np.arange(5) >= np.array([[3], [5], [1], [4]])},
    "padding of floats": {"key_padding_mask": normal(4, 5)},
    "both": {
        "attn_mask": np.triu(np.ones((3, 5), bool), 2),
        "key_padding_mask": np.arange(5) >= np.array([[3], [5], [1], [4]]),
    },
    "floats and bools": {
        "attn_mask": normal(3, 5), "key_padding_mask": np.arange(5) >= np.array([[3], [5], [1], [4]]),
    },
}  # fmt: skip


def with_masks(masks, **options):
    """A call of ours and one of PyTorch's, which wants both masks in one dtype."""
    mixed = len({m.dtype for m in masks.values()}) > 1

    def theirs(m, *xs):
        found = {name: torch.tensor(mask) for name, mask in masks.items()}
        if mixed:
            found = {
                name: mask.double().masked_fill(mask, -torch.inf) if mask.dtype == torch.bool else mask
                for name, mask in found.items()
            }
        return m(*xs, **found, **options)

    return lambda m, *xs: m(*xs, **masks, **options), theirs


@pytest.mark.parametrize("first", [False, True])
@pytest.mark.parametrize("masks", MASKS.values(), ids=MASKS)
def test_multihead_attention(masks, first):
    arrays = [normal(4, 3, 6), normal(4, 5, 6), normal(4, 5, 6)]
    arrays = arrays if first else [a.swapaxes(0, 1) for a in arrays]
    for bias, options in ((True, {}), (False, {"average_attn_weights": False}), (True, {"need_weights": False})):
        compare(*pair("MultiheadAttention", 6, 2, bias=bias, batch_first=first), arrays, *with_masks(masks, **options))


def test_multihead_attention_of_one_sequence():
    arrays = [normal(3, 6), normal(5, 6), normal(5, 6)]
    masks = {"attn_mask": np.triu(np.ones((3, 5), bool), 2), "key_padding_mask": np.arange(5) == 1}
    for m in ({}, masks):
        compare(*pair("MultiheadAttention", 6, 2), arrays, *with_masks(m))


def test_self_attention_that_is_causal():
    ours, theirs = pair("MultiheadAttention", 6, 2)
    mask = torch.nn.Transformer.generate_square_subsequent_mask(4, dtype=torch.float64)
    for need in (False, True):
        compare(
            ours, theirs, [normal(4, 3, 6)], lambda m, x: m(x, x, x, is_causal=True, need_weights=need),  # noqa: B023
            lambda m, x: m(x, x, x, is_causal=True, attn_mask=mask, need_weights=need),  # noqa: B023
        )  # fmt: skip
        ours.zero_grad()
        theirs.zero_grad()


LAYER = [
    {"norm_first": norm_first, "activation": activation, "batch_first": first, "bias": bias, "dropout": 0.0}
    for norm_first, activation, first, bias in itertools.product(
        (False, True), ("relu", "gelu"), (False, True), (True, False)
    )
]


@pytest.mark.parametrize("options", LAYER, ids=lambda o: ",".join(str(v) for v in o.values()))
def test_encoder_layer(options):
    ours, theirs = pair("TransformerEncoderLayer", 6, 2, 7, **options)
    first = options["batch_first"]
    x = normal(2, 4, 6) if first else normal(4, 2, 6)
    causal = torch.nn.Transformer.generate_square_subsequent_mask(4, dtype=torch.float64)
    padding = np.arange(4) >= np.array([[3], [4]])
    compare(ours, theirs, [x], lambda m, x: m(x, is_causal=True), lambda m, x: m(x, causal, is_causal=True))
    ours, theirs = pair("TransformerEncoderLayer", 6, 2, 7, **options)
    compare(
        ours, theirs, [x], lambda m, x: m(x, src_key_padding_mask=padding),
        lambda m, x: m(x, src_key_padding_mask=torch.tensor(padding)),
    )  # fmt: skip


@pytest.mark.parametrize("options", LAYER, ids=lambda o: ",".join(str(v) for v in o.values()))
def test_decoder_layer(options):
    ours, theirs = pair("TransformerDecoderLayer", 6, 2, 7, **options)
    first = options["batch_first"]
    arrays = [normal(2, 4, 6), normal(2, 5, 6)]
    arrays = arrays if first else [a.swapaxes(0, 1) for a in arrays]
    causal = torch.nn.Transformer.generate_square_subsequent_mask(4, dtype=torch.float64)
    padding, across = np.arange(5) >= np.array([[3], [5]]), np.arange(20).reshape(4, 5) % 4 == 1
    compare(
        ours, theirs, arrays,
        lambda m, x, y: m(x, y, memory_mask=across, memory_key_padding_mask=padding, tgt_is_causal=True),
        lambda m, x, y: m(
            x, y, causal, torch.tensor(across), memory_key_padding_mask=torch.tensor(padding), tgt_is_causal=True
        ),
    )  # fmt: skip


def test_stacks():
    for kind, arrays in (("Encoder", [normal(4, 2, 6)]), ("Decoder", [normal(4, 2, 6), normal(5, 2, 6)])):
        inner, theirs_inner = pair(f"Transformer{kind}Layer", 6, 2, 7, dropout=0.0)
        layers = [inner, pair(f"Transformer{kind}Layer", 6, 2, 7, dropout=0.0)[0]]
        ours = getattr(nn, f"Transformer{kind}")(layers, nn.LayerNorm(6, dtype=np.float64))
        options = {"enable_nested_tensor": False} if kind == "Encoder" else {}
        theirs = getattr(torch.nn, f"Transformer{kind}")(theirs_inner, 2, torch.nn.LayerNorm(6).double(), **options)
        ours.load_state_dict({key: value.numpy() for key, value in theirs.state_dict().items()})
        compare(ours, theirs, arrays)
