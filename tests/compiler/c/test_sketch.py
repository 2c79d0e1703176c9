"""Kernels' texts, line by line, run by Python beside NumPy: every form of a call, without a compiler."""

import operator

import numpy as np
import pytest

from minigrad.compiler.c.form import RefusedError
from minigrad.kernels import (
    attention,
    convolution,
    normal,
    normalisation,
    pooling,
    recurrent,
    row_norms,
    scans,
    scattering,
    triangular,
    windows,
)
from minigrad.kernels.windows import Window
from tests.compiler.c.interpreting import Interpreter, agrees, writes

G = np.random.default_rng(0)
X, Y = G.standard_normal((2, 3, 4))
N = np.array([[2, 0, -1, 1], [0, 0, 2, 1], [1, -2, 0, 2]])
B = X > 0
IMAGE, OTHER, MAP = (G.standard_normal(shape) for shape in ((2, 3, 5, 4), (2, 3, 5, 4), (2, 4, 3, 2)))
WEIGHT, CHANNEL = G.standard_normal((4, 3, 3, 3)), G.standard_normal((3, 3))
WINDOW = Window((3, 3), (2, 2), ((1, 1), (1, 1)), (1, 1))
LINE, TURN = Window((2,), (1,), ((0, 0),), (2,)), Window((2, 2), (2, 1), ((0, 0), (0, 0)), (1, 1))
TOP = pooling.max_pool(IMAGE, TURN)
STEPS, BATCH, HIDDEN = 3, 2, 4


def gates(n):
    return G.standard_normal((STEPS, BATCH, n * HIDDEN))


STATE, PAIR = G.standard_normal((BATCH, HIDDEN)), G.standard_normal((2, BATCH, HIDDEN))
ENDED = np.array([[False, False], [False, True], [True, True]])[:, :, None]
W3, W4, W1 = (G.standard_normal((k * HIDDEN, HIDDEN)) for k in (3, 4, 1))
BIAS3, BIAS4, BIAS1 = (G.standard_normal(k * HIDDEN) for k in (3, 4, 1))
Q, K, V = G.standard_normal((2, 3, 4)), G.standard_normal((1, 5, 4)), G.standard_normal((2, 5, 2))
MASK = G.random((3, 5)) < 0.7
Z, LOGS = attention.attention(Q, K, V, MASK, False, 0.5)
GROUPED, TURNED = IMAGE.reshape(2, 1, 3, 5, 4), OTHER.reshape(2, 1, 3, 5, 4)
LAYER, PER_CHANNEL = G.standard_normal((2, 5, 4)), G.standard_normal((2, 1, 3, 1, 1))
_, ROW_MEAN, ROW_RMS = row_norms.row_norm(IMAGE, None, None, 2, 1e-5)
_, GROUP_MEAN, GROUP_RMS = row_norms.row_norm(GROUPED, None, None, 3, 1e-5)
MEAN, RMS = CHANNEL[0], abs(CHANNEL[1])
H_GRU, KEPT_GRU = recurrent.gru_forward(gates(3), STATE, W3, BIAS3, ENDED, True)
H_LSTM, KEPT_LSTM = recurrent.lstm_forward(gates(4), PAIR, W4, BIAS4, ENDED, True)
H_RNN = recurrent.rnn_forward(gates(1), STATE, W1, BIAS1, ENDED, False)
TRIANGLE = np.tril(G.standard_normal((4, 4))) + 3 * np.eye(4)

CASES = {
    "convolution": (convolution.convolution, IMAGE, WEIGHT, np.ones(4), WINDOW, 1),
    "convolution of one image": (convolution.convolution, IMAGE[:1], WEIGHT, None, WINDOW, 1),
    "its transpose": (convolution.convolution_transpose, MAP, WEIGHT, None, WINDOW, (5, 4), 1),
    "its weight": (convolution.convolution_kernel, IMAGE, MAP, WINDOW, 1),
    "groups": (convolution.convolution, IMAGE, WEIGHT[:3, :1], None, WINDOW, 3),
    "columns": (windows.columns, IMAGE, WINDOW),
    "back": (windows.uncolumns, windows.columns(IMAGE, WINDOW), WINDOW, (5, 4)),
    "window sums": (windows.window_sum, IMAGE[..., 0], LINE),
    "spread": (windows.window_spread, TOP, TURN, (5, 4)),
    "largest": (pooling.max_pool, IMAGE, WINDOW),
    "shares": (pooling.window_share, TOP * 2, IMAGE, TOP, TURN),
    "gathered": (pooling.window_gather, OTHER, IMAGE, TOP, TURN),
    "moments": (normalisation.channel_moments, IMAGE),
    "norm": (normalisation.channel_norm, IMAGE, CHANNEL[0], CHANNEL[1], 1e-5),
    "plain norm": (normalisation.channel_norm, IMAGE, None, None, 1e-5),
    "channel products": (normalisation.channel_product, OTHER, IMAGE, MEAN, RMS),
    "pullback": (normalisation.channel_pullback, OTHER, IMAGE, MEAN, RMS, CHANNEL[2]),
    "plain pullback": (normalisation.channel_pullback, OTHER, IMAGE, MEAN, RMS, None),
    "normalised rows": (row_norms.row_norm, IMAGE, LAYER[0], LAYER[1], 2, 1e-5),
    "plain rows": (row_norms.row_norm, IMAGE, None, None, 1, 1e-5),
    "groups of rows": (row_norms.row_norm, GROUPED, PER_CHANNEL[0], PER_CHANNEL[1], 3, 1e-5),
    "row pullback": (row_norms.row_pullback, OTHER, IMAGE, ROW_MEAN, ROW_RMS, LAYER[0], 2),
    "plain row pullback": (row_norms.row_pullback, OTHER, IMAGE, ROW_MEAN, ROW_RMS, None, 2),
    "group pullback": (row_norms.row_pullback, TURNED, GROUPED, GROUP_MEAN, GROUP_RMS, PER_CHANNEL[0], 3),
    "row products": (row_norms.row_product, OTHER, IMAGE, ROW_MEAN, ROW_RMS, 2, (5, 4)),
    "group products": (row_norms.row_product, TURNED, GROUPED, GROUP_MEAN, GROUP_RMS, 3, (1, 3, 1, 1)),
    "gelu": (normal.gelu_and_slope, X),
    "error function": (normal.error_function, X, False),
    "normal": (normal.normal_cdf, X),
    "rnn": (recurrent.rnn_forward, gates(1), STATE, W1, BIAS1, ENDED, True),
    "gru": (recurrent.gru_forward, gates(3), STATE, W3, None, ENDED, True),
    "lstm": (recurrent.lstm_forward, gates(4), PAIR, W4, BIAS4, None),
    "gru back": (recurrent.recurrent_backward, H_GRU * 2, H_GRU, KEPT_GRU, STATE, W3, ENDED, "gru"),
    "lstm back": (recurrent.recurrent_backward, H_LSTM * 2, H_LSTM, KEPT_LSTM, PAIR, W4, ENDED, "lstm"),
    "rnn back": (recurrent.recurrent_backward, H_RNN * 2, H_RNN, None, STATE, W1, None, "rnn_tanh"),
    "relu back": (recurrent.recurrent_backward, H_RNN * 2, H_RNN, None, STATE, W1, ENDED, "rnn_relu"),
    "attention": (attention.attention, Q, K, V, MASK, False, 0.5),
    "added mask": (attention.attention, Q, K, V, np.where(MASK, 0.5, -np.inf), False, 0.5),
    "causal": (attention.attention, Q, K, V, None, True, 0.5),
    "attention back": (attention.attention_back, Z * 2, Z, LOGS, Q, K, V, MASK, False, 0.5),
    "recurrence": (scans.linear_recurrence, X, Y, 1),
    "substituted": (triangular.substituted, TRIANGLE, G.standard_normal((4, 2)), True),
    "upwards": (triangular.substituted, TRIANGLE.T, G.standard_normal((4, 2)), False),
    "added at": (scattering.scatter_add, X, (N[0, :3],), (3, 4)),
    "added in a slice": (scattering.scatter_add, X, (slice(1, 4),), (5, 4)),
    "set at": (scattering.index_set, X, Y[:2], (N[0, :2],)),
    "set in a slice": (scattering.index_set, X, Y[:2], (slice(0, 2),)),
    "rows": (scattering.scatter_rows, X, np.array([1, 0, 1]), 4),
    "counted": (scattering.bincount, np.array([1, 0, 1]), X[:, 0], 4),
    "segments": (scattering.reduce_segments, "maximum", X, np.array([1, 0, 1]), 2, -1.0),
    "lookup": (operator.getitem, X, (N[:, 0],)),
    "lookup between": (operator.getitem, IMAGE, (slice(None), N[0, :3], slice(1, 3), N[1, :3])),
    "lookup beside": (operator.getitem, IMAGE, (1, N, slice(None), None)),
    "lookup by bools": (operator.getitem, X, (np.array([True, False, True]),)),
    "one": (operator.getitem, X, (1, 2)),
    "take": (np.take, X, N, None),
    "take of an axis": (np.take, X, N, 1),
    "along": (np.take_along_axis, X, N[:, :2], 1),
    "concatenate": (np.concatenate, [X, Y[:1]], 0),
    "all elements": (np.concatenate, [X.T, Y], None),
    "stack": (np.stack, [X, Y], 2),
    "zeros": (np.zeros_like, X),
    "full": (np.full_like, X, 2.5),
    "memory order": (".ravel", X, "K"),
    "reshape": (np.reshape, X, (2, 6)),
    "cast": (".astype", X, np.int32),
    "tile": (np.tile, X, 2),
    "pad by its edge": (np.pad, X, 1, "edge"),
    "pad": (np.pad, X, ((1, 0), (0, 2))),
    "lower": (np.tril, X),
    "sum": (np.add.reduce, X, 0),
    "sum of bools": (np.sum, B, 1),
    "mean of integers": (np.mean, N, 0),
    "smallest": (np.min, N, 1),
    "any": (np.any, B, 0),
    "product": (np.prod, X, None),
    "not none": (np.count_nonzero, N, 1),
    "deviation": (np.std, X, 1),
    "variance": (np.var, X, None),
    "where largest": (np.argmax, X, 1),
    "where smallest": (np.argmin, N),
    "running": (np.cumsum, X, 1),
    "running maximum": (np.maximum.accumulate, X, 0),
    "sine": (np.sin, X),
    "angle": (np.arctan2, X, Y),
    "power": (operator.pow, X, 3),
    "whole power": (np.power, N, 2),
    "quotient": (np.floor_divide, X, 0.7),
    "rest": (np.remainder, N, 3),
    "clip": (np.clip, X, -0.5, 0.5),
    "clip below": (np.clip, X, -0.5, None),
    "choice": (np.where, B, X, N),
    "not": (np.logical_not, N),
    "either": (np.logical_xor, B, N),
    "step": (np.heaviside, X, 0.5),
    "sign": (np.sign, N),
    "finite": (np.isfinite, N),
    "matmul": (np.matmul, X, Y.T),
    "vector": (np.matmul, X[0], Y.T),
    "column": (np.matmul, X, Y[0]),
    "integers": (np.matmul, N, N.T),
    "vdot": (np.vdot, IMAGE, IMAGE),
    "outer": (np.outer, X[0], Y[0]),
    "inner": (np.inner, X, Y),
    "dot": (np.dot, X, Y.T),
    "tensordot": (np.tensordot, X, Y, ([1], [1])),
    "einsum": (np.einsum, "ij,kj->ik", X, Y),
    "einsum with dots": (np.einsum, "...ij,...ij->...", IMAGE, OTHER),
}
CASES |= {
    "clip by name": (".clip", X, -0.5, 0.5),
    "square": (operator.pow, X, 2),
    "root": (operator.pow, abs(X), 0.5),
    "absolute": (operator.abs, N),
    "bits": (operator.invert, B),
    "transposed": (".transpose", X),
    "real": (np.real, X),
    "copied": (np.array, X.T),
    "spread out": (np.broadcast_to, X[:1], (3, 4)),
    "tensordot of axes": (np.tensordot, X, Y.T, 1),
    "two vectors": (np.matmul, X[0], Y[0]),
    "two vectors by dot": (np.dot, X[0], Y[0]),
    "einsum without arrow": (np.einsum, "ij,jk", X, Y.T),
    "truths": (np.matmul, B, B.T),
    "of both types": (np.matmul, N, X.T),
    "sum of all": (".sum", X),
    "with axes kept": (np.add.reduce, IMAGE, (0, 2), None, None, True),
    "from a number on": (np.maximum.reduce, X, 1, None, None, False, 0.25),
    "none of them": (np.minimum.reduce, B, 0),
    "one of them": (np.maximum.reduce, B, 1),
    "bits of all": (np.bitwise_xor.reduce, N, None),
    "all of numbers": (np.logical_and.reduce, N, 1),
    "either of numbers": (np.logical_xor.reduce, X > 0, 0),
    "largest of some": (np.fmax.reduce, X, 0),
    "running truths": (np.logical_and.accumulate, B, 0),
    "place among all": (".argmax", X.T),
    "running of all": (".cumsum", X.T),
    "running of integers": (np.multiply.accumulate, N, 0),
}
#: What is not covered, and what is said of it.
REFUSED = {
    "a mode": (np.take, "take with a mode", X, N, 0, None, "wrap"),
    "lists of axes": (np.einsum, "lists of axes", X, [0, 1], [1]),
    "an order": (".ravel", "another order", X, "F"),
    "a mode of pad": (np.pad, "another mode", X, 1, "mean"),
    "options that are too many": (np.concatenate, "3 options", [X, Y], 0, None, 1),
    "a mask of a sum": (np.add.reduce, "with axis, where", X, 0, None, None, None, None, B),
    "a dtype": (np.sin, "with a dtype", X.astype(np.float32)),
    "a digit": (np.gcd, "gcd of int64", N, N),
    "bins": (np.histogram, None, X),
    "a dot with more axes": (np.dot, "of these shapes", X, IMAGE[0]),
    "nothing": (np.maximum.reduce, "of nothing", X[:0], 0),
    "a place of bits": (np.left_shift.accumulate, "accumulate with", N, 0),
}
WRITES = {
    "index": (operator.setitem, X, (N[0, :2],), Y[:2]),
    "slice": (operator.setitem, X, (slice(0, 2), slice(None, None, 2)), 1.5),
    "added": (np.add.at, X, (N[0],), 2.0),
    "along": (np.put_along_axis, X, N[:, :1], Y[:, :1], 1),
    "bools": (operator.setitem, X, B, 0.5),
    "copied": (np.copyto, X, Y),
    "more axes": (operator.setitem, X, (N[0, :2],), Y[None, :2]),
    "its own": (np.subtract.at, X, (N[1],), Y[:1]),
    "largest": (np.fmax.at, X, (N[1],), Y[:1]),
    "angles": (np.arctan2.at, X, (N[1],), Y[:1]),
    "bits": (np.bitwise_xor.at, N, (N[1],), 5),
    "truths": (np.logical_or.at, B, (N[1],), B[:1]),
    "whole": (np.floor_divide.at, N, (N[1],), 2),
}


@pytest.mark.parametrize("kind", CASES)
def test_a_form_is_the_function(kind):
    function, *args = CASES[kind]
    digits = 1e-6 if kind in ("gelu", "normal", "dot") else 1e-10  # np.dot is one of float32 after nnfs.init()
    agrees(function, *args, digits=digits)


@pytest.mark.parametrize("kind", WRITES)
def test_a_form_writes_what_the_function_writes(kind):
    writes(*WRITES[kind])


def test_infinity_where_a_mask_says():
    writes(np.copyto, X, -np.inf, where=B)


def test_all_elements_become_one_number():
    writes(lambda x, value: x.fill(value), X, 2.0, name=".fill")


@pytest.mark.parametrize("kind", REFUSED)
def test_what_a_form_does_not_cover_is_refused(kind):
    function, message, *args = REFUSED[kind]
    result, options = np.zeros((3, 4), dtype=float), {"dtype": np.float64} if kind == "a dtype" else {}
    if message is None:
        assert not Interpreter().made(function, args, options, [result])
        return
    with pytest.raises(RefusedError, match=message):
        Interpreter().made(function, args, options, [result])
