"""The steps of recurrent layers, forward: plain NumPy on plain arrays, in buffers of one step.

Each function takes the products of all inputs with their weight, ``p`` (steps, batch, gates * hidden), the first state
(batch, hidden), the weight (gates * hidden, hidden) and the bias (gates * hidden,), or None, that act on the state
before, and ``ended`` (steps, batch, 1), or None: where it is True, a state stays what it was.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from minigrad.core.conversion import numpy_function


@numpy_function
def rnn_forward(p: Any, h0: Any, weight: Any, bias: Any, ended: Any, rectify: bool) -> Any:
    """All h (steps, batch, hidden), where h = tanh(p + h @ weight.T + bias), or relu of the same."""
    z = np.empty((p.shape[0], *h0.shape), p.dtype)
    across, h = np.ascontiguousarray(weight.T), h0
    p = p if bias is None else p + bias
    for t in range(len(z)):
        new = np.matmul(h, across, out=z[t])
        new += p[t]
        if rectify:
            np.maximum(new, 0, out=new)
        else:
            np.tanh(new, out=new)
        if ended is not None:
            np.copyto(new, h, where=ended[t])
        h = new
    return z


@numpy_function
def gru_forward(p: Any, h0: Any, weight: Any, bias: Any, ended: Any) -> Any:
    """All states (steps, batch, hidden) of a gated recurrent unit; gates in the order reset, update, new."""
    z = np.empty((p.shape[0], *h0.shape), p.dtype)
    two, h = 2 * h0.shape[-1], h0
    # The sigmoid of a is 1 / (1 + exp(-a)): with the sign in the weight, a subtraction gives -a.
    across = np.concatenate((-weight[:two], weight[two:])).T.copy()
    shift = None if bias is None else np.concatenate((-bias[:two], bias[two:]))
    product = np.empty((h0.shape[0], weight.shape[0]), p.dtype)
    gates, proposed = product[:, :two], product[:, two:]
    reset, update = product[:, : two // 2], product[:, two // 2 : two]
    with np.errstate(over="ignore"):
        for t in range(len(z)):
            np.matmul(h, across, out=product)
            if shift is not None:
                np.add(product, shift, out=product)
            np.subtract(gates, p[t, :, :two], out=gates)
            np.exp(gates, out=gates)
            np.add(gates, 1, out=gates)
            np.divide(1, gates, out=gates)
            np.multiply(proposed, reset, out=proposed)
            np.add(proposed, p[t, :, two:], out=proposed)
            np.tanh(proposed, out=proposed)
            new = np.subtract(h, proposed, out=z[t])
            new *= update
            new += proposed
            if ended is not None:
                np.copyto(new, h, where=ended[t])
            h = new
    return z


@numpy_function
def lstm_forward(p: Any, state: Any, weight: Any, bias: Any, ended: Any) -> Any:
    """All states and cells (2, steps, batch, hidden) of a long short-term memory; gates: input, forget, cell, output.

    The first states are (2, batch, hidden).
    """
    z = np.empty((2, p.shape[0], *state.shape[1:]), p.dtype)
    (h, c), n = state, state.shape[-1]
    across = -weight.T  # as above: for the sigmoids
    across[:, 2 * n : 3 * n] *= -1
    p = p if bias is None else p + bias
    a = np.empty((h.shape[0], 4 * n), p.dtype)
    first, cell, last = a[:, : 2 * n], a[:, 2 * n : 3 * n], a[:, 3 * n :]
    with np.errstate(over="ignore"):
        for t in range(z.shape[1]):
            np.matmul(h, across, out=a)
            np.subtract(first, p[t, :, : 2 * n], out=first)
            np.add(cell, p[t, :, 2 * n : 3 * n], out=cell)
            np.subtract(last, p[t, :, 3 * n :], out=last)
            np.tanh(cell, out=cell)
            for gate in (first, last):
                np.exp(gate, out=gate)
                np.add(gate, 1, out=gate)
                np.divide(1, gate, out=gate)
            np.multiply(cell, a[:, :n], out=cell)
            new = np.multiply(c, a[:, n : 2 * n], out=z[1, t])
            new += cell
            out = np.tanh(new, out=z[0, t])
            out *= last
            if ended is not None:
                np.copyto(new, c, where=ended[t])
                np.copyto(out, h, where=ended[t])
            h, c = out, new
    return z
