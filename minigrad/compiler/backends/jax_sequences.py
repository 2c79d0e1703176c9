"""Recurrent layers in JAX: see ``jax_networks`` for what they stand for."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
from jax import lax

from minigrad.kernels.recurrent import gru_forward, lstm_forward, rnn_forward


def _scan(step: Callable[[Any, Any], Any], p: Any, state: Any, ended: Any) -> Any:
    """All states, each from the one before and the step's share of ``p``."""

    def turn(state: Any, inputs: Any) -> tuple[Any, Any]:
        share, over = inputs
        new = step(share, state)
        new = new if over is None else jnp.where(over, state, new)
        return new, new

    return lax.scan(turn, state, (p, ended))[1]


def rnn(p: Any, h0: Any, weight: Any, bias: Any, ended: Any, rectify: bool) -> Any:
    """h = tanh(p + h @ weight.T + bias), or relu of the same."""
    function = jax.nn.relu if rectify else jnp.tanh
    return _scan(lambda share, h: function(share + _across(h, weight, bias)), p, h0, ended)


def gru(p: Any, h0: Any, weight: Any, bias: Any, ended: Any) -> Any:
    """Gates in the order reset, update, new."""

    def step(share: Any, h: Any) -> Any:
        product, n = _across(h, weight, bias), h.shape[-1]
        both = jax.nn.sigmoid(share[:, : 2 * n] + product[:, : 2 * n])
        proposed = jnp.tanh(share[:, 2 * n :] + both[:, :n] * product[:, 2 * n :])
        return (h - proposed) * both[:, n:] + proposed

    return _scan(step, p, h0, ended)


def lstm(p: Any, state: Any, weight: Any, bias: Any, ended: Any) -> Any:
    """Gates in the order input, forget, cell, output; states and cells (2, steps, batch, hidden)."""

    def step(share: Any, state: Any) -> Any:
        h, c = state
        enter, forget, value, leave = jnp.split(share + _across(h, weight, bias), 4, axis=-1)
        cell = jax.nn.sigmoid(forget) * c + jax.nn.sigmoid(enter) * jnp.tanh(value)
        return jnp.stack([jax.nn.sigmoid(leave) * jnp.tanh(cell), cell])

    return jnp.swapaxes(_scan(step, p, state, ended), 0, 1)


def _across(h: Any, weight: Any, bias: Any) -> Any:
    product = jnp.matmul(h, weight.T)
    return product if bias is None else product + bias


#: The functions that stand for a ``numpy_function``.
SEQUENCES: dict[Any, Callable[..., Any]] = {rnn_forward: rnn, gru_forward: gru, lstm_forward: lstm}
