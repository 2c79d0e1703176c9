"""Why a check failed: which op, which argument, which element; wrong, or at a point without a derivative."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from minigrad import autograd
from minigrad.core.context import ModeContext
from minigrad.core.conversion import detached
from minigrad.core.dispatch import compiled_call, variadic_call
from minigrad.core.graph import Node
from minigrad.core.table import Op
from minigrad.core.tensor import Tensor, wrap
from minigrad.core.watching import Watch
from minigrad.errors import GradientError, MinigradError
from minigrad.testing.checks import Check, Failure
from minigrad.testing.numeric import STEP, five_point, in_real_numbers, obstacle, one_sided

#: At most this many calls of ops are looked into: a training loop has more, and a fault shows early.
_CALLS = 500
#: Faults of the point rather than of the formula.
_ROUGH = ("kink", "jump")


@dataclass
class Call:
    """One call of an op: its arguments and options at that time, and its name in messages."""

    op: Op
    arguments: list[Any]
    options: dict[str, Any]

    def check(self, seed: int) -> Check:
        """The op alone, at the values that it saw, in float64."""
        op, arguments = self.op, self.arguments
        function = variadic_call(op) if op.variadic else compiled_call(op)
        wanted = [i for i, x in enumerate(arguments) if isinstance(x, Tensor) and x._node is not None]
        wanted = [i for i in wanted if arguments[i].dtype.kind in "fc"]
        names = [f"{op.arguments[0]}[{i}]" if op.variadic else op.arguments[i] for i in wanted]
        constants = [detached(x) for x in arguments]

        def f(*xs: Tensor) -> Any:
            inputs = list(constants)
            for i, x in zip(wanted, xs, strict=True):
                inputs[i] = x
            return function(*inputs, **self.options)

        arrays = [np.array(arguments[i]._array, np.result_type(arguments[i].dtype, np.float64)) for i in wanted]
        named = [f"{op.name}, argument {i} ({name})" for i, name in zip(wanted, names, strict=True)]
        return Check(*in_real_numbers(f, arrays, named), it=op.name, seed=seed)


class _Notes(Watch):
    """A mode that notes the calls of ops on Tensors in the graph."""

    def __init__(self, calls: list[Call], records: bool) -> None:
        super().__init__(frozenset(), records)
        self.calls = calls

    def recording(self, flag: bool) -> _Notes:
        """The same with or without recording."""
        return _Notes(self.calls, flag)

    def observe(
        self, op: Op, z: Any, arrays: Sequence[Any], nodes: Sequence[Any], options: Mapping[str, Any]
    ) -> type[Node] | None:
        """Note a call."""
        if len(self.calls) < _CALLS and any(node is not None for node in nodes):
            arguments = [a if node is None else wrap(a, node) for a, node in zip(arrays, nodes, strict=True)]
            self.calls.append(Call(op, arguments, {name: detached(x) for name, x in options.items()}))
        return super().observe(op, z, arrays, nodes, options)


class _Noting(ModeContext):
    """Inside, the calls of ops are noted."""

    def __init__(self) -> None:
        super().__init__()
        self.calls: list[Call] = []

    def changed(self, now: Any) -> Any:
        """The mode that notes."""
        return _Notes(self.calls, records=True)


def calls_in(run: Callable[[], Any]) -> list[Call]:
    """The calls of ops on Tensors in the graph while ``run`` runs, up to where it fails."""
    noting = _Noting()
    try:
        with noting:
            run()
    except (Failure, MinigradError):
        pass  # it is what is being explained
    return noting.calls


def explain(check: Check, failure: Failure, order: int) -> GradientError:
    """The error to raise for a failed check: the op at fault alone if there is one, else what is known of the whole."""

    def run() -> None:  # only at the inputs themselves: beside them other elements may be at a kink
        xs = check.leaves(check.arrays)
        outputs = check.outputs(xs)
        if check.v:
            autograd.grad(outputs, xs, check.v, create_graph=order > 1, allow_unused=True)
        if check.along:
            check.derivative(len(check.along), check.arrays, check.v)

    first_kink: Failure | None = None
    with np.errstate(all="ignore"):
        calls = calls_in(run)
    for call in calls:
        problem = _problem(call, order, check.seed)
        if problem is None:
            continue
        if problem.kind not in _ROUGH or failure.kind in _ROUGH:
            return GradientError(str(problem))
        first_kink = first_kink or problem  # it need not be the fault; something wrong anywhere is
    whole = first_kink or _closer(check, failure)
    if first_kink is None and whole.kind.startswith("wrong formula"):
        return GradientError(
            f"{whole}. Each op in it ({', '.join(check.ops)}) holds by itself: a part of the function leaves the graph "
            "(x.data, detach, a constant made of x)"
        )
    return GradientError(str(whole))


def _problem(call: Call, order: int, seed: int) -> Failure | None:
    """The fault of one op at the values that it saw."""
    check = call.check(seed)
    try:
        check.run(order)
    except Failure as failure:
        return _closer(check, failure)
    except Exception as error:  # noqa: BLE001 - as when it does not take float64, and saw something else
        return Failure("error", f"{call.op.name} fails alone, {type(error).__name__}: {error}")
    return None


def _closer(check: Check, failure: Failure) -> Failure:
    """A failure along a random direction as one of a single element."""
    if not failure.kind.startswith("wrong formula") or not check.along:
        return failure
    n = len(check.along)
    with np.errstate(all="ignore"):
        ones = [np.ones(x.shape) for x in check.arrays], [np.ones(v.shape) for v in check.v]
        # Plain sums of the outputs, and of the derivatives of lower order, are easier to follow.
        for v, along in [(ones[1], [ones] * n), (check.v, check.along)]:
            check.v, check.along = v, along
            furthest = _element(check, n)
            if furthest is not None:
                return furthest
    return failure


def _elements(check: Check, n: int) -> Iterator[tuple[str, float, float, Callable[[float], float], float]]:
    """For each element of the inputs (and of what flows in): its name, it, its derivative, the function along it."""
    data = check.derivative(n, check.arrays, check.v)[2]
    names = [*check.names, *[f"{check.it}, the gradient that flows in"] * len(check.v)]
    arrays = [*check.arrays, *check.v] if n > 1 else check.arrays
    for number, (x, g) in enumerate(zip(arrays, data, strict=True)):
        for index in np.ndindex(x.shape):
            way = [np.zeros(a.shape, np.float64) for a in (*check.arrays, *check.v)]
            size = way[number][index] = max(abs(float(x[index])), 1.0)
            check.along[n - 1 :] = [(way[: len(check.arrays)], way[len(check.arrays) :])]
            yield f"{names[number]}, element {index}", float(x[index]), float(g[index]), check.before_order(n), size


def _kink(check: Check) -> Failure | None:
    """An element at which the values themselves have no derivative, whatever the formula says."""
    ways = check.along
    check.along = [([np.zeros(x.shape, np.float64) for x in check.arrays], [])]
    reason = None
    for where, x, got, phi, size in _elements(check, 1):
        kind = obstacle(phi)
        left, right = (slope / size for slope in one_sided(phi, STEP / 100))
        if kind == "kink":
            reason = f"{where}: at {x:.6g} the slope is {left:.6g} on the left and {right:.6g} on the right"
        elif kind == "jump":
            reason = f"{where}: the values jump at {x:.6g}"
        elif kind == "noise":
            kind, wide = "precision", five_point(phi, 100 * STEP) / size
            reason = f"{where}: values rounded too coarsely, as by float32 inside: got {got:.6g}, want about {wide:.4g}"
        if reason:
            break
    check.along = ways
    if reason is None:
        return None
    advice = "" if kind == "precision" else ". Draw inputs away from it, or declare the op's domain"
    return Failure(kind, reason + advice)


def _element(check: Check, n: int) -> Failure | None:
    """The element whose derivative of order n is furthest from the values, or else one at a kink."""
    worst, largest, rough, noisy = 0.0, None, None, False
    for where, x, got, phi, size in _elements(check, n):
        want, (rtol, atol) = check.change(phi)
        want /= size
        error = abs(got - want)
        if error > atol + rtol * abs(want):
            kind = obstacle(phi)
            if kind:
                rough = where, x  # what was wanted means nothing here
                noisy |= kind == "noise"
            elif error > worst:
                worst, largest = error, (where, x, got, want)
    if largest is None or noisy:  # where one value is rounded coarsely, all are
        # The values are smooth, or they would have been named.
        return _kink(check) or (
            Failure("kink", f"{rough[0]}: the derivative of order {n - 1} has none itself at {rough[1]:.6g}")
            if rough
            else None
        )
    where, x, got, want = largest
    order = f" at order {n}" if n > 1 else ""
    hint = (
        ". A formula that uses a saved array where it needs the argument itself passes the first order and fails here"
        if n > 1
        else ""
    )
    return Failure(f"wrong formula{order}", f"{where}: {_both_numbers(got, want)} (at {x:.6g}){hint}")


def _both_numbers(got: float, want: float) -> str:
    """Both numbers, with as many digits as tell them apart."""
    digits = next(n for n in range(7, 18) if n == 17 or f"{got:.{n}g}" != f"{want:.{n}g}")
    shown = [repr(float(f"{x:.{digits + 1}g}")) for x in (got, want)]
    return f"got {shown[0]}, want {shown[1]}"
