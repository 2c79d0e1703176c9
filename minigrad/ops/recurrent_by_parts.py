"""Recurrent layers step by step, made of other operations: what the tests hold ``recurrent_scan`` against."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np

from minigrad.ops.elementwise import sigmoid
from minigrad.ops.selection import relu

__all__ = []

# -- what the operation is made of --------------------------------------------------------------


def _rnn_step(p: Any, _state: Any, product: Any, function: Any) -> Any:
    return function(p + product)


def _gru_step(p: Any, h: Any, product: Any) -> Any:
    n = h.shape[-1]
    reset, update = sigmoid(p[:, :n] + product[:, :n]), sigmoid(p[:, n : 2 * n] + product[:, n : 2 * n])
    return (1 - update) * np.tanh(p[:, 2 * n :] + reset * product[:, 2 * n :]) + update * h


def _lstm_step(p: Any, state: Any, product: Any) -> Any:
    n = state.shape[-1]
    enter, forget, value, leave = [(p + product)[:, i * n : (i + 1) * n] for i in range(4)]
    cell = sigmoid(forget) * state[1] + sigmoid(enter) * np.tanh(value)
    return np.stack([sigmoid(leave) * np.tanh(cell), cell])


_STEPS: dict[str, Callable[..., Any]] = {
    "rnn_tanh": partial(_rnn_step, function=np.tanh),
    "rnn_relu": partial(_rnn_step, function=relu),
    "gru": _gru_step,
    "lstm": _lstm_step,
}


def _by_parts(p: Any, state: Any, weight: Any, bias: Any, ended: Any, cell: str) -> Any:
    states = []
    for t in range(p.shape[0]):
        product = np.matmul(state[0] if cell == "lstm" else state, np.transpose(weight))
        new = _STEPS[cell](p[t], state, product if bias is None else product + bias)
        state = new if ended is None else np.where(ended[t], state, new)
        states.append(state)
    return np.stack(states, 1 if cell == "lstm" else 0)


#: The plain function that the operation equals, on Tensors.
composites: dict[str, Callable[..., Any]] = {"recurrent_scan": _by_parts}
