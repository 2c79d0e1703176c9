"""Recurrent layers as loops in machine code: see ``native_networks`` for what they stand for."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from minigrad.compiler.backends.cache import Compiler
from minigrad.compiler.backends.kernel_expressions import TYPES
from minigrad.compiler.backends.machine import Loop, alike, shared
from minigrad.compiler.backends.recurrent_loops import BLOCK, recurrent
from minigrad.kernels.recurrent import gru_forward, lstm_forward, rnn_forward

#: Numbers of a state up to which the loop is faster than BLAS, whose products get larger with it.
LARGEST_STATE = 256


def _scanned(
    name: str, compiler: Compiler, result: Any, p: Any, state: Any, weight: Any, bias: Any, ended: Any
) -> Loop | None:
    """All states of a layer whose sequences are equally long."""
    dtype, (steps, batch, width), hidden = result.dtype, p.shape, state.shape[-1]
    arrays = [p, state, weight, result, *([] if bias is None else [bias])]
    if ended is not None or not alike(dtype, *arrays) or not 0 < hidden <= LARGEST_STATE or not steps * batch:
        return None
    block = min(BLOCK, batch)
    kernel = compiler.kernel(recurrent(name, TYPES[dtype], block, hidden))
    start = shared(kernel, -(-batch // block), steps * batch * width * hidden)
    nothing, numbers = np.zeros(width, dtype), (steps, batch, hidden)

    def run(p: Any, state: Any, weight: Any, bias: Any, *_: Any, out: Any = None, **__: Any) -> Any:
        z = np.empty(result.shape, dtype) if out is None else out
        p, state, across = (np.ascontiguousarray(x).reshape(-1) for x in (p, state, weight.T))
        start(p, state, across, nothing if bias is None else np.ascontiguousarray(bias), z.reshape(-1), *numbers)
        return z

    return Loop(f"{name}_forward", run, kernel, [nothing] * 5 + list(numbers), math.prod(result.shape) > 0)


def _plain(compiler: Compiler, result: Any, p: Any, h0: Any, weight: Any, bias: Any, ended: Any, rectify: Any) -> Any:
    return _scanned("rnn_relu" if rectify else "rnn_tanh", compiler, result, p, h0, weight, bias, ended)


def _gru(
    compiler: Compiler, result: Any, p: Any, h0: Any, weight: Any, bias: Any, ended: Any, keep: Any = False
) -> Any:
    return None if keep else _scanned("gru", compiler, result, p, h0, weight, bias, ended)


def _lstm(
    compiler: Compiler, result: Any, p: Any, state: Any, weight: Any, bias: Any, ended: Any, keep: Any = False
) -> Loop | None:
    return None if keep else _scanned("lstm", compiler, result, p, state, weight, bias, ended)


#: What makes a loop for a call of a ``numpy_function``.
SEQUENCES: dict[Any, Callable[..., Loop | None]] = {rnn_forward: _plain, gru_forward: _gru, lstm_forward: _lstm}
