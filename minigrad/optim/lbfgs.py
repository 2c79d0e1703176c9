"""L-BFGS: a quasi-Newton method for whole batches, which evaluates the loss as often as it needs."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import InitVar
from typing import Any

import numpy as np

from minigrad.core.context import recorder
from minigrad.core.watching import user_line
from minigrad.errors import CompileError, HyperparameterError
from minigrad.optim.flat import Flat, mark_written, pairs
from minigrad.optim.groups import Parameters
from minigrad.optim.hyperparameters import with_hyperparameters
from minigrad.optim.line_search import Point, strong_wolfe
from minigrad.optim.optimizer import Array, Optimizer, Rate

__all__ = ["LBFGS"]


@with_hyperparameters
class LBFGS(Optimizer):
    """Steps along -H g, where H approximates the inverse Hessian from the latest ``history_size`` steps.

    ::

        s_k, y_k = change of the weights, of the gradient, in inner iteration k
        H0 = (s·y / y·y) of the latest pair;  H g by the two loops over the pairs
        w <- w - t H g

    ``step(closure)`` makes up to ``max_iter`` inner iterations with up to ``max_eval`` evaluations (None: 5/4 of
    ``max_iter``; a line search may need one more), and returns the result of the first call of ``closure``. The closure
    clears the gradients, computes the loss, calls ``backward()`` and returns the loss::

        def closure():
            optimizer.zero_grad()
            loss = loss_fn(model(x), y)
            loss.backward()
            return loss

        optimizer.step(closure)

    t is lr, and in the very first iteration lr min(1, 1 / Σ abs(g)). With ``line_search_fn="strong_wolfe"``, a line
    search starts from there (see ``minigrad.optim.line_search``). The step ends early if no gradient is larger than
    ``tolerance_grad``, if weights or loss change by less than ``tolerance_change``, or if the loss is not finite. A
    pair with s·y <= 1e-10 is not stored.

    LBFGS takes a single group of parameters of one dtype, and has no option ``skip_nonfinite``. A parameter without a
    gradient counts as one with the gradient 0. The step cannot be part of a compiled step, because the number of calls
    of the closure depends on the numbers; the closure itself may be a compiled function.

    Nocedal, Updating quasi-Newton matrices with limited storage, 1980; Nocedal and Wright, Numerical optimization,
    chapter 7. Equals PyTorch's ``LBFGS`` without a line search, and with it where the search is not cut short.

    >>> w = nn.Parameter(np.array([3.0]))
    >>> optimizer = optim.LBFGS([w])
    >>> def closure():
    ...     optimizer.zero_grad()
    ...     loss = ((w - 1) ** 2).sum()
    ...     loss.backward()
    ...     return loss
    >>> loss = optimizer.step(closure)
    >>> w.data.round(4)
    array([1.])
    """

    COUNTERS = (*Optimizer.COUNTERS, "inner_iterations", "pairs")

    #: How many iterations there were inside of steps, and how many pairs are kept now.
    inner_iterations = 0
    pairs = 0

    params: InitVar[Parameters]
    lr: Rate = 1.0
    decay: float = 0.0
    max_iter: int = 20
    max_eval: int | None = None
    tolerance_grad: float = 1e-7
    tolerance_change: float = 1e-9
    history_size: int = 100
    line_search_fn: str | None = None

    def _take(self, **values: Any) -> None:
        super()._take(**values)
        if len(self.param_groups) > 1 or len({p.dtype for p in self._params[0]}) > 1:
            raise HyperparameterError(
                "LBFGS takes one group of parameters of one dtype, since it looks at them as one vector; got "
                f"{len(self.param_groups)} groups of dtypes {sorted({str(p.dtype) for g in self._params for p in g})}"
            )

    def state_names(self, group: dict[str, Any]) -> tuple[str, ...]:
        """The gradient and the step before, and the pairs of changes, the oldest first."""
        pairs = group.get("pairs", self.pairs)
        return ("gradient", "step", *[f"{kind}_{i}" for i in range(pairs) for kind in ("s", "y")])

    def step(self, closure: Callable[[], Any]) -> Any:
        """Minimise the loss that ``closure`` returns, as described above; returns the result of its first call.

        Raises ``CompileError`` inside of a function that is compiled.
        """
        if recorder() is not None:
            raise CompileError(
                "mg.compile: LBFGS calls its closure as often as the numbers ask for, and a program has no branches:\n"
                f"  {user_line()}\ncompile the closure instead (loss and gradients), and call optimizer.step(closure) "
                "outside of compiled functions"
            )
        self.prepare()
        group, (flat,) = self.param_groups[0], self._flats[0]
        lr = self.current_lr = self._rate(group)
        evaluations = 1
        result = closure()
        loss, g = _number(result), _gradient(flat)
        allowed = group["max_iter"] * 5 // 4 if group["max_eval"] is None else group["max_eval"]
        smallest = group["tolerance_change"]
        for left in range(group["max_iter"] - 1, -1, -1):
            if not math.isfinite(loss) or _largest(g) <= group["tolerance_grad"]:
                break
            direction = self._direction(flat, g, group["history_size"])
            first = self.inner_iterations == 0
            self.inner_iterations += 1
            flat.state["gradient"][...], flat.state["step"][...] = g, 0
            t = min(1.0, 1.0 / float(np.abs(g).sum())) * lr if first else lr
            before, slope = loss, _dot(g, direction)
            if slope >= 0 or slope > -smallest:
                break
            if group["line_search_fn"]:
                here, narrow = Point(0.0, loss, g, slope), smallest / _largest(direction)
                point, tries = self._search(closure, here, t, direction, narrow, allowed - evaluations)
                t, loss, g = point.t, point.loss, point.gradient
                evaluations += tries
            else:
                _write(flat, flat.weights + direction.dtype.type(t) * direction)
                if left:  # what nobody would look at is not computed
                    loss, g = _number(closure()), _gradient(flat)
                    evaluations += 1
            np.multiply(direction, direction.dtype.type(t), out=flat.state["step"])
            if evaluations >= allowed or _largest(flat.state["step"]) <= smallest or abs(loss - before) < smallest:
                break
        self.finish()
        return result

    def _search(
        self, closure: Callable[[], Any], here: Point, t: float, direction: Array, narrow: float, limit: int
    ) -> tuple[Point, int]:
        """Move the weights along ``direction`` as far as a line search finds; the point there, and its evaluations."""
        flat = self._flats[0][0]
        start = flat.weights.copy()

        def at(t: float) -> Point:
            _write(flat, start + direction.dtype.type(t) * direction)
            try:
                loss, g = _number(closure()), _gradient(flat)
            except BaseException:
                _write(flat, start)
                raise
            return Point(t, math.inf if math.isnan(loss) else loss, g, _dot(g, direction))

        point, tries = strong_wolfe(at, here, t, narrow, limit)
        _write(flat, start + direction.dtype.type(point.t) * direction)
        return point, tries

    def _direction(self, flat: Flat, g: Array, room: int) -> Array:
        """-H g, after the latest changes have become a pair."""
        state = flat.state
        if self.inner_iterations:
            change = g - state["gradient"]
            if _dot(change, state["step"]) > 1e-10:
                while self.pairs >= room:
                    for i in range(1, self.pairs):
                        state[f"s_{i - 1}"], state[f"y_{i - 1}"] = state[f"s_{i}"], state[f"y_{i}"]
                    self.pairs -= 1
                state[f"s_{self.pairs}"], state[f"y_{self.pairs}"] = state["step"].copy(), change
                self.pairs += 1
                names = self.state_names({})
                flat.state, flat.state_names = {name: state[name] for name in names}, names
                state = flat.state
        pairs = [(state[f"s_{i}"], state[f"y_{i}"]) for i in range(self.pairs)]
        products = [_dot(y, s) for s, y in pairs]
        q, shares = -g, []
        for (s, y), product in zip(reversed(pairs), reversed(products), strict=True):
            a = _dot(s, q) / product
            shares.append(a)
            q -= g.dtype.type(a) * y
        if pairs:
            q *= g.dtype.type(products[-1] / _dot(pairs[-1][1], pairs[-1][1]))
        for (s, y), product, a in zip(pairs, products, reversed(shares), strict=True):
            q += g.dtype.type(a - _dot(y, q) / product) * s
        return q


def _number(loss: Any) -> float:
    """The result of a closure as a Python number."""
    return float(loss.item() if hasattr(loss, "item") else loss)


def _dot(a: Array, b: Array) -> float:
    return float(np.vdot(a, b))


def _largest(a: Array) -> float:
    return float(np.max(np.abs(a), initial=0))


def _gradient(flat: Flat) -> Array:
    """The gradient as one new vector; 0 where there is none."""
    gradients = [pairs(g) if g is not None and flat.width > 1 else g for g in flat.gradients()]
    parts = zip(flat.slices, gradients, strict=True)
    return np.concatenate(
        [np.zeros(at.stop - at.start, flat.work) if g is None else g for at, g in parts], None, dtype=flat.work
    )


def _write(flat: Flat, weights: Array) -> None:
    flat.weights[...] = weights
    mark_written([p._node for p in flat.parameters if p.requires_grad])
