"""``EMA``: a moving average of weights beside a model, to evaluate with."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

from minigrad.core.checks import is_fraction
from minigrad.core.context import phase, recorder
from minigrad.core.graph import Leaf
from minigrad.core.inplace import assign, seen
from minigrad.errors import CompileError, HyperparameterError, StateError
from minigrad.optim.flat import BLOCK, GATHER, mark_written, widened
from minigrad.optim.groups import named
from minigrad.support.idioms import told

__all__ = ["EMA"]


class EMA:
    """An exponential moving average of parameters: ``a <- a + (1 - decay) (w - a)`` at each ``update()``.

    ``parameters`` is a model, or an iterable of Parameters or (name, Parameter) pairs. The averages start as the
    current weights, with their shapes and dtypes; float16 is averaged in float32. Call ``update()`` after the
    optimizer's step, also in a compiled step. Buffers (running statistics) are not averaged.

    >>> w = mg.tensor([0.0], requires_grad=True)
    >>> ema = mg.optim.EMA([("w", w)], decay=0.5)
    >>> for value in (1.0, 2.0):
    ...     w.data[...] = value
    ...     ema.update()
    >>> with ema.applied():
    ...     w.data
    array([1.25], dtype=float32)
    >>> w.data
    array([2.], dtype=float32)

    Polyak and Juditsky, Acceleration of stochastic approximation by averaging, 1992; Tarvainen and Valpola, Mean
    teachers are better role models, 2017. Raises ``HyperparameterError`` for a decay outside of [0, 1).
    """

    @told
    def __init__(self, parameters: Any, decay: float = 0.999) -> None:
        if not is_fraction(decay):
            raise HyperparameterError(f"EMA: decay is a number in [0, 1), such as 0.999; got {decay!r}")
        self.decay = float(decay)
        tensors, names = named("EMA", getattr(parameters, "parameters", lambda: parameters)(), [], [])
        if not tensors:
            raise HyperparameterError("EMA got no parameters: pass a model or model.parameters()")
        self._names = names
        self._params = tensors
        self._averages = {
            dtype: np.concatenate([p._array for p in tensors if p.dtype == dtype], axis=None, dtype=widened(dtype))
            for dtype in dict.fromkeys(p.dtype for p in tensors)
        }
        ends = dict.fromkeys(self._averages, 0)
        self._views: list[np.ndarray] = []
        for p in tensors:
            start, ends[p.dtype] = ends[p.dtype], ends[p.dtype] + p.size
            self._views.append(self._averages[p.dtype][start : ends[p.dtype]].reshape(p.shape))
        self._scratch = {dtype: np.empty(min(len(a), BLOCK), a.dtype) for dtype, a in self._averages.items()}
        self._applied = False

    def update(self) -> None:
        """Move the averages towards the weights as they are now."""
        if self._applied:
            raise StateError("EMA: inside of applied() the weights are the averages: call update() outside of it")
        for p, view, name in zip(self._params, self._views, self._names, strict=True):
            if (p.shape, widened(p.dtype)) != (view.shape, view.dtype):
                raise StateError(
                    f"EMA: parameter {name!r} was {view.dtype} of shape {view.shape} and is now {p.dtype} of shape "
                    f"{p.shape}: make a new EMA"
                )
        with phase("update"):
            self._move(recorder())

    def _move(self, recording: Any) -> None:
        for dtype, own in self._averages.items():
            averages, scratch = own, self._scratch[dtype]
            if recording is not None:
                averages, scratch = recording.capture(own, "averages"), recording.capture(scratch, "scratch")
            weights = [seen(p).reshape(-1) for p in self._params if p.dtype == dtype]
            if len(own) <= GATHER:  # one long call instead of many short ones
                weights = [np.concatenate(weights, out=scratch)]
            end = 0
            for w in weights:
                for first in range(0, len(w), BLOCK):
                    block = w[first : first + BLOCK]
                    start, end = end, end + len(block)
                    a, step = averages[start:end], scratch[: len(block)]
                    np.subtract(block, a, out=step)
                    step *= 1 - self.decay
                    a += step

    @contextlib.contextmanager
    def applied(self) -> Iterator[None]:
        """Inside the ``with`` block the parameters are the averages; afterwards they are restored, bit for bit.

        This is for evaluation. Training inside the block would be lost, so it raises ``StateError`` at the end.
        """
        if recorder() is not None:
            raise CompileError("mg.compile: EMA.applied() exchanges the weights: use it around the compiled function")
        if self._applied:
            raise StateError("EMA: applied() is in use already")
        averages = [view.astype(p.dtype) for p, view in zip(self._params, self._views, strict=True)]
        moving = [
            (p, p._array, p._array.copy(), average)
            for p, average in zip(self._params, averages, strict=True)
            if p._array.tobytes() != average.tobytes()
        ]
        self._applied = True
        try:
            for p, place, _, average in moving:
                if isinstance(p._node, Leaf) and place.flags.writeable:
                    place[...] = average  # compiled functions and optimizers find everything where it was
                    mark_written([p._node])
                else:
                    assign(p, average.copy())  # of a frozen one a graph may have saved the memory itself
            yield
            lost = any(
                p._array.tobytes() != average.tobytes() for p, average in zip(self._params, averages, strict=True)
            )
        finally:
            for p, place, own, _ in moving:
                if place.tobytes() != own.tobytes():
                    place[...] = own
                if p._array is not place:
                    assign(p, place)
                elif isinstance(p._node, Leaf):
                    mark_written([p._node])
            self._applied = False
        if lost:
            raise StateError(
                "EMA: the weights were trained or assigned inside of applied(), which is lost: do so outside of it"
            )

    def state_dict(self) -> dict[str, Any]:
        """``{"decay": float, "averages": {name: array}}``, with copies of the averages."""
        averages = {name: view.copy() for name, view in zip(self._names, self._views, strict=True)}
        return {"decay": self.decay, "averages": averages}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Restore what ``state_dict`` returned. Raises ``StateError``, and changes nothing, if it does not fit."""
        if not isinstance(state, Mapping) or not isinstance(state.get("averages"), Mapping):
            raise StateError(f"EMA loads the dict that state_dict() gave, got {state!r:.60}")
        decay = state.get("decay")
        problems = [] if is_fraction(decay) else [f"decay is a number in [0, 1), got {decay!r}"]
        arrays = {name: np.asarray(value) for name, value in state["averages"].items()}
        problems += [f"missing: {name}" for name in self._names if name not in arrays]
        problems += [f"unexpected: {name}" for name in arrays if name not in self._names]
        for name, view in zip(self._names, self._views, strict=True):
            array = arrays.get(name, view)
            if array.shape != view.shape or array.dtype.kind != view.dtype.kind:
                problems.append(f"{name}: expected shape {view.shape}, got {array.shape}, dtype {array.dtype}")
        if problems:
            raise StateError("this state dict does not fit, nothing was loaded into EMA:\n  " + "\n  ".join(problems))
        self.decay = float(state["decay"])
        for name, view in zip(self._names, self._views, strict=True):
            view[...] = arrays[name]

    def __repr__(self) -> str:
        return f"EMA(decay={self.decay!r}, {len(self._params)} parameters)"
