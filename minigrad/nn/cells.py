"""Recurrent cells: one step of a recurrent layer, for loops of one's own."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import DTypeLike

from minigrad.core.checks import whole
from minigrad.errors import ShapeError
from minigrad.nn import functional as F
from minigrad.nn.module import Module
from minigrad.nn.recurrent import cell_of, make_weights, parts_of
from minigrad.ops.recurrent import CELLS, Shared

__all__ = ["GRUCell", "LSTMCell", "RNNCell"]


class Cell(Module):
    """The base of the three cells. Not made by itself."""

    cell: str

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        bias: bool = True,
        generator: np.random.Generator | None = None,
        dtype: DTypeLike | None = None,
    ) -> None:
        name = type(self).__name__
        self.input_size = whole(name, "input_size", input_size)
        self.hidden_size = whole(name, "hidden_size", hidden_size)
        make_weights(self, "", CELLS[self.cell].gates, input_size, hidden_size, bias, generator, dtype)

    def forward(self, x: Any, state: Any = None) -> Any:
        """x (batch, input_size) and the state before, zeros by default -> the state after: (batch, hidden_size).

        Without a batch: (input_size,) -> (hidden_size,). The state of an LSTMCell is a pair (h, c). Raises
        ``ShapeError``.
        """
        shape, name = np.shape(x), type(self).__name__
        if len(shape) not in (1, 2) or shape[-1] != self.input_size:
            raise ShapeError(
                f"{name} takes one step of shape (batch, {self.input_size}), or (input_size,), got {shape}"
            )
        lstm, expected = self.cell == "lstm", (*shape[:-1], self.hidden_size)
        if state is None:
            zeros = np.zeros(expected, x.dtype)
            state = (zeros, zeros) if lstm else zeros
        pair = parts_of(f"{name}: the state", state, lstm, expected)
        if len(shape) == 1:
            x, pair = x[None], tuple([part[None] for part in pair])
        p = F.linear(x, self.weight_ih, self.bias_ih)
        first = np.stack(pair) if lstm else pair[0]
        states = F.recurrent_scan(p[None], first, self.weight_hh, self.bias_hh, None, self.cell, Shared())
        after = states[..., 0, 0, :] if len(shape) == 1 else states[..., 0, :, :]
        return (after[0], after[1]) if lstm else after

    def extra_repr(self) -> str:
        """The sizes."""
        return f"{self.input_size}, {self.hidden_size}" + ("" if self.bias_ih is not None else ", bias=False")


class RNNCell(Cell):
    """One step of an ``RNN``: ``weight_ih`` (hidden, inputs), ``weight_hh``, ``bias_ih``, ``bias_hh``.

    >>> nn.RNNCell(4, 8)(mg.ones((2, 4)), mg.zeros((2, 8))).shape
    (2, 8)
    """

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        bias: bool = True,
        nonlinearity: str = "tanh",
        generator: np.random.Generator | None = None,
        dtype: DTypeLike | None = None,
    ) -> None:
        self.cell = cell_of("RNNCell", nonlinearity)
        super().__init__(input_size, hidden_size, bias, generator, dtype)


class GRUCell(Cell):
    """One step of a ``GRU``: parameters as there, without the number of a layer in their names.

    >>> nn.GRUCell(4, 8)(mg.ones((2, 4)), mg.zeros((2, 8))).shape
    (2, 8)
    """

    cell = "gru"


class LSTMCell(Cell):
    """One step of an ``LSTM``: parameters as there, without the number of a layer in their names.

    >>> h, c = nn.LSTMCell(4, 8)(mg.ones((2, 4)))
    >>> h.shape, c.shape
    ((2, 8), (2, 8))
    """

    cell = "lstm"
