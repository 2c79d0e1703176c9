"""How each op is written as a step of a program: as text in which names stand in braces, or None if it does not fit."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from minigrad.core.table import Op
from minigrad.testing.values import REALS, Interval, Shape

#: Larger values, and those nearer to a kink, are squashed before they go on.
_LARGEST, _NEAREST = 3.0, 0.1


@dataclass(frozen=True)
class Place:
    """Where a step is written: the values there are, the op, its first argument, those for a second, and a number."""

    values: dict[str, np.ndarray]
    op: str
    function: Callable[..., Any]
    x: str
    others: list[str]
    option: int

    @property
    def value(self) -> np.ndarray:
        """The first argument's value."""
        return self.values[self.x]

    @property
    def call(self) -> str:
        """How the op is called in the text."""
        return f"mg.{self.op}" if self.op in WRITERS else self.op

    def second(self, fits: Callable[[Shape, Shape], bool]) -> str | None:
        """The first of the others whose shape fits that of x."""
        return next((name for name in self.others if fits(self.value.shape, self.values[name].shape)), None)

    def squashed(self, name: str, domain: Interval = REALS, smooth: bool = True) -> str:
        """A value as it is if it lies well inside a domain and is moderate, else a bounded function of it."""
        value, (low, high) = self.values[name], domain
        inside = (value > low + _NEAREST) & (value < high - _NEAREST) & (np.abs(value) < _LARGEST + abs(_start(domain)))
        if inside.all() and (smooth or (np.abs(value) > _NEAREST).all()):
            return f"{{{name}}}"
        if math.isfinite(low) and math.isfinite(high):
            return f"{(low + high) / 2} + {0.4 * (high - low)} * mg.tanh({{{name}}})"
        if math.isfinite(high):
            return f"{high - 1.5} - mg.tanh({{{name}}})"
        return (
            f"mg.tanh({{{name}}})" if smooth and low == -math.inf else f"{_start(domain) + 1.5} + mg.tanh({{{name}}})"
        )


Writer = Callable[[Place], str | None]


def _start(domain: Interval) -> float:
    return domain[0] if math.isfinite(domain[0]) else 0.0


def _broadcast(a: Shape, b: Shape) -> bool:
    return all(x == y or 1 in (x, y) for x, y in zip(reversed(a), reversed(b), strict=False))


def elementwise(at: Place) -> str | None:
    """f(x), f(x, y) ...: arguments that broadcast together, each inside the op's domain for it."""
    row: Any = at.function
    op: Op = row.op
    names = [at.x]
    for _ in op.arguments[1:]:
        y = at.second(_broadcast)
        if y is None or (
            len(op.arguments) > 2 and not all(_broadcast(at.values[y].shape, at.values[n].shape) for n in names)
        ):
            return None
        names.append(y)
    if not op.analytic and len(names) > 1 and np.min(np.abs(at.value - at.values[names[1]])) < _NEAREST:
        return None  # maximum and the like have a kink where both are equal
    arguments = [at.squashed(n, d, op.analytic) for n, d in zip(names, op.domain, strict=True)]
    return f"{at.call}({', '.join(arguments)})"


def _reduction(at: Place) -> str | None:
    axis = None if not at.option or not at.value.ndim else at.option % at.value.ndim - (at.option > 3) * at.value.ndim
    options = "" if axis is None else f", axis={axis}"
    return f"{at.call}({{{at.x}}}{options}{', keepdims=True' if at.option % 2 and options else ''})"


def _largest(at: Place) -> str | None:
    apart = np.diff(np.sort(at.value, axis=None))
    return _reduction(at) if (apart > _NEAREST).all() else None  # else two of them may change places


def _variance(at: Place) -> str | None:
    return f"{at.call}({{{at.x}}})" if at.value.size > 1 and np.ptp(at.value) > _NEAREST else None


def _along_last(at: Place) -> str | None:
    return f"{at.call}({{{at.x}}}, axis=-1)" if at.value.ndim else None


def _reshape(at: Place) -> str:
    shape = (-1,) if at.option % 2 else (*at.value.shape[::-1], 1)
    return f"{at.call}({{{at.x}}}, {shape})"


def _swapaxes(at: Place) -> str | None:
    return f"{at.call}({{{at.x}}}, 0, -1)" if at.value.ndim > 1 else None


def _join(at: Place) -> str | None:
    together: Callable[[Shape, Shape], bool] = (
        (lambda a, b: a == b) if at.op == "stack" else lambda a, b: bool(a) and bool(b) and a[1:] == b[1:]
    )
    y = at.second(together)
    return None if y is None else f"{at.call}([{{{at.x}}}, {{{y}}}])"


def _matmul(at: Place) -> str | None:
    y = at.second(lambda a, b: bool(a) and bool(b) and len(a) < 3 and len(b) < 3 and a[-1] == b[-2:][0])
    return None if y is None else f"{at.call}({{{at.x}}}, {{{y}}})"


def _getitem(at: Place) -> str | None:
    if not at.value.ndim:
        return f"{{{at.x}}}[None]"
    return f"{{{at.x}}}[{['0', '::-1', '[0, -1, 0]', '..., None', '..., -1', '1:'][at.option]}]"


def _where(at: Place) -> str | None:
    y = at.second(_broadcast)
    mask = (np.arange(at.value.size).reshape(at.value.shape) + at.option) % 2 == 0
    return None if y is None else f"{at.call}({mask.tolist()}, {{{at.x}}}, {{{y}}})"


def _clip(at: Place) -> str | None:
    return f"{at.call}({{{at.x}}}, -1.0, 1.0)" if (np.abs(np.abs(at.value) - 1) > _NEAREST).all() else None


_ELEMENTWISE = """
    tanh add multiply subtract sin cos exp log sqrt square negative divide sigmoid arctan log1p expm1 reciprocal
    softplus logaddexp hypot power relu abs maximum minimum
""".split()

#: Every op that can be a step, the simplest first: programs shrink towards them.
WRITERS: dict[str, Writer] = {
    **dict.fromkeys(_ELEMENTWISE, elementwise),
    **dict.fromkeys(["sum", "mean", "logsumexp"], _reduction),
    **dict.fromkeys(["max", "min"], _largest),
    **dict.fromkeys(["var", "std"], _variance),
    **dict.fromkeys(["softmax", "log_softmax", "cumsum"], _along_last),
    "reshape": _reshape,
    "transpose": lambda at: f"{at.call}({{{at.x}}})",
    "swapaxes": _swapaxes,
    "expand_dims": lambda at: f"{at.call}({{{at.x}}}, {at.option % (at.value.ndim + 1)})",
    "squeeze": lambda at: f"{at.call}({{{at.x}}})",
    "broadcast_to": lambda at: f"{at.call}({{{at.x}}}, {(2, *at.value.shape)})",
    **dict.fromkeys(["concatenate", "stack"], _join),
    "matmul": _matmul,
    "getitem": _getitem,
    "where": _where,
    "clip": _clip,
}
