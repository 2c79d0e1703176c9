"""Recurrent layers: each is one operation over all steps of a sequence.

The products with the inputs are made before, for all steps in one matrix product, and come in as ``p`` (steps, batch,
gates * hidden). What is left is a loop of one small matrix product and a few functions for each step, and the same
backwards (``kernels/recurrent.py``). The gradients of the weights are single products.

The graph keeps the states, and what the gates were for the first gradient. Where a gradient is recorded, for the
orders above, the gates are calculated anew from the states, and the way back is written out step by step.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any, NamedTuple

import numpy as np

from minigrad.core.primitive import primitive
from minigrad.core.table import Primitive
from minigrad.kernels.recurrent import factors, gru_forward, lstm_forward, recurrent_backward, rnn_forward
from minigrad.ops.elementwise import sigmoid
from minigrad.ops.fused import sum_of_rows
from minigrad.ops.products import rows

__all__ = ["recurrent_scan"]

# -- backward, where it is recorded ---------------------------------------------------------------


def _gru_gates(p: Any, product: Any) -> Any:
    both = sigmoid(p[:, :, :2] + product[:, :, :2])
    new = np.tanh(p[:, :, 2] + both[:, :, 0] * product[:, :, 2])
    return np.stack([both[:, :, 0], both[:, :, 1], product[:, :, 2], new], 2)


def _lstm_gates(p: Any, product: Any) -> Any:
    a = p + product
    both = sigmoid(a[:, :, :2])
    return np.stack([both[:, :, 0], both[:, :, 1], sigmoid(a[:, :, 3]), np.tanh(a[:, :, 2])], 2)


def _back_one(dh: Any, found: tuple[Any, ...], weight: Any) -> tuple[Any, Any]:
    """The gradients of what goes into the gates of one step, and of the state before it."""
    both, onward = found
    pulled = np.reshape(dh[:, None] * both, (dh.shape[0], both.shape[1] * both.shape[2]))
    before = np.matmul(pulled[:, : weight.shape[0]], weight)
    return pulled, before if onward is None else before + dh * onward


def _back_two(g: Any, found: tuple[Any, ...], weight: Any) -> tuple[Any, Any]:
    """The same for a state with a cell beside it."""
    of_cell, of_leave, of_state, forget, onward = found
    dh, dc = g[0], g[1] + g[0] * of_state[:, 0]
    pulled = np.concatenate([dc[:, None] * of_cell, dh[:, None] * of_leave], 1)
    pulled = np.reshape(pulled, (dh.shape[0], weight.shape[0]))
    before = np.matmul(pulled, weight)
    return pulled, np.stack([before if onward is None else before + dh * onward, dc * forget])


class Cell(NamedTuple):
    """One kind of layer: how many gates and states it has, and both ways through it."""

    gates: int
    states: int
    forward: Callable[..., Any]
    back: Callable[..., tuple[Any, Any]]
    values: Callable[..., Any] | None = None  # those of the gates that its factors come from


CELLS = {
    "rnn_tanh": Cell(1, 1, partial(rnn_forward, rectify=False), _back_one),
    "rnn_relu": Cell(1, 1, partial(rnn_forward, rectify=True), _back_one),
    "gru": Cell(3, 1, gru_forward, _back_one, _gru_gates),
    "lstm": Cell(4, 2, lstm_forward, _back_two, _lstm_gates),
}


def _pullback(
    g: Any, z: Any, p: Any, state: Any, weight: Any, bias: Any, ended: Any, cell: str, gates: Any = None
) -> tuple[Any, Any]:
    """See ``recurrent_backward``; ``gates`` are None where they have not been kept."""
    row, (steps, batch, hidden) = CELLS[cell], z.shape[-3:]
    axis = row.states - 1  # states are (steps, ...), or (2, steps, ...) with cells
    before = np.concatenate([np.expand_dims(state, axis), z[(slice(None),) * axis + (slice(0, steps - 1),)]], axis)
    if gates is None and row.values is not None:
        product = np.matmul(rows(before[0] if axis else before), np.transpose(weight))
        shape = (steps, batch, row.gates, hidden)
        gates = row.values(np.reshape(p, shape), np.reshape(product if bias is None else product + bias, shape))
    if not hasattr(g, "_node"):
        return recurrent_backward(g, z, gates, state, weight, ended, cell)  # type: ignore[no-any-return]
    parts = factors(cell, gates, before, z, ended)
    each: list[Any] = []
    later: Any = None
    for t in range(steps - 1, -1, -1):
        now = g[(slice(None),) * axis + (t,)]
        now = now if later is None else now + later
        pulled, later = row.back(now, tuple([x if x is None else x[t] for x in parts]), weight)
        each.append(pulled)
    return np.stack(each[::-1]), later


# -- the operation ------------------------------------------------------------------------------


class Shared:
    """Values that the formulas of one call share: calculated for the first of them, kept for the others."""

    __slots__ = ("_carry", "gates")

    def __init__(self) -> None:
        self._carry: tuple[Any, Any] = (None, None)
        self.gates: Any = None  # as the forward has calculated them

    def of(self, g: Any, calculate: Callable[[Any], Any]) -> Any:
        """``calculate(gates)``, once for each gradient that flows in."""
        if hasattr(g, "_node"):  # the graph of a Tensor would lead back to this object: a cycle
            return calculate(None)
        source, value = self._carry
        if source is not g:
            value = calculate(self.gates)
            self._carry = (g, value)
        return value


def _scan(p: Any, state: Any, weight: Any, bias: Any, ended: Any, cell: str, shared: Shared | None = None) -> Any:
    row = CELLS[cell]
    if shared is None or row.values is None:
        return row.forward(p, state, weight, bias, ended)
    z, shared.gates = row.forward(p, state, weight, bias, ended, True)
    return z


def _formula(part: Callable[..., Any], argument: int) -> Callable[..., Any]:
    """The formula of one argument: a part of what the walk back through the steps gives. Without steps it is 0."""

    def formula(g: Any, z: Any, p: Any, state: Any, weight: Any, bias: Any, ended: Any, cell: Any, shared: Any) -> Any:
        if not z.shape[-3]:
            return np.zeros_like((p, state, weight, bias)[argument])

        def calculate(gates: Any) -> tuple[Any, Any]:
            return _pullback(g, z, p, state, weight, bias, ended, cell, gates)

        gates, first = calculate(None) if shared is None else shared.of(g, calculate)
        if cell == "lstm":
            z, state = z[0], state[0]
        return part(gates, first, z, state, cell)

    return formula


def _of_inputs(gates: Any, _first: Any, z: Any, _state: Any, cell: str) -> Any:
    if cell != "gru":
        return gates
    hidden = z.shape[-1]
    return np.concatenate([gates[:, :, : 2 * hidden], gates[:, :, 3 * hidden :]], -1)


def _recurrent(gates: Any, hidden: int, cell: str) -> Any:
    """The gates that take part in the product with the state before."""
    return gates[:, :, : 3 * hidden] if cell == "gru" else gates


def _of_weight(gates: Any, _first: Any, z: Any, state: Any, cell: str) -> Any:
    part = _recurrent(gates, z.shape[-1], cell)
    return np.matmul(part[0].T, state) + np.matmul(rows(part[1:]).T, rows(z[:-1]))


def _of_bias(gates: Any, _first: Any, z: Any, _state: Any, cell: str) -> Any:
    return sum_of_rows(_recurrent(gates, z.shape[-1], cell))


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
recurrent_scan.op.optional = frozenset({"bias", "ended"})
