"""Recurrent layers: each is one operation over all steps of a sequence.

The products with the inputs are made before, for all steps in one matrix product, and come in as ``p`` (steps, batch,
gates * hidden). What is left is a loop of one small matrix product and a few functions for each step.

Backwards, the gradient of the states is a *linear* recurrence: how a state acts on the next one are factors that
depend on values of the forward pass alone. These are calculated for all steps at once, so that the loop back has five
calls for each step and the gradients of the weights are single products. They are calculated anew from the states,
and the graph keeps nothing but these.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any, NamedTuple

import numpy as np

from minigrad.ops.choices import relu
from minigrad.ops.elementwise import sigmoid
from minigrad.ops.products import rows
from minigrad.ops.recurrent_steps import gru_forward, lstm_forward, rnn_forward
from minigrad.primitive import primitive
from minigrad.table import Primitive

__all__ = ["composites", "recurrent_scan"]

# -- backward: on arrays, and on Tensors for the orders above -----------------------------------


class Pulled(NamedTuple):
    """What a gradient of all states gives: of p, of the product with the weight, of the first state."""

    p: Any
    product: Any
    first: Any


def _before(states: Any, first: Any) -> Any:
    """The state before each step: the first one, and all of them but the last."""
    return np.concatenate([first[None], states[:-1]])


def _product(before: Any, weight: Any, bias: Any) -> Any:
    """before @ weight.T + bias for all steps in one product, (steps, batch, gates, hidden)."""
    steps, batch, hidden = before.shape
    product = np.matmul(rows(before), np.transpose(weight))
    product = product if bias is None else product + bias
    return product.reshape((steps, batch, weight.shape[0] // hidden, hidden))


def _gates(p: Any, hidden: int) -> Any:
    return p.reshape((*p.shape[:2], p.shape[2] // hidden, hidden))


def _flat(gates: Any) -> Any:
    """(steps, batch, gates, hidden) as (steps, batch, gates * hidden)."""
    return gates.reshape((*gates.shape[:2], gates.shape[2] * gates.shape[3]))


def _masked(factor: Any, ended: Any) -> Any:
    """A factor (steps, batch, gates, hidden) that is 0 where the sequence has ended."""
    return factor if ended is None else np.where(ended[:, :, None], 0, factor)


def _carried(g: Any, factors: Any, keep: Any, weight: Any) -> tuple[Any, Any]:
    """The gradient of each state (steps, batch, hidden), and of the first one, from the last step to the first.

    ``factors`` of it go back through the gates and ``weight``; ``keep`` of it, unless None, directly.
    """
    steps, batch, gates, hidden = factors.shape
    found: list[Any] = []
    later: Any = None
    for t in range(steps - 1, -1, -1):
        dh = g[t] if later is None else g[t] + later
        found.append(dh)
        later = np.matmul((dh[:, None] * factors[t]).reshape((batch, gates * hidden)), weight)
        if keep is not None:
            later = later + dh * keep[t]
    return np.stack(found[::-1]), later


def _kept(ended: Any, otherwise: Any, like: Any) -> Any:
    """The share of a state that the next one is: all of it where the sequence has ended."""
    if ended is None:
        return otherwise
    return np.where(ended, 1, np.zeros_like(like) if otherwise is None else otherwise)


def _rnn_pullback(g: Any, z: Any, _p: Any, _h0: Any, weight: Any, _bias: Any, ended: Any, slope: Any) -> Pulled:
    factor = _masked(slope(z)[:, :, None], ended)
    states, first = _carried(g, factor, _kept(ended, None, z), weight)
    pulled = states * factor[:, :, 0]
    return Pulled(pulled, pulled, first)


def _gru_pullback(g: Any, z: Any, p: Any, h0: Any, weight: Any, bias: Any, ended: Any) -> Pulled:
    before = _before(z, h0)
    product, p = _product(before, weight, bias), _gates(p, h0.shape[-1])
    both = sigmoid(p[:, :, :2] + product[:, :, :2])
    reset, update, recurrent = both[:, :, 0], both[:, :, 1], product[:, :, 2]
    new = np.tanh(p[:, :, 2] + reset * recurrent)
    of_new = (1 - update) * (1 - new * new)
    of_gates = [of_new * recurrent * (reset * (1 - reset)), (before - new) * (update * (1 - update))]
    factors = _masked(np.stack([*of_gates, of_new * reset], 2), ended)
    states, first = _carried(g, factors, _kept(ended, update, z), weight)
    pulled = states[:, :, None] * factors
    last = states[:, :, None] * _masked(of_new[:, :, None], ended)
    return Pulled(_flat(np.concatenate([pulled[:, :, :2], last], 2)), _flat(pulled), first)


def _lstm_pullback(g: Any, z: Any, p: Any, state: Any, weight: Any, bias: Any, ended: Any) -> Pulled:
    cells, (steps, batch, hidden) = z[1], z.shape[1:]
    a = _gates(p, hidden) + _product(_before(z[0], state[0]), weight, bias)
    enter, forget, leave, value = sigmoid(a[:, :, 0]), sigmoid(a[:, :, 1]), sigmoid(a[:, :, 3]), np.tanh(a[:, :, 2])
    shown = np.tanh(cells)
    of_cell = [
        value * enter * (1 - enter),
        _before(cells, state[1]) * forget * (1 - forget),
        enter * (1 - value * value),
    ]
    inner = _masked(np.stack(of_cell, 2), ended)
    outer = _masked((shown * leave * (1 - leave))[:, :, None], ended)
    to_cell = _masked((leave * (1 - shown * shown))[:, :, None], ended)[:, :, 0]
    keep, stay = _kept(ended, forget, forget), _kept(ended, None, forget)
    found: list[Any] = []
    later: Any = None
    later_cell: Any = None
    for t in range(steps - 1, -1, -1):
        dh, dc = (g[0, t], g[1, t]) if later is None else (g[0, t] + later, g[1, t] + later_cell)
        dc = dc + dh * to_cell[t]
        pulled = np.concatenate([dc[:, None] * inner[t], dh[:, None] * outer[t]], 1).reshape((batch, 4 * hidden))
        found.append(pulled)
        later, later_cell = np.matmul(pulled, weight), dc * keep[t]
        if stay is not None:
            later = later + dh * stay[t]
    gates = np.stack(found[::-1])
    return Pulled(gates, gates, np.stack([later, later_cell]))


# -- the operation ------------------------------------------------------------------------------


class Shared:
    """What the formulas of one call have in common: calculated for the first of them, kept for the others."""

    __slots__ = ("_kept",)

    def __init__(self) -> None:
        self._kept: tuple[Any, Any] = (None, None)

    def of(self, g: Any, calculate: Callable[[], Any]) -> Any:
        """``calculate()``, once for each gradient that flows in."""
        if hasattr(g, "_node"):  # the graph of a Tensor would lead back to this object: a cycle
            return calculate()
        source, value = self._kept
        if source is not g:
            value = calculate()
            self._kept = (g, value)
        return value


class Cell(NamedTuple):
    """One kind of layer: how many gates and states it has, and both ways through it."""

    gates: int
    states: int
    forward: Callable[..., Any]
    pullback: Callable[..., Pulled]


CELLS = {
    "rnn_tanh": Cell(1, 1, partial(rnn_forward, rectify=False), partial(_rnn_pullback, slope=lambda z: 1 - z * z)),
    "rnn_relu": Cell(
        1, 1, partial(rnn_forward, rectify=True),
        partial(_rnn_pullback, slope=lambda z: np.greater(z, 0).astype(z.dtype)),
    ),
    "gru": Cell(3, 1, gru_forward, _gru_pullback),
    "lstm": Cell(4, 2, lstm_forward, _lstm_pullback),
}  # fmt: skip


def _scan(p: Any, state: Any, weight: Any, bias: Any, ended: Any, cell: str, shared: Shared | None = None) -> Any:  # noqa: ARG001
    return CELLS[cell].forward(p, state, weight, bias, ended)


def _formula(part: Callable[..., Any]) -> Callable[..., Any]:
    """The formula of one argument: a part of what the walk back through the steps gives."""

    def formula(g: Any, z: Any, p: Any, state: Any, weight: Any, bias: Any, ended: Any, cell: Any, shared: Any) -> Any:
        def calculate() -> Pulled:
            return CELLS[cell].pullback(g, z, p, state, weight, bias, ended)

        pulled = calculate() if shared is None else shared.of(g, calculate)
        lstm = CELLS[cell].states == 2
        return part(pulled, z[0] if lstm else z, state[0] if lstm else state)

    return formula


recurrent_scan: Primitive = primitive(
    _scan,
    _formula(lambda pulled, z, state: pulled.p),
    _formula(lambda pulled, z, state: pulled.first),
    _formula(lambda pulled, z, state: np.matmul(rows(pulled.product).T, rows(_before(z, state)))),
    _formula(lambda pulled, z, state: np.sum(rows(pulled.product), 0)),
    None,
    name="recurrent_scan",
    doc="""All states (steps, batch, hidden) of a recurrent layer, given the products of its inputs with their weight.

    ``cell`` is "rnn_tanh", "rnn_relu", "gru" or "lstm", with gates in PyTorch's order. ``p`` is (steps, batch, gates *
    hidden), ``state`` (batch, hidden); ``weight`` (gates * hidden, hidden) and ``bias`` (gates * hidden,), or None, act
    on the state before. Where ``ended`` (steps, batch, 1), or None, is True, a state stays what it was. An "lstm" has a
    cell beside each state: ``state`` is (2, batch, hidden) and the result (2, steps, batch, hidden).
    """,
)  # fmt: skip

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
