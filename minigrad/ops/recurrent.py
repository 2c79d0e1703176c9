"""Recurrent layers: each is one operation over all steps of a sequence.

The products with the inputs are made before, for all steps in one matrix product, and come in as ``p`` (steps, batch,
gates * hidden). What is left is a loop of one small matrix product and a few functions for each step.

Backwards, the gradient of the states is a *linear* recurrence: how a state acts on the next one are factors that
depend on values of the forward pass alone. These are calculated for several steps at once, so that the loop back has
five calls for each step, and the gradients of the weights are single products. They are calculated anew from the
states, and the graph keeps nothing but these.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any, NamedTuple

import numpy as np

from minigrad.core.primitive import primitive
from minigrad.core.table import Primitive
from minigrad.kernels.recurrent import gru_forward, lstm_forward, rnn_forward
from minigrad.ops.elementwise import sigmoid
from minigrad.ops.fused import sum_of_rows
from minigrad.ops.products import rows

__all__ = ["recurrent_scan"]

# -- backward: on arrays, and on Tensors for the orders above -----------------------------------

#: Bytes of gates in a block of steps that are taken together: its intermediate arrays stay in the cache.
BLOCK_BYTES = 96 * 1024


def _masked(factor: Any, ended: Any) -> Any:
    """A factor (steps, batch, gates, hidden) that is 0 where the sequence has ended."""
    return factor if ended is None else np.where(ended[:, :, None], 0, factor)


def _carry(ended: Any, otherwise: Any, like: Any) -> Any:
    """The factor by which a state enters the next one: 1 where the sequence has ended, else ``otherwise`` (None: 0)."""
    if ended is None:
        return otherwise
    return np.where(ended, 1, np.zeros_like(like) if otherwise is None else otherwise)


def _rnn_factors(_p: Any, _product: Any, _before: Any, after: Any, ended: Any, slope: Any) -> tuple[Any, ...]:
    return _masked(slope(after)[:, :, None], ended), _carry(ended, None, after)


def _gru_factors(p: Any, product: Any, before: Any, _after: Any, ended: Any) -> tuple[Any, ...]:
    both = sigmoid(p[:, :, :2] + product[:, :, :2])
    reset, update, recurrent = both[:, :, 0], both[:, :, 1], product[:, :, 2]
    new = np.tanh(p[:, :, 2] + reset * recurrent)
    of_new = (1 - update) * (1 - new * new)
    of_reset = of_new * recurrent * (reset * (1 - reset))
    of_update = (before - new) * (update * (1 - update))
    return _masked(np.stack([of_reset, of_update, of_new, of_new * reset], 2), ended), _carry(ended, update, update)


def _lstm_factors(p: Any, product: Any, before: Any, after: Any, ended: Any) -> tuple[Any, ...]:
    a = p + product
    both, leave, value = sigmoid(a[:, :, :2]), sigmoid(a[:, :, 3]), np.tanh(a[:, :, 2])
    enter, forget, shown = both[:, :, 0], both[:, :, 1], np.tanh(after[1])
    of_enter, of_forget = value * enter * (1 - enter), before[1] * forget * (1 - forget)
    of_cell = _masked(np.stack([of_enter, of_forget, enter * (1 - value * value)], 2), ended)
    of_state = _masked(np.stack([shown * leave * (1 - leave), leave * (1 - shown * shown)], 2), ended)
    return of_cell, of_state, _carry(ended, forget, forget), _carry(ended, None, forget)


def _back_one(dh: Any, factors: tuple[Any, ...], weight: Any) -> tuple[Any, Any]:
    """The gradients of what goes into the gates of one step, and of the state before it."""
    gates, keep = factors
    pulled = (dh[:, None] * gates).reshape((dh.shape[0], weight.shape[0]))
    before = np.matmul(pulled, weight)
    return pulled, before if keep is None else before + dh * keep


def _back_two(g: Any, factors: tuple[Any, ...], weight: Any) -> tuple[Any, Any]:
    """The same for a state with a cell beside it."""
    of_cell, of_state, forget, keep = factors
    dh, dc = g[0], g[1] + g[0] * of_state[:, 1]
    pulled = np.concatenate([dc[:, None] * of_cell, (dh * of_state[:, 0])[:, None]], 1)
    pulled = pulled.reshape((dh.shape[0], weight.shape[0]))
    before = np.matmul(pulled, weight)
    return pulled, np.stack([before if keep is None else before + dh * keep, dc * forget])


class Cell(NamedTuple):
    """One kind of layer: how many gates and states it has, and both ways through it."""

    gates: int
    states: int
    forward: Callable[..., Any]
    factors: Callable[..., tuple[Any, ...]]
    back: Callable[..., tuple[Any, Any]]


CELLS = {
    "rnn_tanh": Cell(
        1, 1, partial(rnn_forward, rectify=False), partial(_rnn_factors, slope=lambda z: 1 - z * z), _back_one
    ),
    "rnn_relu": Cell(
        1, 1, partial(rnn_forward, rectify=True),
        partial(_rnn_factors, slope=lambda z: np.not_equal(z, 0).astype(z.dtype)), _back_one,
    ),
    "gru": Cell(3, 1, gru_forward, _gru_factors, _back_one),
    "lstm": Cell(4, 2, lstm_forward, _lstm_factors, _back_two),
}


def _gates(p: Any, hidden: int) -> Any:
    """(..., gates * hidden) as (..., gates, hidden)."""
    return p.reshape((*p.shape[:-1], p.shape[-1] // hidden, hidden))


def _pullback(g: Any, z: Any, p: Any, state: Any, weight: Any, bias: Any, ended: Any, cell: str) -> tuple[Any, Any]:
    """The gradient of what goes into the gates (steps, batch, gates * hidden), and that of the first state.

    A GRU has four gates here: reset, update, new, and the recurrent part of new, which reset has been multiplied with.
    """
    row = CELLS[cell]
    lead = (slice(None),) * (row.states - 1)  # states are (steps, ...), or (2, steps, ...) with cells
    (steps, batch, hidden) = z.shape[-3:]
    across = weight
    if cell == "gru":
        two = 2 * hidden
        across = np.concatenate([weight[:two], np.zeros_like(weight[two:]), weight[two:]])
    block = max(1, BLOCK_BYTES // max(1, batch * across.shape[0] * z.dtype.itemsize))
    found: list[Any] = []
    later: Any = None
    for stop in range(steps, 0, -block):
        start = max(stop - block, 0)
        before = z[(*lead, slice(max(start - 1, 0), stop - 1))]
        if start == 0:
            before = np.concatenate([np.expand_dims(state, row.states - 1), before], row.states - 1)
        h = before[0] if row.states == 2 else before
        product = np.matmul(rows(h), np.transpose(weight))
        product = (product if bias is None else product + bias).reshape((stop - start, batch, weight.shape[0]))
        window = slice(start, stop)
        factors = row.factors(
            _gates(p[window], hidden), _gates(product, hidden), before, z[(*lead, window)],
            None if ended is None else ended[window],
        )
        for t in range(stop - 1, start - 1, -1):
            now = g[(*lead, t)] if later is None else g[(*lead, t)] + later
            pulled, later = row.back(now, tuple([f if f is None else f[t - start] for f in factors]), across)
            found.append(pulled)
    return np.stack(found[::-1]), later


# -- the operation ------------------------------------------------------------------------------


class Shared:
    """Values that the formulas of one call share: calculated for the first of them, kept for the others."""

    __slots__ = ("_carry",)

    def __init__(self) -> None:
        self._carry: tuple[Any, Any] = (None, None)

    def of(self, g: Any, calculate: Callable[[], Any]) -> Any:
        """``calculate()``, once for each gradient that flows in."""
        if hasattr(g, "_node"):  # the graph of a Tensor would lead back to this object: a cycle
            return calculate()
        source, value = self._carry
        if source is not g:
            value = calculate()
            self._carry = (g, value)
        return value


def _scan(p: Any, state: Any, weight: Any, bias: Any, ended: Any, cell: str, shared: Shared | None = None) -> Any:
    return CELLS[cell].forward(p, state, weight, bias, ended)


def _formula(part: Callable[..., Any], argument: int) -> Callable[..., Any]:
    """The formula of one argument: a part of what the walk back through the steps gives. Without steps it is 0."""

    def formula(g: Any, z: Any, p: Any, state: Any, weight: Any, bias: Any, ended: Any, cell: Any, shared: Any) -> Any:
        if not z.shape[-3]:
            return np.zeros_like((p, state, weight, bias)[argument])

        def calculate() -> tuple[Any, Any]:
            return _pullback(g, z, p, state, weight, bias, ended, cell)

        gates, first = calculate() if shared is None else shared.of(g, calculate)
        if cell == "lstm":
            z, state = z[0], state[0]
        return part(gates, first, z, state, cell)

    return formula


def _of_inputs(gates: Any, _first: Any, z: Any, _state: Any, cell: str) -> Any:
    return gates[:, :, : 3 * z.shape[-1]] if cell == "gru" else gates


def _recurrent(gates: Any, hidden: int, cell: str) -> list[Any]:
    """The gates that take part in the product with the state before, in one or two parts."""
    return [gates[..., : 2 * hidden], gates[..., 3 * hidden :]] if cell == "gru" else [gates]


def _of_weight(gates: Any, _first: Any, z: Any, state: Any, cell: str) -> Any:
    parts = [
        np.matmul(part[0].T, state) + np.matmul(rows(part[1:]).T, rows(z[:-1]))
        for part in _recurrent(gates, z.shape[-1], cell)
    ]
    return parts[0] if len(parts) == 1 else np.concatenate(parts)


def _of_bias(gates: Any, _first: Any, z: Any, _state: Any, cell: str) -> Any:
    parts = [sum_of_rows(part) for part in _recurrent(gates, z.shape[-1], cell)]
    return parts[0] if len(parts) == 1 else np.concatenate(parts)


recurrent_scan: Primitive = primitive(
    _scan,
    _formula(_of_inputs, 0),
    _formula(lambda _gates, first, *_: first, 1),
    _formula(_of_weight, 2),
    _formula(_of_bias, 3),
    None,
    name="recurrent_scan",
    real=True,
    doc="""All states (steps, batch, hidden) of a recurrent layer, given the products of its inputs with their weight.

    ``cell`` is "rnn_tanh", "rnn_relu", "gru" or "lstm", with gates in PyTorch's order. ``p`` is (steps, batch, gates *
    hidden), ``state`` (batch, hidden); ``weight`` (gates * hidden, hidden) and ``bias`` (gates * hidden,), or None, act
    on the state before. Where ``ended`` (steps, batch, 1), or None, is True, a state stays what it was. An "lstm" has a
    cell beside each state: ``state`` is (2, batch, hidden) and the result (2, steps, batch, hidden).
    """,
)
