"""Recurrent layers and attention in JAX: see ``jax_networks`` for what they stand for."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
from jax import lax

from minigrad.kernels.attention import attention as attention_in_tiles
from minigrad.kernels.attention import attention_back as attention_back_in_tiles
from minigrad.kernels.recurrent import factors, gru_forward, lstm_forward, recurrent_backward, rnn_forward


def _scan(step: Callable[[Any, Any], Any], p: Any, state: Any, ended: Any) -> tuple[Any, Any]:
    """All states, each from the one before and the step's share of ``p``, and the gates of all steps."""

    def turn(state: Any, inputs: Any) -> tuple[Any, Any]:
        share, over = inputs
        new, gates = step(share, state)
        new = new if over is None else jnp.where(over, state, new)
        return new, (new, gates)

    final: tuple[Any, Any] = lax.scan(turn, state, (p, ended))[1]
    return final


def rnn(p: Any, h0: Any, weight: Any, bias: Any, ended: Any, rectify: bool) -> Any:
    """h = tanh(p + h @ weight.T + bias), or relu of the same."""
    function = jax.nn.relu if rectify else jnp.tanh
    return _scan(lambda share, h: (function(share + _across(h, weight, bias)), None), p, h0, ended)[0]


def gru(p: Any, h0: Any, weight: Any, bias: Any, ended: Any, keep: bool = False) -> Any:
    """Gates in the order reset, update, new."""

    def step(share: Any, h: Any) -> Any:
        product, n = _across(h, weight, bias), h.shape[-1]
        both = jax.nn.sigmoid(share[:, : 2 * n] + product[:, : 2 * n])
        proposed = jnp.tanh(share[:, 2 * n :] + both[:, :n] * product[:, 2 * n :])
        gates = jnp.stack([both[:, :n], both[:, n:], product[:, 2 * n :], proposed], 1)
        return (h - proposed) * both[:, n:] + proposed, gates

    final = _scan(step, p, h0, ended)
    return final if keep else final[0]


def lstm(p: Any, state: Any, weight: Any, bias: Any, ended: Any, keep: bool = False) -> Any:
    """Gates in the order input, forget, cell, output; states and cells (2, steps, batch, hidden)."""

    def step(share: Any, state: Any) -> Any:
        h, c = state
        enter, forget, value, leave = jnp.split(share + _across(h, weight, bias), 4, axis=-1)
        enter, forget, leave = map(jax.nn.sigmoid, (enter, forget, leave))
        value = jnp.tanh(value)
        cell = forget * c + enter * value
        return jnp.stack([leave * jnp.tanh(cell), cell]), jnp.stack([enter, forget, leave, value], 1)

    z, gates = _scan(step, p, state, ended)
    z = jnp.swapaxes(z, 0, 1)
    return (z, gates) if keep else z


def backward(g: Any, z: Any, gates: Any, state: Any, weight: Any, ended: Any, cell: str) -> Any:
    """The gradients of what goes into the gates, and of the first state."""
    pair = cell == "lstm"
    before = jnp.concatenate([jnp.expand_dims(state, int(pair)), z[:, :-1] if pair else z[:-1]], int(pair))
    slopes = factors(cell, gates, before, z, ended, jnp)

    def turn(later: Any, inputs: Any) -> tuple[Any, Any]:
        now, (*through, onward) = inputs
        g = now + later
        dh = g[0] if pair else g
        if pair:
            of_cell, of_leave, of_state, forget = through
            dc = g[1] + dh * of_state[:, 0]
            pulled = jnp.concatenate([dc[:, None] * of_cell, dh[:, None] * of_leave], 1)
        else:
            pulled = dh[:, None] * through[0]
        pulled = pulled.reshape(dh.shape[0], -1)
        product = pulled[:, : weight.shape[0]] @ weight
        product = product if onward is None else product + dh * onward
        return (jnp.stack([product, dc * forget]) if pair else product), pulled

    g = jnp.swapaxes(g, 0, 1) if pair else g
    first, pulled = lax.scan(turn, jnp.zeros_like(state), (g, slopes), reverse=True)
    return pulled, first


def _across(h: Any, weight: Any, bias: Any) -> Any:
    product = jnp.matmul(h, weight.T)
    return product if bias is None else product + bias


def attention(query: Any, key: Any, value: Any, mask: Any, causal: bool, scale: float) -> Any:
    """With the whole matrix of scores: XLA fuses what it can."""
    scores = jnp.matmul(query * scale, jnp.swapaxes(key, -1, -2))
    if mask is not None:
        scores = jnp.where(mask, scores, -jnp.inf) if mask.dtype == bool else scores + mask
    if causal:
        later = jnp.arange(scores.shape[-1]) > jnp.arange(scores.shape[-2])[:, None]
        scores = jnp.where(later, -jnp.inf, scores)
    top = jnp.max(scores, -1, keepdims=True, initial=-jnp.inf)
    top = lax.stop_gradient(jnp.where(jnp.isfinite(top), top, 0))
    shares = jnp.exp(scores - top)
    total = jnp.sum(shares, -1, keepdims=True)
    some = jnp.where(total == 0, 1, total)
    return jnp.matmul(shares / some, value), jnp.where(total == 0, jnp.inf, jnp.log(some) + top)


def attention_back(
    g: Any, z: Any, logs: Any, query: Any, key: Any, value: Any, mask: Any, causal: bool, scale: float
) -> Any:
    """The gradients of query, key and value with all leading axes, packed."""
    del logs
    arrays = [jnp.broadcast_to(x, (*z.shape[:-2], *x.shape[-2:])) for x in (query, key, value)]
    slopes = jax.vjp(lambda q, k, v: attention(q, k, v, mask, causal, scale)[0], *arrays)[1](g)
    return jnp.concatenate([x.reshape(*x.shape[:-2], -1) for x in slopes], -1)


#: The functions that stand for a ``numpy_function``.
SEQUENCES: dict[Any, Callable[..., Any]] = {
    rnn_forward: rnn,
    gru_forward: gru,
    lstm_forward: lstm,
    recurrent_backward: backward,
    attention_in_tiles: attention,
    attention_back_in_tiles: attention_back,
}
