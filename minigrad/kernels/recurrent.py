"""The steps of recurrent layers, forward and backward: plain NumPy on plain arrays, in buffers that all steps share.

Each forward takes the products of all inputs with their weight, ``p`` (steps, batch, gates * hidden), the first state
(batch, hidden), the weight (gates * hidden, hidden) and the bias (gates * hidden,), or None, that act on the state
before, and ``ended`` (steps, batch, 1), or None: where it is True, a state stays what it was.

Backwards, the gradient of the states is a *linear* recurrence: how a state acts on the next one are factors that
depend on values of the forward pass alone. These are calculated for many steps at once, so few calls are left for each
step. With ``keep``, a forward gives the values of its gates too, from which the factors come.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from minigrad.core.stands import numpy_function

#: Bytes of gates in a block of steps whose factors are calculated together: its intermediate arrays stay in the cache.
BLOCK_BYTES = 512 * 1024


@numpy_function
def rnn_forward(p: Any, h0: Any, weight: Any, bias: Any, ended: Any, rectify: bool) -> Any:
    """All h (steps, batch, hidden), where h = tanh(p + h @ weight.T + bias), or relu of the same."""
    z = np.empty((p.shape[0], *h0.shape), p.dtype)
    across, h = np.ascontiguousarray(weight.T), h0
    p = p if bias is None else p + bias
    for t, (new, shift) in enumerate(zip(z, p, strict=True)):
        np.matmul(h, across, out=new)
        np.add(new, shift, out=new)
        if rectify:
            np.maximum(new, 0, out=new)
        else:
            np.tanh(new, out=new)
        if ended is not None:
            np.copyto(new, h, where=ended[t])
        h = new
    return z


@numpy_function
def gru_forward(p: Any, h0: Any, weight: Any, bias: Any, ended: Any, keep: bool = False) -> Any:
    """All states (steps, batch, hidden) of a gated recurrent unit; gates in the order reset, update, new.

    With ``keep`` also (steps, batch, 4, hidden): reset, update, what reset is multiplied with, and new.
    """
    steps, (batch, n) = p.shape[0], h0.shape
    two, h = 2 * n, h0
    z = np.empty((steps, batch, n), p.dtype)
    gates = np.empty((steps if keep else 1, batch, 4 * n), p.dtype)
    # The sigmoid of a is 1 / (1 + exp(-a)): with the sign in the weight and in p, a sum gives -a.
    across = np.concatenate((-weight[:two], weight[two:])).T.copy()
    shift = np.negative(p[:, :, :two]) if bias is None else -bias[:two] - p[:, :, :two]
    parts = [gates[:, :, a:b] for a, b in ((0, 3 * n), (0, two), (0, n), (n, two), (two, 3 * n), (3 * n, 4 * n))]
    views = zip(*[part if keep else [part[0]] * steps for part in parts], strict=True)
    with np.errstate(over="ignore"):
        for t, (new, (product, both, reset, update, recurrent, proposed)) in enumerate(zip(z, views, strict=True)):
            np.matmul(h, across, out=product)
            np.add(both, shift[t], out=both)
            np.exp(both, out=both)
            np.add(both, 1, out=both)
            np.divide(1, both, out=both)
            if bias is not None:
                np.add(recurrent, bias[two:], out=recurrent)
            np.multiply(recurrent, reset, out=proposed)
            np.add(proposed, p[t, :, two:], out=proposed)
            np.tanh(proposed, out=proposed)
            np.subtract(h, proposed, out=new)
            np.multiply(new, update, out=new)
            np.add(new, proposed, out=new)
            if ended is not None:
                np.copyto(new, h, where=ended[t])
            h = new
    return (z, gates.reshape(steps, batch, 4, n)) if keep else z


@numpy_function
def lstm_forward(p: Any, state: Any, weight: Any, bias: Any, ended: Any, keep: bool = False) -> Any:
    """All states and cells (2, steps, batch, hidden) of a long short-term memory; gates: input, forget, cell, output.

    The first states are (2, batch, hidden). With ``keep`` also the gates (steps, batch, 4, hidden), in the order input,
    forget, output, cell.
    """
    steps, batch, n = p.shape[0], state.shape[1], state.shape[2]
    z = np.empty((2, steps, batch, n), p.dtype)
    gates = np.empty((steps if keep else 1, batch, 4 * n), p.dtype)
    # As above: of the sigmoids, which lie side by side here, a sum gives -a.
    across = np.concatenate((-weight[: 2 * n], -weight[3 * n :], weight[2 * n : 3 * n])).T.copy()
    p = p if bias is None else p + bias
    shift = np.empty(p.shape, p.dtype)
    # Not np.negative, which NumPy 2.4 gets wrong in float32 from every k-th number to every k-th.
    np.multiply(p[:, :, : 2 * n], -1, out=shift[:, :, : 2 * n])
    np.multiply(p[:, :, 3 * n :], -1, out=shift[:, :, 2 * n : 3 * n])
    shift[:, :, 3 * n :] = p[:, :, 2 * n : 3 * n]
    parts = [gates[:, :, a * n : b * n] for a, b in ((0, 4), (0, 3), (0, 1), (1, 2), (2, 3), (3, 4))]
    views = zip(*[part if keep else [part[0]] * steps for part in parts], strict=True)
    (h, c), entered = state, np.empty((batch, n), p.dtype)
    with np.errstate(over="ignore"):
        for t, (out, new, (every, three, enter, forget, leave, value)) in enumerate(zip(*z, views, strict=True)):
            np.matmul(h, across, out=every)
            np.add(every, shift[t], out=every)
            np.exp(three, out=three)
            np.add(three, 1, out=three)
            np.divide(1, three, out=three)
            np.tanh(value, out=value)
            np.multiply(c, forget, out=new)
            np.multiply(value, enter, out=entered)
            np.add(new, entered, out=new)
            np.tanh(new, out=out)
            np.multiply(out, leave, out=out)
            if ended is not None:
                np.copyto(new, c, where=ended[t])
                np.copyto(out, h, where=ended[t])
            h, c = out, new
    return (z, gates.reshape(steps, batch, 4, n)) if keep else z


# -- backward -----------------------------------------------------------------------------------


def factors(cell: str, gates: Any, before: Any, after: Any, ended: Any, numpy: Any = np) -> tuple[Any, ...]:
    """How the gradient of a state enters what goes into the gates, and the state before: on arrays, or on Tensors.

    For a cell with one state (steps, batch, gates, hidden) and (steps, batch, hidden), or None for 0. A GRU has four
    gates here: reset, update, the recurrent part of new, which reset has been multiplied with, and new. For an LSTM the
    factors of the cell's gradient in input, forget and cell, those of the state's in output and in the cell's gradient,
    and those of both in the ones before. ``numpy`` has the functions that it is written with.
    """
    both: tuple[Any, ...]
    onward: tuple[Any, ...]
    if cell == "gru":
        reset, update, recurrent, new = gates[:, :, 0], gates[:, :, 1], gates[:, :, 2], gates[:, :, 3]
        of_new = (1 - update) * (1 - new * new)
        of_reset = of_new * recurrent * (reset * (1 - reset))
        of_update = (before - new) * (update * (1 - update))
        both = (numpy.stack([of_reset, of_update, of_new * reset, of_new], 2),)
        onward = (update,)
    elif cell == "lstm":
        enter, forget, leave, value = gates[:, :, 0], gates[:, :, 1], gates[:, :, 2], gates[:, :, 3]
        shown = numpy.tanh(after[1])
        of_enter, of_forget = value * enter * (1 - enter), before[1] * forget * (1 - forget)
        of_cell = numpy.stack([of_enter, of_forget, enter * (1 - value * value)], 2)
        both = (of_cell, (shown * leave * (1 - leave))[:, :, None], (leave * (1 - shown * shown))[:, :, None])
        onward = (forget, None)
    else:
        slope = 1 - after * after if cell == "rnn_tanh" else numpy.not_equal(after, 0).astype(after.dtype)
        both, onward = (slope[:, :, None],), (None,)
    if ended is not None:  # there nothing enters the gates, and a state is the one before
        both = tuple([numpy.where(ended[:, :, None], 0, factor) for factor in both])
        one = after[-1] if cell == "lstm" else after
        onward = tuple([numpy.where(ended, 1, numpy.zeros_like(one) if x is None else x) for x in onward])
    return (*both, *onward)


@numpy_function
def recurrent_backward(g: Any, z: Any, gates: Any, state: Any, weight: Any, ended: Any, cell: str) -> Any:
    """The gradient of what goes into the gates (steps, batch, gates * hidden), and that of the first state.

    ``g`` is that of all states ``z``, and ``gates`` what the forward has kept. The gates are those of ``factors``, for
    an LSTM in the order of its weight.
    """
    (steps, batch, n), pair = z.shape[-3:], cell == "lstm"
    count = 4 if cell in ("gru", "lstm") else 1
    pulled = np.empty((steps, batch, count, n), z.dtype)
    flat = pulled.reshape(steps, batch, count * n)
    entered = flat[:, :, : weight.shape[0]]  # what the product with the state before enters
    product, part = np.empty((batch, n), z.dtype), np.empty((batch, n), z.dtype)
    dh = (g[0, steps - 1] if pair else g[steps - 1]).copy()
    dc = g[1, steps - 1].copy() if pair else dh
    block = max(1, BLOCK_BYTES // max(1, batch * count * n * z.dtype.itemsize))
    for stop in range(steps, 0, -block):
        start = max(stop - block, 0)
        before = z[..., max(start - 1, 0) : stop - 1, :, :]
        if start == 0:
            before = np.concatenate((state[..., None, :, :], before), -3)
        now = slice(start, stop)
        gates_now = None if gates is None else gates[now]
        over = None if ended is None else ended[now]
        slopes = factors(cell, gates_now, before, z[..., now, :, :], over)
        for t in range(stop - 1, start - 1, -1):
            here = t - start
            if pair:
                of_cell, of_leave, of_state, forget, onward = slopes
                np.multiply(dh, of_state[here, :, 0], out=part)
                np.add(dc, part, out=dc)
                np.multiply(dc[:, None], of_cell[here], out=pulled[t, :, :3])
                np.multiply(dh, of_leave[here, :, 0], out=pulled[t, :, 3])
                np.multiply(dc, forget[here], out=dc)
            else:
                both, onward = slopes
                np.multiply(dh[:, None], both[here], out=pulled[t])
            np.matmul(entered[t], weight, out=product)
            if onward is not None:
                np.multiply(dh, onward[here], out=part)
                np.add(product, part, out=product)
            if t and pair:
                np.add(product, g[0, t - 1], out=dh)
                np.add(dc, g[1, t - 1], out=dc)
            elif t:
                np.add(product, g[t - 1], out=dh)
    return flat, np.stack((product, dc)) if pair else product
