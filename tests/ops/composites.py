"""The plain functions that fused operations equal, on Tensors: the tests hold the two against each other."""

from functools import partial

import numpy as np

from minigrad.core.conversion import as_array
from minigrad.ops.attention import weights
from minigrad.ops.cross_entropies import label_rows
from minigrad.ops.elementwise import sigmoid
from minigrad.ops.selection import relu

# -- softmax, cross entropies, linear -----------------------------------------------------------------


def log_softmax(x, axis=-1):
    lifted = x - np.max(x._array, axis, keepdims=True)
    return lifted - np.log(np.sum(np.exp(lifted), axis, keepdims=True))


def softmax_cross_entropy(x, target, reduction="mean"):
    is_sparse = len(target.shape) < len(x.shape)
    rows = label_rows(target, x.shape[-1], x.dtype) if is_sparse else target.astype(x.dtype)
    losses = -np.sum(rows * log_softmax(x), -1)
    return losses if reduction == "none" else np.mean(losses) if reduction == "mean" else np.sum(losses)


def sigmoid_cross_entropy(x, target):
    p = 1 / (1 + np.exp(-x))
    return -(target * np.log(p) + (1 - target) * np.log(1 - p))


#: Of arrays that broadcast together, or that any sample has.
PLAIN = {
    "softmax": lambda x, axis=-1: np.exp(log_softmax(x, axis)),
    "log_softmax": log_softmax,
    "linear": lambda x, weight, bias: np.add(np.matmul(x, np.transpose(weight)), bias),
    "softmax_cross_entropy": softmax_cross_entropy,
    "sigmoid_cross_entropy": sigmoid_cross_entropy,
}

# -- normalisation ------------------------------------------------------------------------------------


def total(x):
    return np.sum(x, (0, *range(2, len(x.shape))))


def mean(x):
    return total(x) / max(x.size // x.shape[1], 1)


def wide(numbers, x):
    return np.reshape(numbers, (-1, *(1,) * (len(x.shape) - 2)))


def inverse_rms(x, eps):
    return (mean((x - wide(mean(x), x)) ** 2) + eps) ** -0.5


def rms_scale(x, weight, bias, axis, eps):
    z = x / np.sqrt(np.mean(x**2, axis, keepdims=True) + eps)
    z = z if weight is None else z * weight
    return z if bias is None else z + bias


def channel_norm(x, weight, bias, eps):
    scale = inverse_rms(x, eps)
    z = (x - wide(mean(x), x)) * wide(scale if weight is None else scale * weight, x)
    return z if bias is None else z + wide(bias, x)


def channel_pullback(y, x, centre, rms, weight):
    part = (x - wide(centre, x)) * wide(rms, x)
    z = y - wide(mean(y), x) - part * wide(mean(y * part), x)
    return z * wide(rms if weight is None else rms * weight, x)


def last(x, axes):
    return tuple(range(len(x.shape) - axes, len(x.shape)))


def row_mean(x, axes):
    return np.mean(x, last(x, axes), keepdims=True)


def row_rms(x, axes, eps):
    return (row_mean((x - row_mean(x, axes)) ** 2, axes) + eps) ** -0.5


def row_norm(x, weight, bias, axes, eps):
    z = (x - row_mean(x, axes)) * row_rms(x, axes, eps)
    z = z if weight is None else z * weight
    return z if bias is None else z + bias


def row_pullback(y, x, centre, rms, weight, axes):
    y, part = y if weight is None else y * weight, (x - centre) * rms
    return (y - row_mean(y, axes) - part * row_mean(y * part, axes)) * rms


def row_product(y, x, centre, rms, axes, shape):  # noqa: ARG001 - as the row
    whole = (1,) * (len(x.shape) - len(shape)) + shape
    summed = tuple([axis for axis, size in enumerate(whole) if size == 1])
    return np.reshape(np.sum(y * ((x - centre) * rms), summed), shape)


# -- attention ----------------------------------------------------------------------------------------


def masked_softmax(x, mask):
    mask = mask if hasattr(mask, "_node") else as_array(mask)
    e = np.where(mask, np.exp(x), 0) if mask.dtype == bool else np.exp(x + mask)
    whole = np.sum(e, -1, keepdims=True)
    return e / np.where(whole == 0, 1, whole)


def attention(query, key, value, mask, causal, scale):
    return np.matmul(weights(query, key, mask, causal, scale), value)


NETWORKS = {
    "centre": lambda x, axis: x - np.mean(x, axis, keepdims=True),
    "inverse_rms": lambda x, axis, eps: (np.mean(x**2, axis, keepdims=True) + eps) ** -0.5,
    "rms_scale": rms_scale,
    "channel_mean": mean,
    "channel_rms": inverse_rms,
    "channel_product": lambda y, x, centre, rms: total(y * (x - wide(centre, x))) * rms,
    "channel_pullback": channel_pullback,
    "channel_norm": channel_norm,
    "row_mean": row_mean,
    "row_rms": row_rms,
    "row_product": row_product,
    "row_pullback": row_pullback,
    "row_norm": row_norm,
    "masked_softmax": masked_softmax,
    "attention": attention,
}

# -- recurrent layers, step by step -------------------------------------------------------------------


def rnn_step(p, _state, product, function):
    return function(p + product)


def gru_step(p, h, product):
    n = h.shape[-1]
    reset, update = sigmoid(p[:, :n] + product[:, :n]), sigmoid(p[:, n : 2 * n] + product[:, n : 2 * n])
    return (1 - update) * np.tanh(p[:, 2 * n :] + reset * product[:, 2 * n :]) + update * h


def lstm_step(p, state, product):
    n = state.shape[-1]
    enter, forget, value, leave = [(p + product)[:, i * n : (i + 1) * n] for i in range(4)]
    cell = sigmoid(forget) * state[1] + sigmoid(enter) * np.tanh(value)
    return np.stack([sigmoid(leave) * np.tanh(cell), cell])


STEPS = {
    "rnn_tanh": partial(rnn_step, function=np.tanh),
    "rnn_relu": partial(rnn_step, function=relu),
    "gru": gru_step,
    "lstm": lstm_step,
}


def recurrent_scan(p, state, weight, bias, ended, cell):
    states = []
    for t in range(p.shape[0]):
        product = np.matmul(state[0] if cell == "lstm" else state, np.transpose(weight))
        new = STEPS[cell](p[t], state, product if bias is None else product + bias)
        state = new if ended is None else np.where(ended[t], state, new)
        states.append(state)
    return np.stack(states, 1 if cell == "lstm" else 0)
