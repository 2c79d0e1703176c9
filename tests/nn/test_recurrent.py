"""Recurrent layers, attention and transformers: shapes, dtypes, errors, and what a formula must not do."""

import copy
import gc

import numpy as np
import pytest
from hypothesis import given

import minigrad as mg
from minigrad import nn
from minigrad.errors import DTypeError, HyperparameterError, ShapeError, StateError, TargetError
from minigrad.kernels import recurrent as kernels
from minigrad.nn import functional as F
from minigrad.ops import recurrent
from minigrad.testing import check_gradients
from tests.ops import composites
from tests.samples import samples

LAYERS = {"RNN": nn.RNN, "GRU": nn.GRU, "LSTM": nn.LSTM}
CELLS = {"RNNCell": nn.RNNCell, "GRUCell": nn.GRUCell, "LSTMCell": nn.LSTMCell}


def normal(*shape, seed=0):
    return np.random.default_rng(seed).standard_normal(shape).astype(np.float32)


def output(results):
    return results[0] if isinstance(results, tuple) else results


# -- the operation ------------------------------------------------------------------------------


def derivatives(f, arrays, call, options):
    xs = [mg.tensor(x, requires_grad=True) if x.dtype.kind == "f" else x for x in arrays]
    leaves = [x for x in xs if isinstance(x, mg.Tensor)]
    z = call(f, xs, options)
    first = mg.autograd.grad((z * np.cos(np.arange(z.size)).reshape(z.shape)).sum(), leaves, create_graph=True)
    total = sum((g * np.sin(1 + np.arange(g.size)).reshape(g.shape)).sum() for g in first)
    second = mg.autograd.grad(total, leaves, allow_unused=True)
    return [z, *first, *[mg.zeros_like(x) if g is None else g for g, x in zip(second, leaves, strict=True)]]


def test_the_scan_equals_its_composite_in_value_and_both_gradients():
    @given(samples(F.recurrent_scan))
    def check(sample):
        got = derivatives(F.recurrent_scan, *sample[:1], sample.call, sample.options)
        want = derivatives(composites.recurrent_scan, *sample[:1], sample.call, sample.options)
        for one, two in zip(got, want, strict=True):
            np.testing.assert_allclose(one.data, two.data, rtol=1e-8, atol=1e-8)

    check()


@pytest.mark.parametrize("cell", sorted(recurrent.CELLS))
@pytest.mark.parametrize("with_lengths", [False, True])
@pytest.mark.parametrize("with_bias", [False, True])
def test_the_way_back_on_arrays_is_the_recorded_one(cell, with_lengths, with_bias, monkeypatch):
    row, rng = recurrent.CELLS[cell], np.random.default_rng(0)
    steps, batch, hidden = 7, 3, 2
    state = (batch, hidden) if row.states == 1 else (2, batch, hidden)
    shapes = [(steps, batch, row.gates * hidden), state, (row.gates * hidden, hidden), (row.gates * hidden,)]
    arrays = [rng.standard_normal(shape) for shape in shapes[: 3 + with_bias]]
    ended = np.arange(steps)[:, None, None] >= np.array([[7], [0], [4]]) if with_lengths else None
    xs = [mg.tensor(x, requires_grad=True) for x in arrays]

    def gradients(shared, recorded):
        z = F.recurrent_scan(*xs, *([] if with_bias else [None]), ended, cell, shared)
        return mg.autograd.grad((z * np.cos(np.arange(z.size)).reshape(z.shape)).sum(), xs, create_graph=recorded)

    want = gradients(None, True)
    for size in (1, 3 * 8 * 4 * hidden * batch, 1 << 20):  # blocks of one step, of some, and of all
        monkeypatch.setattr(kernels, "BLOCK_BYTES", size)
        for shared in (None, recurrent.Shared()):
            for one, two in zip(gradients(shared, False), want, strict=True):
                np.testing.assert_allclose(one.data, two.data, rtol=1e-9, atol=1e-9)


def test_the_way_back_is_gone_once_for_all_arguments_and_anew_for_another_gradient(monkeypatch):
    calls = []
    plain = recurrent._pullback
    monkeypatch.setattr(recurrent, "_pullback", lambda *args: calls.append(1) or plain(*args))
    gru, x = nn.GRU(2, 3), mg.tensor(normal(4, 2, 2), requires_grad=True)
    z = gru(x)[0]
    z.backward(np.ones(z.shape, np.float32), retain_graph=True)
    assert len(calls) == 1
    first = x.grad.copy()
    z.backward(np.full(z.shape, 2, np.float32))
    assert len(calls) == 2
    np.testing.assert_allclose(x.grad, 3 * first, rtol=1e-5)


def test_no_cycle_is_left_also_by_a_recorded_backward():
    gru, x = nn.GRU(2, 3), mg.tensor(normal(4, 2, 2), requires_grad=True)
    gc.collect()
    gc.disable()
    try:
        z = gru(x)[0]
        (g,) = mg.autograd.grad((z * z).sum(), [x], create_graph=True)
        (g * g).sum().backward()
        del z, g
        assert gc.collect() == 0
    finally:
        gc.enable()


def test_large_numbers_neither_overflow_nor_warn():
    for layer in LAYERS.values():
        m = layer(2, 3)
        x = mg.tensor(np.array([[[1e30, -1e30]], [[-1e30, 1e30]]], np.float32), requires_grad=True)
        z = m(x)[0]
        z.sum().backward()
        assert np.isfinite(z.data).all()
        assert np.isfinite(x.grad).all()


def test_third_derivatives():
    w = normal(6, 2).astype(float)
    check_gradients(
        lambda p, h: F.recurrent_scan(p, h, w, None, None, "gru"), normal(2, 1, 6).astype(float),
        normal(1, 2).astype(float), order=3,
    )  # fmt: skip


# -- recurrent layers ---------------------------------------------------------------------------


@pytest.mark.parametrize("name", LAYERS)
def test_float32_stays_in_values_states_and_gradients(name):
    m = LAYERS[name](3, 4, num_layers=2, bidirectional=True)
    x = mg.tensor(normal(5, 2, 3), requires_grad=True)
    z, last = m(x, lengths=np.array([5, 2]))
    assert (z.shape, z.dtype) == ((5, 2, 8), np.float32)
    for state in last if name == "LSTM" else (last,):
        assert (state.shape, state.dtype) == ((4, 2, 4), np.float32)
    z.sum().backward()
    assert {g.dtype for g in [x.grad, *[p.grad for p in m.parameters()]]} == {np.dtype(np.float32)}


@pytest.mark.parametrize("name", LAYERS)
def test_what_lies_behind_the_end_is_never_read(name):
    m = LAYERS[name](3, 4, num_layers=2, bidirectional=True)
    x, lengths = normal(5, 2, 3), np.array([5, 2])
    spoilt = x.copy()
    spoilt[2:, 1] = np.nan
    got, want = [], []
    for values, found in ((spoilt, got), (x, want)):
        t = mg.tensor(values, requires_grad=True)
        z, last = m(t, lengths=lengths)
        m.zero_grad()
        (z.sum() + output(last).sum()).backward()
        found += [z.data, output(last).data, t.grad, *[p.grad for p in m.parameters()]]
    for one, two in zip(got, want, strict=True):
        np.testing.assert_array_equal(one, two)
    assert not got[0][2:, 1].any()
    assert not got[2][2:, 1].any()
    alone = m(mg.tensor(x[:2, 1:]))
    np.testing.assert_allclose(
        output(m(mg.tensor(x), lengths=lengths)[1]).data[:, 1:], output(alone[1]).data, rtol=1e-5, atol=1e-6
    )


def test_a_sequence_of_length_zero_keeps_its_first_state():
    m, first = nn.GRU(3, 4), normal(1, 2, 4)
    z, last = m(mg.tensor(normal(5, 2, 3)), mg.tensor(first), [0, 5])
    np.testing.assert_array_equal(last.data[:, 0], first[:, 0])
    assert not z.data[:, 0].any()


@pytest.mark.parametrize("name", CELLS)
def test_a_loop_over_a_cell_is_the_layer(name):
    layer, cell = LAYERS[name[:-4]](3, 4), CELLS[name](3, 4)
    cell.load_state_dict({key.removesuffix("_l0"): value for key, value in layer.state_dict().items()})
    x, state = mg.tensor(normal(5, 2, 3)), None
    states = []
    for step in x:
        state = cell(step, state)
        states.append(output(state).data)
    np.testing.assert_allclose(np.stack(states), layer(x)[0].data, rtol=1e-5, atol=1e-6)


def test_dropout_acts_between_layers_in_training_alone():
    make = lambda seed: nn.GRU(3, 4, num_layers=2, dropout=0.5, generator=np.random.default_rng(seed))  # noqa: E731
    x = mg.tensor(normal(5, 2, 3))
    m = make(0)
    one, two = m(x)[0].data, m(x)[0].data
    assert (one != two).any()
    np.testing.assert_array_equal(make(0)(x)[0].data, one)  # the generator is all that it depends on
    m.eval()
    np.testing.assert_array_equal(m(x)[0].data, m(x)[0].data)


def test_first_weights_are_within_one_over_the_root_of_the_hidden_size():
    m = nn.LSTM(3, 16, generator=np.random.default_rng(0))
    for _, p in m.named_parameters():
        assert np.abs(p.data).max() <= 0.25
        assert np.abs(p.data).max() > 0.2
    mg.manual_seed(3)
    one = nn.GRU(2, 2).state_dict()
    mg.manual_seed(3)
    two = nn.GRU(2, 2).state_dict()
    assert all((one[key] == two[key]).all() for key in one)


@pytest.mark.parametrize("name", LAYERS)
def test_the_input_size_may_be_left_to_the_first_call(name):
    m = LAYERS[name](None, 4, bidirectional=True, dtype="float64", generator=np.random.default_rng(0))
    with pytest.raises(StateError, match="weight_ih_l0 is made when its layer is called for the first time"):
        m.parameters()
    with pytest.raises(ShapeError, match=r"got \(3,\)"):
        m(X[0, 0])
    assert m(np.ones((5, 2, 3)))[0].shape == (5, 2, 8)
    assert m.input_size == 3
    assert m.weight_ih_l0.shape == m.weight_ih_l0_reverse.shape == (m.weight_hh_l0.shape[0], 3)
    assert {p.dtype for p in m.parameters()} == {np.dtype(np.float64)}
    with pytest.raises(ShapeError):
        m(np.ones((5, 2, 4)))


def test_plain_arrays_and_copies():
    m = nn.GRU(3, 4)
    z = m(normal(5, 2, 3))[0]
    np.testing.assert_array_equal(copy.deepcopy(m)(mg.tensor(normal(5, 2, 3)))[0].data, z.data)


def test_reprs_say_what_is_not_as_by_default():
    assert repr(nn.GRU(3, 4)) == "GRU(3, 4)"
    m = nn.LSTM(3, 4, 2, bias=False, batch_first=True, dropout=0.5, bidirectional=True)
    assert repr(m) == "LSTM(3, 4, num_layers=2, bias=False, batch_first=True, dropout=0.5, bidirectional=True)"
    assert repr(nn.RNN(3, 4, nonlinearity="relu")) == "RNN(3, 4, nonlinearity=relu)"
    assert repr(nn.GRUCell(3, 4, bias=False)) == "GRUCell(3, 4, bias=False)"
    attention = nn.MultiheadAttention(4, 2, dropout=0.5, bias=False, batch_first=True)
    assert "embed_dim=4, num_heads=2, dropout=0.5, bias=False, batch_first=True" in repr(attention)


X = mg.tensor(normal(5, 2, 3))


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: nn.GRU(0, 4), HyperparameterError, "input_size is a whole number of at least 1, got 0"),
        (lambda: nn.GRU(3, 4, num_layers=0), HyperparameterError, "num_layers"),
        (lambda: nn.GRU(3, 4, 2, dropout=1.5), HyperparameterError, "probability"),
        (lambda: nn.GRU(3, 4, dropout=0.5), HyperparameterError, "put nn.Dropout behind it"),
        (lambda: nn.RNN(3, 4, nonlinearity="gelu"), HyperparameterError, "'tanh' or 'relu', got 'gelu'"),
        (lambda: nn.RNNCell(3, 4, nonlinearity="gelu"), HyperparameterError, "'tanh' or 'relu', got 'gelu'"),
        (lambda: nn.GRU(4, 4)(X), ShapeError, r"\(steps, batch, 4\), or \(steps, 4\) for one, got \(5, 2, 3\)"),
        (lambda: nn.GRU(4, 4, batch_first=True)(X), ShapeError, r"\(batch, steps, 4\)"),
        (lambda: nn.GRU(3, 4)(X[0, 0]), ShapeError, r"got \(3,\)"),
        (lambda: nn.GRU(3, 4)(np.ones((5, 2, 3), int)), DTypeError, "astype"),
        (lambda: nn.GRU(3, 4)(X, X), ShapeError, r"an array of shape \(1, 2, 4\), got \[\(5, 2, 3\)\]"),
        (lambda: nn.LSTM(3, 4)(X, X), ShapeError, r"a pair \(h, c\), each of shape \(1, 2, 4\)"),
        (lambda: nn.LSTM(3, 4)(X[:, 0], (X, X)), ShapeError, r"each of shape \(1, 4\)"),
        (lambda: nn.GRU(3, 4)(X, lengths=[5.0, 2.0]), DTypeError, "lengths are integers"),
        (lambda: nn.GRU(3, 4)(X, lengths=[5]), ShapeError, r"shape \(2,\), got \(1,\)"),
        (lambda: nn.GRU(3, 4)(X, lengths=[5, 6]), TargetError, "from 0 to 5, the number of steps; got 5 to 6"),
        (lambda: nn.GRU(3, 4)(X, lengths=[-1, 5]), TargetError, "got -1 to 5"),
        (lambda: nn.GRUCell(4, 4)(X[0]), ShapeError, r"one step of shape \(batch, 4\)"),
        (lambda: nn.GRUCell(3, 4)(X[0], X[0]), ShapeError, r"an array of shape \(2, 4\)"),
        (lambda: nn.LSTMCell(3, 4)(X[0], X[0]), ShapeError, r"a pair \(h, c\)"),
    ],
)
def test_errors_of_recurrent_layers(call, error, message):
    with pytest.raises(error, match=message):
        call()


# -- attention and transformers -----------------------------------------------------------------


def test_float32_stays_in_transformers():
    layer = nn.TransformerDecoderLayer(8, 2, 16, activation="gelu")
    x, memory = mg.tensor(normal(4, 2, 8), requires_grad=True), mg.tensor(normal(5, 2, 8), requires_grad=True)
    padding = np.arange(5) >= np.array([[3], [5]])
    z = layer(x, memory, memory_key_padding_mask=padding, memory_mask=normal(4, 5), tgt_is_causal=True)
    assert (z.shape, z.dtype) == (x.shape, np.float32)
    z.sum().backward()
    assert {g.dtype for g in [x.grad, memory.grad, *[p.grad for p in layer.parameters()]]} == {np.dtype(np.float32)}


def test_a_causal_layer_does_not_see_what_comes_later():
    layer = nn.TransformerEncoderLayer(8, 2, 16, dropout=0.0, batch_first=True)
    x = normal(1, 6, 8)
    changed = x.copy()
    changed[:, 4:] += 1
    one, two = [layer(mg.tensor(v), is_causal=True).data for v in (x, changed)]
    np.testing.assert_array_equal(one[:, :4], two[:, :4])
    assert (one[:, 4:] != two[:, 4:]).all()


def test_causal_and_padding_masks_together():
    attention = nn.MultiheadAttention(4, 2, batch_first=True)
    x, padding = mg.tensor(normal(2, 3, 4)), np.array([[False, False, True], [False, True, False]])
    both = np.triu(np.ones((3, 3), bool), 1)
    one = attention(x, x, x, padding, is_causal=True)[1]
    two = attention(x, x, x, padding, attn_mask=both)[1]
    np.testing.assert_array_equal(one.data, two.data)
    assert one.data[0, 2].tolist()[2] == 0


def test_a_query_that_may_see_nothing_gives_the_bias_and_no_nan():
    attention = nn.MultiheadAttention(4, 2, batch_first=True)
    attention.out_proj.bias.data = np.array([1, 2, 3, 4], np.float32)
    x = mg.tensor(normal(1, 3, 4), requires_grad=True)
    z, weights = attention(x, x, x, np.ones((1, 3), bool))
    assert z.data[0].tolist() == [[1, 2, 3, 4]] * 3
    assert not weights.data.any()
    z.sum().backward()
    assert not x.grad.any()


def test_a_mask_of_floats_that_is_learned_gets_a_gradient():
    attention = nn.MultiheadAttention(4, 2)
    x, mask = mg.tensor(normal(3, 1, 4)), mg.tensor(normal(3, 3), requires_grad=True)
    (attention(x, x, x, attn_mask=mask)[0] ** 2).sum().backward()
    assert mask.grad.any()


def test_dropout_of_attention_weights():
    attention = nn.MultiheadAttention(4, 2, dropout=0.5, generator=np.random.default_rng(0))
    x = mg.tensor(normal(8, 2, 4))
    one, weights = attention(x, x, x)
    assert (weights.data == 0).any()
    two, nothing = attention(x, x, x, need_weights=False)
    assert nothing is None
    assert (one.data != two.data).any()
    attention.eval()
    np.testing.assert_array_equal(attention(x, x, x)[0].data, attention(x, x, x)[0].data)


def test_stacks_take_their_layers():
    layers = [nn.TransformerEncoderLayer(4, 2, 8, activation=F.silu) for _ in range(2)]
    stack = nn.TransformerEncoder(layers)
    assert list(stack.layers) == layers
    assert stack(mg.tensor(normal(3, 2, 4))).shape == (3, 2, 4)
    decoder = nn.TransformerDecoder([nn.TransformerDecoderLayer(4, 2, 8)])
    assert decoder(mg.tensor(normal(3, 2, 4)), mg.tensor(normal(5, 2, 4)), tgt_is_causal=True).shape == (3, 2, 4)


Q, A = mg.tensor(normal(3, 2, 4)), nn.MultiheadAttention(4, 2)


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: nn.MultiheadAttention(4, 3), HyperparameterError, "3 heads do not divide embed_dim=4"),
        (lambda: nn.MultiheadAttention(4, 2, dropout=2), HyperparameterError, "probability"),
        (lambda: nn.TransformerEncoderLayer(4, 2, activation="tanh"), HyperparameterError, "got 'tanh'"),
        (lambda: nn.MultiheadAttention(6, 2)(Q, Q, Q), ShapeError, r"\(steps, N, 6\)"),
        (lambda: A(Q, Q, Q[:2]), ShapeError, "one value for each key"),
        (lambda: A(Q, Q[:, :1], Q[:, :1]), ShapeError, "got"),
        (
            lambda: nn.MultiheadAttention(4, 2)(Q, Q, Q, np.ones((3, 2), bool)),
            ShapeError,
            r"shape \(2, 3\), got \(3, 2\)",
        ),
        (
            lambda: nn.MultiheadAttention(4, 2)(Q, Q, Q, attn_mask=np.ones((3, 2))),
            ShapeError,
            r"\(3, 3\) or \(4, 3, 3\)",
        ),
        (lambda: A(Q, Q, Q, attn_mask=np.ones((3, 3), int)), DTypeError, "bools"),
    ],
)
def test_errors_of_attention(call, error, message):
    with pytest.raises(error, match=message):
        call()


# -- linear layers of stacks of rows ------------------------------------------------------------


def test_linear_of_several_axes_is_one_product_in_any_layout():
    m, x = nn.Linear(3, 4), normal(2, 5, 3)
    want = np.matmul(x, m.weight.data.T) + m.bias.data
    for view in (x, np.asfortranarray(x), np.ascontiguousarray(x.swapaxes(0, 1)).swapaxes(0, 1)):
        t = mg.tensor(view, requires_grad=True)
        z = m(t)
        np.testing.assert_allclose(z.data, want, rtol=1e-5, atol=1e-6)
        z.sum().backward()
        np.testing.assert_allclose(t.grad, np.broadcast_to(m.weight.data.sum(0), x.shape), rtol=1e-5, atol=1e-6)
