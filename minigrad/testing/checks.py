"""``Check``: one function at one point, its derivatives of every order held against its values."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from minigrad import autograd
from minigrad.core.graph import Leaf, Node, uphill
from minigrad.core.table import Op
from minigrad.core.tensor import Tensor, wrap
from minigrad.errors import ShapeError
from minigrad.testing.numeric import Along, Arrays, complex_step, direction, dot, five_point, magnitude, steps
from minigrad.viz.nodes import nodes_below

Function = Callable[..., Any]

#: Relative tolerances where the derivative of the values is known to rounding: of affine functions and by a
#: complex step. Below the absolute ones everything is rounding of numbers of order 1.
EXACT, COMPLEX = (1e-12, 1e-12), (1e-9, 1e-11)


class Failure(Exception):  # noqa: N818 - it becomes a GradientError once it is explained
    """A fault before it is explained: its kind, and a message about this function."""

    def __init__(self, kind: str, message: str) -> None:
        super().__init__(f"{kind}: {message}")
        self.kind = kind


class Check:
    """``f`` at ``arrays``, with directions of its inputs and a weight v of its outputs.

    The first derivative is D1(x, v) = <d<v, f(x)>/dx, u>, and the next one is the derivative of the one before
    along a direction of x and of v. Each is computed by the formulas and compared with the change of
    the one before. ``names`` are what messages call the inputs, ``it`` the function.
    """

    def __init__(
        self,
        f: Function,
        arrays: Arrays,
        names: Sequence[str],
        it: str = "the function",
        seed: int = 0,
        tolerance: tuple[float, float] = (1e-7, 1e-9),
    ) -> None:
        self.f, self.arrays, self.names, self.it, self.tolerance = f, arrays, names, it, tolerance
        self.seed = seed
        self.own: Mapping[Any, str] = {}  # nodes of the tensors that the arrays were taken from, with their names
        self.rng = np.random.default_rng(seed)
        self.before = [x.copy() for x in arrays]
        self.v: Arrays = []
        self.is_complex: list[bool] = []
        self.along: list[tuple[Arrays, Arrays]] = []  # for each order the directions of x and of v
        self.errors: tuple[float, ...] = ()
        self.methods: tuple[str, ...] = ()
        self.ops: tuple[str, ...] = ()
        self.same_bits = True  # whether the backward pass gives them, recorded or not

    def run(self, order: int) -> None:
        """Everything, up to this order. Raises ``Failure``."""
        with np.errstate(all="ignore"):  # what is not finite is reported, with its place
            self._gradients(*self._values(), recorded=order > 1)
            for n in range(1, order + 1):
                self._order(n)

    # -- values -------------------------------------------------------------------------------

    def leaves(self, arrays: Arrays) -> list[Tensor]:
        """Tensors that want gradients, of complex numbers too."""
        return [wrap(x, Leaf(x.shape, x.dtype)) for x in arrays]

    def outputs(self, xs: Sequence[Tensor]) -> list[Tensor]:
        """The results of f as a list; an output that is complex for real inputs gives its real and imaginary parts."""
        result = self.f(*xs)
        outputs = list(result) if isinstance(result, (list, tuple)) else [result]
        for z in outputs:
            if not isinstance(z, Tensor):
                raise Failure("wrong type", f"{self.it} must return a Tensor (or several), got {type(z).__name__}")
        if not any(self.is_complex):
            return outputs
        pairs = zip(outputs, self.is_complex, strict=True)
        return [part for z, is_complex in pairs for part in ([np.real(z), np.imag(z)] if is_complex else [z])]

    def _values(self) -> tuple[list[Tensor], list[Tensor]]:
        """The inputs and outputs of a run, after what can be said of these alone."""
        first = self.outputs(self.leaves(self.arrays))
        self._check_unchanged("by the function")
        self.is_complex = [z.dtype.kind == "c" for z in first]
        xs = self.leaves(self.arrays)
        outputs = self.outputs(xs)
        if not any(self.is_complex):
            one, two = [[z.data for z in run] for run in (first, outputs)]
            self._same(one, two, "not deterministic", "two runs gave different values")
        below = nodes_below(*[z._node for z in outputs if z._node is not None])
        self._check_reached(xs, below)
        for z in outputs:
            if z.dtype.kind != "f":
                raise Failure("wrong dtype", f"{self.it} returned {z.dtype}, and only floats have gradients")
            if z.dtype != np.float64:
                raise Failure(
                    "precision",
                    f"{self.it} returned {z.dtype} for float64 inputs, in which differences drown; "
                    "it must not cast to a smaller dtype",
                )
            self._finite(z.data, f"the value of {self.it}")
        self.v = [np.asarray(self.rng.standard_normal(z.shape)) for z in outputs]
        nodes = [node for node in below if type(node) is not Leaf]
        self.ops = tuple(sorted({node.op.name for node in nodes}))
        self.analytic = all(node.op.analytic for node in nodes)
        self.linear = bool(nodes) and all(is_linear(node.op) for node in nodes)
        self.size = magnitude([z.data for z in outputs], self.v)
        return xs, outputs

    def _check_reached(self, xs: Sequence[Tensor], below: Sequence[Any]) -> None:
        """Raise where the function reads a tensor of the caller's instead of its argument: nothing would be checked."""
        inputs = {x._node: name for x, name in zip(xs, self.names, strict=True)}
        reached = {inputs[node] for node in below if node in inputs}
        closed = [self.own[node] for node in below if node in self.own and self.own[node] not in reached]
        outside = [node for node in below if type(node) is Leaf and node not in inputs]
        if closed:
            raise Failure(
                "missing gradient",
                f"{self.it} reads the tensor that was passed as {closed[0]}, not its argument: compute "
                "with the argument, check_gradients(lambda w: mg.functional_call(model, {'weight': w}, x), w)",
            )
        if outside and not reached:
            raise Failure(
                "missing gradient",
                f"no input reaches the value of {self.it}, but a tensor of shape {outside[0].shape} that is no "
                "input does: make it an argument, and compute with the arguments",
            )

    # -- gradients ----------------------------------------------------------------------------

    def _gradients(self, xs: list[Tensor], outputs: list[Tensor], recorded: bool) -> None:
        """Checks that hold for every gradient: shape, dtype, the same bits again, zeros of zeros; the same recorded."""
        plain: dict[str, Any] = {"allow_unused": True, "retain_graph": True}
        try:
            gradients = autograd.grad(outputs, xs, self.v, **plain)
        except ShapeError as error:
            raise Failure("wrong shape", f"{error} {' '.join(getattr(error, '__notes__', []))}") from None
        self._check_unchanged("by a gradient formula")
        for number, (g, x) in enumerate(zip(gradients, self.arrays, strict=True)):
            if g is None:
                self._check_not_needed(number)
            else:
                self._finite(g.data, f"the gradient of {self.names[number]}", x)
        self._dtypes(outputs)
        got = self._arrays(gradients)
        again = self._arrays(autograd.grad(outputs, xs, self.v, **plain))
        self._same(got, again, "not deterministic", "two runs gave different gradients")
        if recorded:  # of the first order alone a rule gets arrays, and may be written for them alone
            in_graph = autograd.grad(outputs, xs, self.v, allow_unused=True, create_graph=True)
            self._same_but_for_rounding(got, self._arrays(in_graph))
        zeros = self._arrays(autograd.grad(outputs, xs, [np.zeros_like(v) for v in self.v], allow_unused=True))
        nothing = [np.zeros(x.shape, np.float64) for x in self.arrays]
        self._same(zeros, nothing, "wrong formula", "a zero gradient did not give zeros")

    def _dtypes(self, outputs: list[Tensor]) -> None:
        """Check the dtypes of formulas: the walk would cast a gradient, and hide the loss."""
        for z, v in zip(outputs, self.v, strict=True):
            node = z._node
            edges = node.edges if isinstance(node, Node) else None
            for number, edge in enumerate(edges or ()):
                dtype = None if edge is None else edge[1](v, *edge[2]).dtype
                if dtype not in (None, np.float64, np.complex128):
                    raise Failure("wrong dtype", f"the formula of {node.op.name} for argument {number} gave {dtype}")

    def _arrays(self, gradients: Sequence[Tensor | None]) -> Arrays:
        return [
            np.zeros(x.shape, np.float64) if g is None else g.data for x, g in zip(self.arrays, gradients, strict=True)
        ]

    def _check_not_needed(self, number: int) -> None:
        """Raise when the values change with an input that has no gradient."""
        u = [
            direction(self.rng, x.shape) if n == number else np.zeros(x.shape, np.float64)
            for n, x in enumerate(self.arrays)
        ]
        slope = five_point(self.value_along(u))
        if abs(slope) > 1e-6 * (1 + self.size):
            raise Failure(
                "missing gradient",
                f"{self.names[number]} got none, yet the values change with it (by {slope:.6g} along a random "
                "direction): a formula of None, x.data, detach() or no_grad() cuts the way",
            )

    def _finite(self, values: np.ndarray, what: str, at: np.ndarray | None = None) -> None:
        if not np.isfinite(values).all():
            index = _first(~np.isfinite(values))
            place = "" if at is None else f" at {at[index]:.6g}"
            raise Failure("not finite", f"{what}, element {index}, is {float(values[index])}{place}")

    def _same(self, got: Arrays, want: Arrays, kind: str, message: str) -> None:
        for number, (a, b) in enumerate(zip(got, want, strict=True)):
            if not np.array_equal(a, b, equal_nan=True):
                name = f"output {number} of {self.it}" if "values" in message else self.names[number]
                index = _first(a != b)
                values = f"{float(a[index])!r} and {float(b[index])!r}"
                raise Failure(kind, f"{message}, for {name}, element {index}: {values}")

    def _same_but_for_rounding(self, got: Arrays, recorded: Arrays) -> None:
        """A rule is evaluated by NumPy, and by ops when it is recorded: of x**3 the two differ in the last digit."""
        pairs = list(zip(got, recorded, strict=True))
        self.same_bits = all(np.array_equal(a, b, equal_nan=True) for a, b in pairs)
        if not all(np.allclose(a, b, 0, 1e-12 * np.max(np.abs(a), initial=0)) for a, b in pairs):
            self._same(got, recorded, "not recorded", "the backward pass gave other numbers when it was recorded")

    def _check_unchanged(self, by: str) -> None:
        for name, x, before in zip(self.names, self.arrays, self.before, strict=True):
            if not np.array_equal(x, before, equal_nan=True):
                index = _first((x != before) & ~(np.isnan(x) & np.isnan(before)))
                change = f"from {float(before[index])!r} to {float(x[index])!r}"
                x[...] = before
                raise Failure("input changed", f"{name}, element {index}, was written {by}, {change}")

    # -- derivatives of every order -----------------------------------------------------------

    def value_along(self, u: Arrays) -> Callable[[Any], Any]:
        """t -> <v, f(x + t u)>."""

        def phi(t: Any) -> Any:
            moved = [wrap(x + t * d) for x, d in zip(self.arrays, u, strict=True)]
            return dot([z.data for z in self.outputs(moved)], self.v)

        return phi

    def derivative(self, n: int, arrays: Arrays, weights: Arrays) -> tuple[Any, float, Arrays]:
        """D_n by the formulas at these inputs and weights, its size before cancellation, and its gradient."""
        xs = self.leaves(arrays)
        vs = self.leaves(weights) if n > 1 else []
        slopes = _carried(self.outputs(xs), xs, vs or weights, n > 1)
        for m in range(2, n + 1):
            u, dv = self.along[m - 2]
            ways = u if m == 2 else [*u, *dv]  # D1 is a product with u alone
            terms = [(g * w).sum() for g, w in zip(slopes, ways, strict=True) if g is not None and g.requires_grad]
            ones = [np.ones((), term.dtype) for term in terms]
            slopes = _carried(terms, [*xs, *vs], ones, m < n)
        u, dv = self.along[n - 1]
        ways, at = (u, arrays) if n == 1 else ([*u, *dv], [*arrays, *weights])
        data = [np.zeros(x.shape, np.float64) if g is None else g.data for g, x in zip(slopes, at, strict=True)]
        return dot(data, ways), magnitude(data, ways), data

    def before_order(self, n: int) -> Callable[[Any], Any]:
        """t -> D_(n-1) at x + t u and v + t dv. Its derivative is D_n."""
        u, dv = self.along[n - 1]
        if n == 1:
            return self.value_along(u)

        def phi(t: Any) -> Any:
            moved = [x + t * d for x, d in zip(self.arrays, u, strict=True)]
            weights = [v + t * d for v, d in zip(self.v, dv, strict=True)]
            return self.derivative(n - 1, moved, weights)[0]

        return phi

    def _order(self, n: int) -> None:
        """Hold D_n against the change of the one before, by the most exact way that there is."""
        base = [direction(self.rng, x.shape) for x in self.arrays]
        dv = [direction(self.rng, v.shape) for v in self.v]
        exact: float | None = None  # by a complex step, if it can be had
        for attempt, (scale, h) in enumerate(steps(self.arrays)):
            self.along[n - 1 :] = [([d * s for d, s in zip(base, scale, strict=True)], dv)]
            got, size, _ = self.derivative(n, self.arrays, self.v)
            phi = self.before_order(n)
            if attempt == 0:
                if self.linear and size and self._exactly(n, got, size, phi):
                    return None
                exact = self._complex(phi) if self.analytic else None
                if exact is not None and self._close(got, exact, size, COMPLEX):
                    return self._note_error(got, exact, size, "complex step" + _of_order(n))
            want = five_point(phi, h)
            if attempt == 0:
                seen = (got, want if exact is None else exact)
            if self._close(got, want, size, self.tolerance):
                if attempt == 0 and exact is not None and self._close(exact, want, size, self.tolerance):
                    break  # the complex step is right, and the formula wrong from the tenth digit on
                return self._note_error(got, want, size, "differences" + _of_order(n))
        self.along[n - 1 :] = [([d * s for d, s in zip(base, steps(self.arrays)[0][0], strict=True)], dv)]
        raise self._wrong(n, *seen)

    def _wrong(self, n: int, got: float, want: float) -> Failure:
        return Failure(
            f"wrong formula{_at(n)}",
            f"along a random direction it gives {got:.12g}, the values {want:.12g}, over {', '.join(self.ops)}",
        )

    def change(self, phi: Callable[[Any], Any]) -> tuple[float, tuple[float, float]]:
        """phi'(0) by the most exact way that differences confirm, and the tolerances that go with it."""
        rough, (rtol, atol) = five_point(phi), self.tolerance
        ways: list[tuple[Any, tuple[float, float]]] = []
        if self.linear:
            ways.append((phi(1.0) - phi(0.0), EXACT))
        if self.analytic:
            ways.append((self._complex(phi), COMPLEX))
        for exact, tolerance in ways:
            if exact is not None and abs(exact - rough) <= atol + rtol * (abs(exact) + self.size):
                return exact, tolerance
        return rough, self.tolerance

    def _exactly(self, n: int, got: float, size: float, phi: Along) -> bool:
        """Whether a whole step agrees to rounding; False where what is below turns out not to be affine."""
        here = phi(0.0)
        want, room = phi(1.0) - here, max(size, self.size)
        if self._close(got, want, room, EXACT):
            self._note_error(got, want, room, "whole steps")
            return True
        # Where values jump by a period, as in unwrap, half the step may jump half as often.
        if all(self._close((phi(part) - here) / part, want, room, EXACT) for part in (1 / 2, 1 / 128)):
            raise self._wrong(n, got, want)
        return False

    def _complex(self, phi: Callable[[Any], Any]) -> float | None:
        """The complex step, or None where something on the way does not take complex numbers."""
        try:
            with warnings.catch_warnings(), np.errstate(all="ignore"):
                warnings.simplefilter("error")  # an imaginary part that is thrown away
                return complex_step(phi)
        except Exception:  # noqa: BLE001 - whatever it was, differences do not need it
            return None

    def _note_error(self, got: float, want: float, size: float, method: str) -> None:
        # Relative as the tolerances are: to 0.01 at least, since 0 is only 0 to rounding of numbers of order 1.
        self.errors += (float(abs(got - want) / max(abs(want), size, 1e-3 * self.size, 0.01)),)
        self.methods += (method if size else "constant",)
        # D_n may be small beside D_(n-1), whose rounding is in the differences of the next order.
        self.size = max(size, 1e-3 * self.size)

    def _close(self, got: float, want: float, size: float, tolerance: tuple[float, float]) -> bool:
        rtol, atol = tolerance
        return bool(np.isfinite(want) and abs(got - want) <= atol + rtol * max(abs(want), size, 1e-3 * self.size))


def _at(n: int) -> str:
    return f" at order {n}" if n > 1 else ""


def _of_order(n: int) -> str:
    return f" of order {n - 1}" if n > 1 else ""


def _carried(outputs: Any, xs: Any, weights: Any, create_graph: bool) -> list[Any]:
    """The gradients as the walk carries them: along a complex step they are analytic, without a conjugate."""
    gradients = autograd.grad(outputs, xs, [uphill(v) for v in weights], create_graph=create_graph, allow_unused=True)
    return [g if g is None else uphill(g) for g in gradients]


def _first(mask: Any) -> tuple[int, ...]:
    """The index of the first element that is True."""
    return tuple(int(i) for i in np.argwhere(mask)[0])


def is_linear(op: Op) -> bool:
    """Whether no formula asks for the values of what it differentiates: the op is affine then, if it has a slope."""
    wanted = [a for a, formula in zip(op.arguments, op.formulas, strict=False) if formula is not None]
    return bool(wanted) and not op.mentioned & {"z", *wanted, *op.residuals}
