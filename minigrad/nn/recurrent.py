"""Recurrent layers over sequences: RNN, LSTM and GRU, with PyTorch's names and layouts of weights."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import DTypeLike

from minigrad.core.checks import probability, whole
from minigrad.core.context import is_recording
from minigrad.core.conversion import as_array, detached, dtype_or_default
from minigrad.core.members import is_true
from minigrad.core.stands import shown
from minigrad.errors import DTypeError, HyperparameterError, ShapeError, TargetError
from minigrad.nn import functional as F
from minigrad.nn.lazy import UNMADE
from minigrad.nn.module import Module
from minigrad.nn.parameter import Parameter
from minigrad.ops.along import given
from minigrad.ops.recurrent import CELLS, Shared
from minigrad.random import generator_or_default

__all__ = ["GRU", "LSTM", "RNN"]

_PARTS = ("weight_ih", "weight_hh", "bias_ih", "bias_hh")


def make_weights(
    module: Module,
    suffix: str,
    gates: int,
    inputs: int | None,
    hidden: int,
    bias: bool,
    generator: np.random.Generator | None,
    dtype: DTypeLike | None,
) -> None:
    """The four parameters of one cell; where ``inputs`` is None, the weight of these comes with the first call."""
    for name, shape in zip(_PARTS, [(inputs,), (hidden,), (), ()], strict=True):
        value = None
        if None in shape:
            value = UNMADE
        elif bias or name.startswith("weight"):
            value = drawn_within(hidden, (gates * hidden, *shape), generator, dtype)
        setattr(module, name + suffix, value)


def drawn_within(hidden: int, shape: Any, generator: np.random.Generator | None, dtype: DTypeLike | None) -> Parameter:
    """A parameter that is uniform between -1 and 1 over the root of ``hidden``, as in PyTorch."""
    bound = 1 / math.sqrt(hidden)
    values = generator_or_default(generator).uniform(-bound, bound, shape)
    return Parameter(values.astype(dtype_or_default(dtype)))


def cell_of(layer: str, nonlinearity: str) -> str:
    """The name of a plain cell. Raises ``HyperparameterError`` for a nonlinearity that is none of the two."""
    if nonlinearity not in ("tanh", "relu"):
        raise HyperparameterError(f"{layer}: nonlinearity is 'tanh' or 'relu', got {nonlinearity!r}")
    return f"rnn_{nonlinearity}"


def parts_of(what: str, state: Any, lstm: bool, shape: tuple[int, ...]) -> tuple[Any, ...]:
    """A state as a tuple: (h,), or of an LSTM (h, c). Raises ``ShapeError`` for parts of another shape."""
    parts = tuple(state) if lstm and isinstance(state, (tuple, list)) else (state,)
    if len(parts) != 1 + lstm or any(np.shape(part) != shape for part in parts):
        kind = "a pair (h, c), each" if lstm else "an array"
        raise ShapeError(f"{what} is {kind} of shape {shape}, got {[np.shape(part) for part in parts]}")
    return parts


class Recurrent(Module):
    """The base of RNN, LSTM and GRU: layers, directions, lengths. Not made by itself."""

    cell: str

    def __init__(
        self,
        input_size: int | None,
        hidden_size: int,
        num_layers: int = 1,
        bias: bool = True,
        batch_first: bool = False,
        dropout: float = 0.0,
        bidirectional: bool = False,
        generator: np.random.Generator | None = None,
        dtype: DTypeLike | None = None,
    ) -> None:
        name = type(self).__name__
        self.input_size = None if input_size is None else whole(name, "input_size", input_size)
        self.hidden_size = whole(name, "hidden_size", hidden_size)
        self.num_layers = whole(name, "num_layers", num_layers)
        probability(name, "dropout", dropout)
        if dropout and num_layers == 1:
            raise HyperparameterError(
                f"{name}: dropout={dropout!r} acts between layers, and num_layers is 1: put nn.Dropout behind it"
            )
        self.bias, self.batch_first, self.dropout = bias, batch_first, float(dropout)
        self.bidirectional, self.generator = bidirectional, generator
        self._dtype = dtype_or_default(dtype)  # of weights that come with the first call
        directions = 2 if bidirectional else 1
        for number in range(num_layers):
            inputs = input_size if number == 0 else directions * hidden_size
            for suffix in self._suffixes(number):
                make_weights(self, suffix, CELLS[self.cell].gates, inputs, hidden_size, bias, generator, self._dtype)

    def _suffixes(self, number: int) -> list[str]:
        """The endings of the names of a layer's parameters, for each direction."""
        return [f"_l{number}", f"_l{number}_reverse"][: 2 if self.bidirectional else 1]

    def forward(self, x: Any, state: Any = None, lengths: Any = None) -> Any:
        """Inputs, first states and lengths -> (outputs, last states).

        ``x`` is (steps, batch, input_size), (batch, steps, input_size) with ``batch_first``, or (steps, input_size).
        Outputs are those of the last layer, (..., directions * hidden_size); last states are (num_layers * directions,
        batch, hidden_size), without a batch axis where x has none; after no steps at all they are the first ones.
        ``state`` is like the last states, zeros by default; of an LSTM both are a pair (h, c).

        ``lengths`` (batch,), integers from 0 to the number of steps, says how many steps of each sequence are real.
        What lies behind is not read, outputs there are 0, the backward direction begins at the last real step and the
        last state is the one after it: what PyTorch calls packed sequences, with nothing to pack.

        Raises ``ShapeError``, ``DTypeError``, or ``TargetError`` for lengths out of range.
        """
        x, alone = self._time_first(x)
        steps, batch = x.shape[:2]
        first = self._first_states(state, batch, x.dtype, alone)
        ended = None if lengths is None else _ended(lengths, steps, batch)
        x = x if ended is None else np.where(ended, 0, x)
        last: list[Any] = []
        for number in range(self.num_layers):
            if number and self.dropout:
                x = F.dropout(x, self.dropout, self.training, self.generator)
            outputs = []
            for suffix in self._suffixes(number):
                states = self._run(x, first[len(last)], suffix, ended)
                end = 0 if suffix.endswith("reverse") else -1
                last.append(states[..., end, :, :] if steps else first[len(last)])
                outputs.append(states[0] if self.cell == "lstm" else states)
            x = outputs[0] if len(outputs) == 1 else np.concatenate(outputs, -1)
            x = x if ended is None else np.where(ended, 0, x)
        return self._outputs(x, alone), self._last_states(last, alone)

    def _run(self, x: Any, state: Any, suffix: str, ended: Any) -> Any:
        """All states of one layer in one direction, in the order of time."""
        weight_ih, weight_hh, bias_ih, bias_hh = [getattr(self, name + suffix) for name in _PARTS]
        shared = Shared() if is_recording() else None
        if self.cell != "gru" and bias_ih is not None:  # both are added to the same: once for all steps
            bias_ih, bias_hh = bias_ih + bias_hh, None
        p = F.linear(x, weight_ih, bias_ih)
        if not suffix.endswith("reverse"):
            return F.recurrent_scan(p, state, weight_hh, bias_hh, ended, self.cell, shared)
        ended = None if ended is None else ended[::-1]
        return F.recurrent_scan(p[::-1], state, weight_hh, bias_hh, ended, self.cell, shared)[..., ::-1, :, :]

    def _time_first(self, x: Any) -> tuple[Any, bool]:
        """x as (steps, batch, input_size), and whether it came without a batch. Raises ``ShapeError``."""
        shape = np.shape(x)
        if self.input_size is None and len(shape) in (2, 3) and shape[-1]:
            rows = CELLS[self.cell].gates * self.hidden_size
            for suffix in self._suffixes(0):
                weight = drawn_within(self.hidden_size, (rows, shape[-1]), self.generator, self._dtype)
                setattr(self, _PARTS[0] + suffix, weight)
            self.input_size = shape[-1]
        if len(shape) not in (2, 3) or shape[-1] != self.input_size:
            order = "(batch, steps, " if self.batch_first else "(steps, batch, "
            raise ShapeError(
                f"{type(self).__name__} takes sequences of shape {order}{self.input_size}), or (steps, "
                f"{self.input_size}) for one, got {shape}"
            )
        x = given(x)
        if x.dtype.kind != "f":
            raise DTypeError(f"{type(self).__name__} takes floats, got dtype {x.dtype}: write x.astype('float32')")
        if len(shape) == 2:
            x = x[:, None]
        elif self.batch_first:
            x = np.swapaxes(x, 0, 1)
        return x, len(shape) == 2

    def _first_states(self, state: Any, batch: int, dtype: Any, alone: bool) -> Any:
        """The first state of each layer and direction: (..., batch, hidden_size), of an LSTM (..., 2, batch, ...)."""
        count = self.num_layers * (2 if self.bidirectional else 1)
        shape = (count, batch, self.hidden_size)
        lstm = self.cell == "lstm"
        if state is None:
            return np.zeros((count, *([2] if lstm else []), *shape[1:]), dtype)
        expected = (count, self.hidden_size) if alone else shape
        pair = parts_of(f"{type(self).__name__}: the first state", state, lstm, expected)
        pair = tuple([part[:, None] if alone else part for part in pair])
        return np.stack(pair, 1) if lstm else pair[0]

    def _outputs(self, x: Any, alone: bool) -> Any:
        if alone:
            return x[:, 0]
        return np.swapaxes(x, 0, 1) if self.batch_first else x

    def _last_states(self, last: list[Any], alone: bool) -> Any:
        states = np.stack(last)
        if alone:
            states = states[..., 0, :]
        return (states[:, 0], states[:, 1]) if self.cell == "lstm" else states

    def extra_repr(self) -> str:
        """The sizes, and what is not as by default."""
        parts = [f"{self.input_size}, {self.hidden_size}"]
        for name, default in (("num_layers", 1), ("bias", True), ("batch_first", False), ("dropout", 0.0)):
            parts += [f"{name}={getattr(self, name)}"] if getattr(self, name) != default else []
        return ", ".join([*parts, *(["bidirectional=True"] if self.bidirectional else [])])


def _ended(lengths: Any, steps: int, batch: int) -> Any:
    """Where each sequence has ended, (steps, batch, 1). Raises ``DTypeError``, ``ShapeError`` or ``TargetError``."""
    numbers = as_array(detached(lengths))
    if numbers.dtype.kind not in "iu":
        raise DTypeError(f"lengths are integers, got dtype {numbers.dtype}: write .astype(int)")
    if numbers.shape != (batch,):
        raise ShapeError(
            f"lengths has one number for each of the {batch} sequences, shape ({batch},), got {numbers.shape}"
        )
    numbers = numbers.astype(np.intp, copy=False)
    # Seen as unsigned, a negative number is huge: one pass finds both kinds.
    if batch and is_true(np.maximum.reduce(numbers.view(np.uintp), None) > steps, np.any):
        numbers = shown(numbers)
        raise TargetError(f"lengths run from 0 to {steps}, the number of steps; got {numbers.min()} to {numbers.max()}")
    return (np.arange(steps)[:, None] >= numbers)[..., None]


class RNN(Recurrent):
    """h' = tanh(W_ih x + b_ih + W_hh h + b_hh), or relu of the same, for each step (Elman, 1990).

    The parameters of layer k are ``weight_ih_lk`` (hidden, inputs), ``weight_hh_lk`` (hidden, hidden), ``bias_ih_lk``
    and ``bias_hh_lk`` (hidden,), with "_reverse" behind them for the backward direction. ``dropout`` acts between
    layers. Where ``input_size`` is None, the first call says what it is, and ``weight_ih_l0`` is made then. Raises
    ``HyperparameterError`` for sizes below 1 and for dropout with a single layer.

    >>> outputs, last = nn.RNN(4, 8, batch_first=True)(mg.ones((2, 5, 4)))
    >>> outputs.shape, last.shape
    ((2, 5, 8), (1, 2, 8))
    """

    def __init__(
        self,
        input_size: int | None,
        hidden_size: int,
        num_layers: int = 1,
        nonlinearity: str = "tanh",
        bias: bool = True,
        batch_first: bool = False,
        dropout: float = 0.0,
        bidirectional: bool = False,
        generator: np.random.Generator | None = None,
        dtype: DTypeLike | None = None,
    ) -> None:
        self.cell = cell_of("RNN", nonlinearity)
        super().__init__(
            input_size, hidden_size, num_layers, bias, batch_first, dropout, bidirectional, generator, dtype
        )

    def extra_repr(self) -> str:
        """The sizes, and what is not as by default."""
        return super().extra_repr() + (", nonlinearity=relu" if self.cell == "rnn_relu" else "")


class GRU(Recurrent):
    """Gated recurrent unit (Cho and others, 2014), in PyTorch's form: reset after the product with the state.

    r = sigmoid(W_ir x + b_ir + W_hr h + b_hr); u = sigmoid(W_iu x + b_iu + W_hu h + b_hu);
    n = tanh(W_in x + b_in + r (W_hn h + b_hn)); h' = (1 - u) n + u h. Parameters, dropout and errors as in ``RNN``,
    with the rows of r, u, n one below the other in each weight and bias: (3 * hidden, ...).

    >>> outputs, last = nn.GRU(4, 8, batch_first=True)(mg.ones((2, 5, 4)))
    >>> outputs.shape, last.shape
    ((2, 5, 8), (1, 2, 8))
    """

    cell = "gru"


class LSTM(Recurrent):
    """Long short-term memory (Hochreiter and Schmidhuber, 1997; with a forget gate, Gers and others, 2000).

    i, f, o = sigmoid(W_i x + b_i + W_h h + b_h), each with its rows, g = tanh of the same; c' = f c + i g;
    h' = o tanh(c'). Parameters, dropout and errors as in ``RNN``, with the rows of i, f, g, o one below the other in
    each weight and bias: (4 * hidden, ...). States are pairs (h, c).

    >>> outputs, (h, c) = nn.LSTM(4, 8, batch_first=True)(mg.ones((2, 5, 4)))
    >>> outputs.shape, h.shape, c.shape
    ((2, 5, 8), (1, 2, 8), (1, 2, 8))
    """

    cell = "lstm"
