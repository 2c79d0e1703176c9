"""Recurrent layers as loops in machine code: see ``native_networks`` for what they stand for."""

from __future__ import annotations

import functools
import math
from collections.abc import Callable
from typing import Any

import numpy as np

from minigrad.compiler.backends.cache import Compiler
from minigrad.compiler.backends.kernel_expressions import TYPES
from minigrad.compiler.backends.machine import Loop, alike, shared
from minigrad.compiler.backends.recurrent_loops import backward, block_of, recurrent
from minigrad.kernels.recurrent import gru_forward, lstm_forward, recurrent_backward, rnn_forward

#: Numbers of a state up to which the loop is faster than BLAS, whose products get larger with it.
LARGEST_STATE = 256


def _covered(ended: Any, steps: int, batch: int, hidden: int, *arrays: Any) -> bool:
    """Whether there is a loop: for sequences that are equally long, and states that are not too large."""
    fits = ended is None and 0 < hidden <= LARGEST_STATE and steps * batch > 0
    return fits and alike(arrays[0].dtype, *[x for x in arrays if x is not None])


def _run(x: Any) -> Any:
    """All elements in one run."""
    return np.ascontiguousarray(x).reshape(-1)


def _scanned(
    name: str,
    compiler: Compiler,
    result: Any,
    p: Any,
    state: Any,
    weight: Any,
    bias: Any,
    ended: Any,
    keep: Any = False,
) -> Loop | None:
    """All states of a layer, and with ``keep`` what its gates were."""
    dtype, (steps, batch, width), hidden = result.dtype, p.shape, state.shape[-1]
    if not _covered(ended, steps, batch, hidden, result, p, state, weight, bias):
        return None
    block = block_of(batch)
    kernel = compiler.kernel(recurrent(name, TYPES[dtype], block, hidden, keep))
    start = shared(kernel, -(-batch // block), steps * batch * width * hidden)
    nothing, numbers, gates = np.zeros(width, dtype), (steps, batch, hidden), (steps, batch, 4, hidden)

    def run(p: Any, state: Any, weight: Any, bias: Any, *_: Any, out: Any = None, **__: Any) -> Any:
        z = np.empty(result.shape, dtype) if out is None else out
        arrays = (_run(p), _run(state), _run(weight.T), nothing if bias is None else np.ascontiguousarray(bias))
        if not keep:
            start(*arrays, z.reshape(-1), *numbers)
            return z
        states = np.empty(gates, dtype)
        start(*arrays, z.reshape(-1), states.reshape(-1), *numbers)
        return z, states

    sample = [nothing] * (6 if keep else 5) + list(numbers)
    return Loop(f"{name}_forward", run, kernel, sample, not keep and math.prod(result.shape) > 0)


def _plain(compiler: Compiler, result: Any, *arguments: Any) -> Loop | None:
    *others, rectify = arguments
    return _scanned("rnn_relu" if rectify else "rnn_tanh", compiler, result, *others)


def _back(
    compiler: Compiler, result: Any, g: Any, z: Any, gates: Any, state: Any, weight: Any, ended: Any, cell: Any
) -> Loop | None:
    """The way back through all steps."""
    dtype, (steps, batch, hidden) = result.dtype, z.shape[-3:]
    if not _covered(ended, steps, batch, hidden, result, g, z, gates, state, weight):
        return None
    block = block_of(batch)
    kernel = compiler.kernel(backward(cell, TYPES[dtype], block, hidden))
    start = shared(kernel, -(-batch // block), steps * batch * math.prod(weight.shape))
    nothing, numbers = np.zeros(1, dtype), (steps, batch, hidden)

    def run(g: Any, z: Any, gates: Any, state: Any, weight: Any, *_: Any, **__: Any) -> Any:
        pulled, first = np.empty(result.shape, dtype), np.empty(state.shape, dtype)
        arrays = (_run(g), _run(z), nothing if gates is None else _run(gates), _run(state), _run(weight))
        start(*arrays, pulled.reshape(-1), first.reshape(-1), *numbers)
        return pulled, first

    return Loop("recurrent_backward", run, kernel, [nothing] * 7 + list(numbers), False)


#: What makes a loop for a call of a ``numpy_function``.
SEQUENCES: dict[Any, Callable[..., Loop | None]] = {
    rnn_forward: _plain,
    gru_forward: functools.partial(_scanned, "gru"),
    lstm_forward: functools.partial(_scanned, "lstm"),
    recurrent_backward: _back,
}
