"""``check_gradients``: the formulas of a function against its values, and if they differ, why."""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from minigrad import autograd
from minigrad.errors import DTypeError, GradientError
from minigrad.graph import Leaf
from minigrad.tensor import Tensor
from minigrad.testing.numeric import complex_step, five_point, has_kink

Arrays = list[np.ndarray]
Function = Callable[..., Any]


@dataclass(frozen=True)
class GradientReport:
    """What a successful check did: the largest relative error for each order, how, and over which ops."""

    errors: tuple[float, ...]
    methods: tuple[str, ...]
    ops: tuple[str, ...]

    def __str__(self) -> str:
        orders = "; ".join(
            f"order {n}: {error:.1e} by {method}"
            for n, (error, method) in enumerate(zip(self.errors, self.methods, strict=True), 1)
        )
        return f"gradients agree ({orders}) over {', '.join(self.ops)}"


def check_gradients(
    f: Function, *inputs: Any, order: int = 2, rtol: float = 1e-7, atol: float = 1e-9, seed: int = 0
) -> GradientReport:
    """Check the gradients of ``f`` at ``inputs`` against its values; raises ``GradientError`` if they differ.

    ``f`` takes Tensors and returns a Tensor or several; ``inputs`` are arrays, numbers or Tensors of
    real numbers, and are converted to float64. Each order is one comparison along a random direction
    of all inputs: the derivative of the values by a complex step where every op in the graph is
    analytic, by five-point differences otherwise. The second order is checked with respect to the
    inputs and to the gradient that flows in. Beyond the values: gradients have the inputs' shape and
    dtype, a zero gradient gives zeros, two runs and the recorded backward give the same bits, and
    the inputs stay as they are. A failure is searched element by element, and tells a wrong formula
    from a kink, from lost precision and from a function that is not deterministic.

    >>> import minigrad as mg
    >>> from minigrad.testing import check_gradients
    >>> report = check_gradients(lambda x: (x.tanh() * x).sum(), [0.5, -1.0])
    >>> report.ops
    ('multiply', 'sum', 'tanh')
    """
    arrays = [_as_float64(x, number) for number, x in enumerate(inputs)]
    before = [x.copy() for x in arrays]
    check = _Check(f, arrays, np.random.default_rng(seed), rtol, atol)
    errors, methods = check.first_order()
    if order >= 2:
        error, method = check.second_order()
        errors, methods = (*errors, error), (*methods, method)
    for number, (x, kept) in enumerate(zip(arrays, before, strict=True)):
        if not np.array_equal(x, kept, equal_nan=True):
            raise GradientError(f"input {number} was changed by the function or its gradient: formulas must not write")
    return GradientReport(errors, methods, check.ops)


def _as_float64(x: Any, number: int) -> np.ndarray:
    array = np.asarray(x.data if isinstance(x, Tensor) else x)
    if array.dtype.kind not in "fiu":
        raise DTypeError(f"input {number} holds real numbers, got dtype {array.dtype}")
    # A copy that keeps the layout of memory would be contiguous for a strided view: views stay views.
    return array if array.dtype == np.float64 else array.astype(np.float64)


class _Check:
    """One function at one point, with a direction u of its inputs and a weight v of its outputs."""

    def __init__(self, f: Function, arrays: Arrays, rng: np.random.Generator, rtol: float, atol: float) -> None:
        self.f, self.arrays, self.rtol, self.atol = f, arrays, rtol, atol
        self.u = [_direction(rng, x.shape) for x in arrays]
        self.w = [_direction(rng, x.shape) for x in arrays]
        self.is_complex: list[bool] = []
        self.is_complex = [z.dtype.kind == "c" for z in self.outputs(self.leaves())]
        outputs = self.outputs(self.leaves())
        self.v = [np.asarray(rng.standard_normal(z.shape)) for z in outputs]
        self.dv = [_direction(rng, z.shape) for z in outputs]
        nodes = _nodes(outputs)
        self.ops = tuple(sorted({node.op.name for node in nodes}))
        self.analytic = all(node.op.analytic for node in nodes)
        for z in outputs:
            if z.dtype != np.float64:
                raise GradientError(
                    f"precision: the function returned {z.dtype} for float64 inputs, in which differences drown; "
                    "it must not cast to a smaller dtype"
                )

    def leaves(self, arrays: Arrays | None = None) -> list[Tensor]:
        return [Tensor(x, requires_grad=True) for x in (self.arrays if arrays is None else arrays)]

    def outputs(self, xs: Sequence[Tensor]) -> list[Tensor]:
        result = self.f(*xs)
        outputs = list(result) if isinstance(result, (list, tuple)) else [result]
        for z in outputs:
            if not isinstance(z, Tensor):
                raise GradientError(f"the function must return a Tensor (or several), got {type(z).__name__}")
        if not any(self.is_complex):
            return outputs
        # Of outputs that are complex for real inputs, the real and the imaginary parts are checked.
        pairs = zip(outputs, self.is_complex, strict=True)
        return [part for z, is_complex in pairs for part in ([np.real(z), np.imag(z)] if is_complex else [z])]

    def gradients(self, arrays: Arrays | None = None, v: Arrays | None = None) -> Arrays:
        """The gradients of <v, f(x)>, by the formulas on arrays; zeros where x is not used."""
        xs = self.leaves(arrays)
        found = autograd.grad(self.outputs(xs), xs, self.v if v is None else v, allow_unused=True)
        return [np.zeros(x.shape, float) if g is None else g.data for x, g in zip(xs, found, strict=True)]

    # -- the first order ----------------------------------------------------------------------

    def first_order(self) -> tuple[tuple[float, ...], tuple[str, ...]]:
        got = self.gradients()
        for number, (g, x) in enumerate(zip(got, self.arrays, strict=True)):
            if g.shape != x.shape or g.dtype != x.dtype:
                raise GradientError(
                    f"the gradient of input {number} has shape {g.shape}, dtype {g.dtype}; "
                    f"expected {x.shape}, {x.dtype}"
                )
        self._same(got, self.gradients(), "not deterministic: two runs gave different gradients")
        self._same(got, self._recorded(), "the backward pass gave other bits when it was recorded")
        zeros = self.gradients(v=[np.zeros_like(v) for v in self.v])
        self._same(zeros, [np.zeros(x.shape, float) for x in self.arrays], "a zero gradient did not give zeros")
        if self.analytic:
            slope, want = _dot(got, self.u), complex_step(lambda t: self._value(self.u, t))
            if self._close(slope, want, got, self.u):
                return (_relative(slope, want, got, self.u),), ("complex step",)
        # Either not analytic, or f itself holds something a complex step does not see: ask again.
        for scale in self._scales():
            u = [d * s for d, s in zip(self.u, scale, strict=True)]
            slope, want = _dot(got, u), five_point(functools.partial(self._value, u))
            if self._close(slope, want, got, u):
                return (_relative(slope, want, got, u),), ("differences",)
        raise self._explanation()

    def _scales(self) -> list[Arrays]:
        """Steps for differences: at least absolute, for sums with larger numbers; then relative, for x near 0."""
        sizes = [np.abs(x) for x in self.arrays]
        return [[np.maximum(size, 1) for size in sizes], [np.where(size == 0, 1, size) for size in sizes]]

    def _value(self, direction: Arrays, t: Any) -> Any:
        """<v, f(x + t direction)>."""
        moved = [x + t * d for x, d in zip(self.arrays, direction, strict=True)]
        return _dot([z.data for z in self.outputs([Tensor(x) for x in moved])], self.v)

    def _recorded(self) -> Arrays:
        xs = self.leaves()
        found = autograd.grad(self.outputs(xs), xs, self.v, create_graph=True, allow_unused=True)
        return [np.zeros(x.shape, float) if g is None else g.data for x, g in zip(xs, found, strict=True)]

    # -- the second order ---------------------------------------------------------------------

    def second_order(self) -> tuple[float, str]:
        """d/dt <gradient(x + t w, v + t dv), u> by formulas, against differences of the first order."""
        xs = self.leaves()
        vs = [Tensor(v, requires_grad=True) for v in self.v]
        first = autograd.grad(self.outputs(xs), xs, vs, create_graph=True, allow_unused=True)
        products = [(g * u).sum() for g, u in zip(first, self.u, strict=True) if g is not None and g.requires_grad]
        found = autograd.grad(products, [*xs, *vs], allow_unused=True)
        got = [np.zeros(x.shape, float) if g is None else g.data for g, x in zip(found, [*xs, *vs], strict=True)]
        for scale in self._scales():
            w = [d * s for d, s in zip(self.w, scale, strict=True)]

            def phi(t: float, w: Arrays = w) -> float:
                moved = [x + t * d for x, d in zip(self.arrays, w, strict=True)]
                weights = [v + t * dv for v, dv in zip(self.v, self.dv, strict=True)]
                return float(_dot(self.gradients(moved, weights), self.u))

            direction = [*w, *self.dv]
            slope, want = _dot(got, direction), five_point(phi)
            if self._close(slope, want, got, direction):
                return _relative(slope, want, got, direction), "differences of the first order"
        if has_kink(phi):
            raise GradientError(_kink("the gradient", self.ops))
        raise GradientError(
            f"wrong second order: along a random direction the gradient's formula changes by {slope:.10g}, its "
            f"value by {want:.10g}, over {', '.join(self.ops)}. A formula that uses a saved array where it needs "
            "the argument itself passes the first order and fails here"
        )

    # -- when it fails ------------------------------------------------------------------------

    def _close(self, got: float, want: float, gradient: Arrays, direction: Arrays) -> bool:
        if not np.isfinite(want):
            return bool(np.isnan(got) and np.isnan(want)) or got == want
        return abs(got - want) <= self.atol + self.rtol * max(abs(want), _size(gradient, direction))

    def _same(self, got: Arrays, want: Arrays, message: str) -> None:
        for number, (a, b) in enumerate(zip(got, want, strict=True)):
            if not np.array_equal(a, b, equal_nan=True):
                raise GradientError(f"{message} for input {number}: {a!r:.200} and {b!r:.200}")

    def _explanation(self) -> GradientError:
        """The element that differs most, and what kind of difference it is."""
        for v in ([np.ones(v.shape) for v in self.v], self.v):  # plain sums of the outputs are easier to follow
            self.v = v
            message = self._worst_element(self.gradients())
            if message:
                return GradientError(message)
        return GradientError(
            "the gradient differs from the values along a random direction, but in no single element by more than "
            f"the tolerance, over {', '.join(self.ops)}"
        )

    def _worst_element(self, got: Arrays) -> str:
        worst, message = -1.0, ""
        for number, x in enumerate(self.arrays):
            for index in np.ndindex(x.shape):
                direction = [np.zeros(a.shape, float) for a in self.arrays]
                size = max(abs(float(x[index])), 1.0)
                direction[number][index] = size

                phi = functools.partial(self._value, direction)
                value, want = float(got[number][index]), five_point(phi) / size
                error = abs(value - want)
                if error > worst and error > self.atol + self.rtol * abs(want):
                    worst = error
                    message = (
                        _kink(f"input {number}, element {index}", self.ops)
                        if has_kink(phi)
                        else f"wrong formula: input {number}, element {index}: the gradient is {value:.10g}, the "
                        f"values change by {want:.10g} (at x = {x[index]:.6g}, over {', '.join(self.ops)})"
                    )
        return message


def _direction(rng: np.random.Generator, shape: tuple[int, ...]) -> np.ndarray:
    """Elements of either sign between 0.5 and 1: none is lost beside another, none is a long step."""
    return np.asarray(rng.uniform(0.5, 1, shape) * rng.choice([-1.0, 1.0], shape))


def _nodes(outputs: Sequence[Tensor]) -> list[Any]:
    """Every node below the outputs."""
    stack = [z._node for z in outputs if z._node is not None]
    seen = set(stack)
    nodes = []
    while stack:
        node = stack.pop()
        if type(node) is Leaf:
            continue
        nodes.append(node)
        for edge in node.edges:
            if edge is not None and edge[0] not in seen:
                seen.add(edge[0])
                stack.append(edge[0])
    return nodes


def _dot(a: Sequence[Any], b: Sequence[Any]) -> Any:
    return sum((np.sum(x * y) for x, y in zip(a, b, strict=True)), 0.0)


def _size(gradient: Arrays, direction: Arrays) -> float:
    """What rounding is relative to: the products of a slope before they cancel in its sum."""
    return float(_dot([np.abs(g) for g in gradient], [np.abs(d) for d in direction]))


def _relative(got: float, want: float, gradient: Arrays, direction: Arrays) -> float:
    return abs(got - want) / max(abs(want), _size(gradient, direction), 1e-300)


def _kink(where: str, ops: Sequence[str]) -> str:
    return (
        f"kink: {where} is at a point where the function has no derivative (the slopes on both sides differ), "
        f"over {', '.join(ops)}. Draw inputs away from it, or declare the op's domain"
    )
