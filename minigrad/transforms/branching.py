"""``cond`` and ``while_loop``: what a program chooses, and how often it goes on, by numbers that it computes."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import numpy as np

from minigrad.core.batches import active, inside, within
from minigrad.core.checks import check_function, whole
from minigrad.core.context import enable_grad, is_recording, mode, no_grad, recorder
from minigrad.core.graph import next_order
from minigrad.core.members import is_true
from minigrad.core.tensor import Tensor, wrap
from minigrad.core.trees import aligned, leaves, mapped, rebuilt
from minigrad.errors import CompileError, DivergenceError, DTypeError, ShapeError
from minigrad.ops.selection import where
from minigrad.transforms.over_members import choice_over_members
from minigrad.transforms.packing import parts
from minigrad.transforms.run_again import RunAgain, as_it_is, bits_of, ends_of, is_floating, outputs_like
from minigrad.transforms.scanning import Loop, detached, entered
from minigrad.transforms.traced_call import plain_array

__all__ = ["cond", "while_loop"]


def cond(pred: Any, true_fun: Callable[..., Any], false_fun: Callable[..., Any], *operands: Any) -> Any:
    """``true_fun(*operands)`` where ``pred`` is true, else ``false_fun(*operands)``.

    ``pred`` is one bool: Python's, an array's or a Tensor's. Operands and results may be nested structures of Tensors,
    arrays and numbers; a branch gets Tensors, and of arrays alone the results are arrays. Gradients of every order go
    through the branch that was taken, to the operands and to what it closes over; it is run again for them. In
    ``vmap``, where ``pred`` differs from member to member, both branches run, and ``mg.where`` chooses.

    >>> root = lambda x: mg.cond(x > 0, mg.sqrt, lambda x: 0.0 * x, x)
    >>> root(4.0), mg.grad(root)(4.0), mg.grad(root)(-1.0)
    (np.float64(2.0), np.float64(0.25), np.float64(0.0))

    Raises ``ShapeError`` and ``DTypeError`` for a ``pred`` that is not one bool, and for branches whose results differ
    in structure, shape or dtype, where both are run.
    """
    check_function("mg.cond", true_fun, false_fun)
    is_plain = not any(isinstance(x, Tensor) for _, x in leaves((pred, operands)))
    condition = _decision("mg.cond", pred)
    tensors = entered(operands, "operand")
    if getattr(condition, "batch", None) is not None:
        with within("mg.cond"):  # in the graph of the batch: where knows that no gradient goes to what it left out
            one, other = (entered(f(*tensors), "the result") for f in (true_fun, false_fun))
        result = _chosen("mg.cond: the result of false_fun", condition, one, other)
    else:
        if recorder() is None or not recorder().is_body:  # else the program has both
            condition = bool(condition)
        result = Branches(condition, (true_fun, false_fun), tensors).result()
    return mapped(plain_array, result) if is_plain else result


def while_loop(
    cond_fun: Callable[[Any], Any], body_fun: Callable[[Any], Any], init: Any, *, max_steps: int | None = None
) -> Any:
    """The state after ``while cond_fun(state): state = body_fun(state)``.

    ``init`` may be a nested structure of Tensors, arrays and numbers; the state keeps its structure, shapes and dtypes.
    Both functions get Tensors, and ``cond_fun`` gives one bool. Gradients of every order lead to ``init`` and to what
    ``body_fun`` closes over, through the steps that were made. In ``vmap`` the loop goes on while any member does, and
    the others keep their state.

    >>> mg.while_loop(lambda x: x < 100.0, lambda x: 3.0 * x, 2.0)
    np.float64(162.0)
    >>> mg.grad(lambda x: mg.while_loop(lambda x: x < 100.0, lambda x: 3.0 * x, x))(2.0)
    np.float64(81.0)

    Raises ``DivergenceError`` when ``cond_fun`` is still true after ``max_steps``, ``ShapeError`` and ``DTypeError``
    for a state that changes its kind.
    """
    check_function("mg.while_loop", cond_fun, body_fun)
    if max_steps is not None:
        whole("mg.while_loop", "max_steps", max_steps)
    is_plain = not any(isinstance(x, Tensor) for _, x in leaves(init))
    if recorder() is not None and not active():
        final = _recorded_loop(cond_fun, body_fun, entered(init, "init"), max_steps)
        return mapped(plain_array, final) if is_plain else final
    steps = 0

    def goes_on(state: Any) -> bool:
        nonlocal steps
        with no_grad(), within("mg.while_loop"):
            answer = is_true(_decision("mg.while_loop", cond_fun(state)), np.any)
        if answer and steps == max_steps:
            raise _diverged(steps)
        steps += 1
        return answer

    def step(state: Any, _: Any) -> tuple[Any, None]:
        new = body_fun(state)
        if not active():
            return new, None
        condition = _decision("mg.while_loop", cond_fun(state))  # a member that is done keeps its state
        return _chosen("mg.while_loop: the state", condition, new, state), None

    final, _ = Loop("mg.while_loop", step, entered(init, "init"), None, None, goes_on=goes_on).result()
    return mapped(plain_array, final) if is_plain else final


_ALONE = (
    "mg.compile: one branch of mg.cond alone uses a tensor that requires a gradient: as written its .grad stays None "
    "where that branch is never taken, and in a program it is 0. Pass the tensor as an operand, to both branches: "
    "mg.cond(p, f, g, x, w)"
)


class Branches(RunAgain):
    """One call of ``cond``: of the branch that was taken, or of both in a program that has them in a loop's body."""

    def __init__(
        self, condition: Any, functions: tuple[Callable[..., Any], ...], operands: Any, may_differ: bool = False
    ) -> None:
        super().__init__("mg.cond")
        self._may_differ = may_differ  # whether one of them alone may use a leaf
        self._condition, self._functions = condition, functions
        self._operands = mapped(as_it_is, operands) if is_recording() else operands
        self._outputs: list[Tensor] = []
        self._closures = 0

    def result(self) -> Any:
        """The result, behind one node."""
        results: list[Any] = []
        each: list[dict[Any, None]] = [{}, {}]
        bodies = [functools.partial(self._body, f, results, of) for f, of in zip(self._functions, each, strict=True)]
        arrays = [x._array for _, x in leaves(self._operands)]
        if isinstance(self._condition, bool):
            flat = bodies[0 if self._condition else 1](arrays)
            self.last = bits_of(results[0]) if recorder() is None and is_recording() else []
        else:
            choose: Callable[..., list[Any]] = functools.partial(mode().choose, self.name, self._condition)
            for batch in self.batches:
                choose = choice_over_members(batch, choose)
            flat = choose(bodies, arrays)
            if (each[0].keys() ^ each[1].keys()) & recorder().reached and not self._may_differ:
                raise CompileError(_ALONE)
        ends = each[0] | each[1]
        result = rebuilt(results[0], iter(map(wrap, flat)))
        outputs = [z for _, z in leaves(result) if is_floating(z)]
        parents = [x._node for _, x in leaves(self._operands) if is_floating(x) and x._node is not None]
        if not is_recording() or not outputs or not (parents or ends):
            return result
        self.start_from([*parents, *ends])
        self._closures, self._outputs = len(ends), outputs_like(outputs)
        nodes = iter(self.nodes(outputs))
        return mapped(lambda z: wrap(z._array, next(nodes)) if is_floating(z) else z, result)

    def _body(self, f: Callable[..., Any], results: list[Any], ends: dict[Any, None], arrays: list[Any]) -> list[Any]:
        start = next_order()
        result = self._called(f, rebuilt(self._operands, iter(map(wrap, arrays))))
        ends.update(dict.fromkeys(ends_of(result, start)))
        results.append(result)
        check_alike("mg.cond: the result of false_fun", result, results[0])
        return [z._array for _, z in leaves(result)]

    def _called(self, f: Callable[..., Any], operands: Any) -> Any:
        with within(self.name):
            return entered(f(*operands), "the result")

    def all_gradients(self, g: Any) -> list[Any]:
        """dL/d(parent) for each, by a choice of the ways back."""
        record = isinstance(g, Tensor)
        moves = parts(g if record else wrap(g), self._outputs)
        behind = iter(self.behind)
        nodes = [x._node if is_floating(x) else None for _, x in leaves(self._operands)]
        operands = mapped(
            lambda x: wrap(x._array, next(behind) if is_floating(x) and x._node is not None else None), self._operands
        )
        operands = operands if record else mapped(lambda x: wrap(x._array), operands)

        def back(f: Callable[..., Any], operands: Any, moves: Any) -> Any:
            run = functools.partial(self._called, f)
            return self.carried_back(run, operands, self._closures, moves, is_recording())

        ways = tuple([functools.partial(back, f) for f in self._functions])
        batches = tuple(sorted({*self.batches, *active()}, key=lambda batch: batch.number))
        with enable_grad() if record else no_grad(), inside(batches):
            slopes = Branches(self._condition, ways, (operands, entered(moves, "g")), True).result()
        count = len(slopes) - self._closures
        floating = [node for node, (_, x) in zip(nodes, leaves(self._operands), strict=True) if is_floating(x)]
        wanted = [d for node, d in zip(floating, slopes[:count], strict=True) if node is not None]
        gradients = [*wanted, *slopes[count:]]
        return gradients if record else [x._array for x in gradients]


def _recorded_loop(cond_fun: Callable[[Any], Any], body_fun: Callable[[Any], Any], init: Any, most: int | None) -> Any:
    """A loop of a program that is recorded: of a number of steps that the numbers decide, or of ``most`` at most."""

    def goes_on(state: Any) -> Any:
        with no_grad(), within("mg.while_loop"):
            return _decision("mg.while_loop", cond_fun(state))

    def step(state: Any, _: Any = None) -> tuple[Any, None]:
        return body_fun(state), None

    if most is not None:

        def masked(state: Any, _: Any) -> tuple[Any, None]:
            return Branches(goes_on(state), (body_fun, lambda state: state), (state,), True).result(), None

        final, _ = Loop("mg.while_loop", masked, init, None, most).result()
        if not is_true(np.logical_not(goes_on(mapped(detached, final)))):
            raise _diverged(most)
        return final
    loop = Loop("mg.while_loop", step, init, None, 1)
    ends: list[Any] = []

    def body(arrays: list[Any]) -> list[Any]:
        start = next_order()
        with within("mg.while_loop"):
            new, _ = loop.called(rebuilt(init, iter(map(wrap, arrays))), None)
        ends[:] = ends_of(new, start)
        return [z._array for _, z in leaves(new)]

    def test(arrays: list[Any]) -> list[Any]:
        return [goes_on(rebuilt(init, iter(map(wrap, arrays))))]

    arrays = [x._array for _, x in leaves(init)]
    final = rebuilt(init, iter(map(wrap, mode().go_on("mg.while_loop", test, body, arrays))))
    outputs = [z for _, z in leaves(final) if is_floating(z)]
    parents = [x._node for _, x in leaves(init) if is_floating(x) and x._node is not None]
    if not is_recording() or not outputs or not (parents or ends):
        return final
    block = Unbounded("mg.while_loop")
    block.start_from([*parents, *ends])
    nodes = iter(block.nodes(outputs))
    return mapped(lambda z: wrap(z._array, next(nodes)) if is_floating(z) else z, final)


class Unbounded(RunAgain):
    """A loop of a program whose number of steps is not known: it has no gradient."""

    def all_gradients(self, g: Any) -> list[Any]:
        """Refused."""
        del g
        raise CompileError(
            "mg.compile: the gradient of mg.while_loop goes back through all states, and a program has room for a "
            "known number of them: write max_steps=, a bound that is never reached, or mg.scan with a fixed length"
        )


def _diverged(steps: int) -> DivergenceError:
    return DivergenceError(
        f"mg.while_loop: cond_fun is still true after max_steps={steps} steps: raise it, or look for a state that does "
        "not come closer to its end"
    )


def _decision(name: str, pred: Any) -> Any:
    """The data of one bool. Raises ``ShapeError`` and ``DTypeError`` for anything else."""
    data = pred._array if isinstance(pred, Tensor) else pred
    if isinstance(data, bool):
        return data
    if np.shape(data) != ():
        raise ShapeError(f"{name}: the condition is one bool, got shape {np.shape(data)}: write .any() or .all()")
    dtype = getattr(data, "dtype", type(data))
    if dtype != np.dtype(bool):
        raise DTypeError(f"{name}: the condition is a bool, got {dtype}: write x != 0 or x > 0")
    return data


def _chosen(name: str, condition: Any, one: Any, other: Any) -> Any:
    """One result or the other, leaf by leaf."""
    one, other = entered(one, name), entered(other, name)
    check_alike(name, other, one)
    pairs = zip(leaves(one), leaves(other), strict=True)
    return rebuilt(one, iter([where(wrap(condition), a, b) for (_, a), (_, b) in pairs]))


def check_alike(name: str, other: Any, one: Any) -> None:
    """Raise where two results differ in structure, shapes or dtypes."""
    for path, b, a in aligned(other, one, name):
        if (a.shape, a.dtype) != (b.shape, b.dtype):
            kind = ShapeError if a.shape != b.shape else DTypeError
            raise kind(f"{path} has shape {b.shape} and dtype {b.dtype}, the other {a.shape} and {a.dtype}")
