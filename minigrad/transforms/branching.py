"""``cond`` and ``while_loop``: what a program chooses, and how often it goes on, by numbers that it computes."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from minigrad.core.batches import active, within
from minigrad.core.checks import whole
from minigrad.core.context import no_grad
from minigrad.core.conversion import is_true
from minigrad.core.tensor import Tensor, wrap
from minigrad.core.trees import aligned, leaves, mapped, rebuilt
from minigrad.errors import DivergenceError, DTypeError, ShapeError
from minigrad.ops.selection import where
from minigrad.transforms.checkpointing import checkpoint
from minigrad.transforms.scanning import Loop, entered
from minigrad.transforms.traced_call import plain_array

__all__ = ["cond", "while_loop"]


def cond(pred: Any, true_fun: Callable[..., Any], false_fun: Callable[..., Any], *operands: Any) -> Any:
    """``true_fun(*operands)`` where ``pred`` is true, else ``false_fun(*operands)``.

    ``pred`` is one bool: Python's, an array's or a Tensor's. Operands and results may be nested structures of Tensors,
    arrays and numbers; a branch gets Tensors, and of arrays alone the results are arrays. Gradients of every order go
    through the branch that was taken, to the operands and to what it closes over; it is run again for them. In
    ``vmap``, where ``pred`` differs from member to member, both branches run, and ``mg.where`` chooses.

    >>> import minigrad as mg
    >>> root = lambda x: mg.cond(x > 0, mg.sqrt, lambda x: 0.0 * x, x)
    >>> root(4.0), mg.grad(root)(4.0), mg.grad(root)(-1.0)
    (np.float64(2.0), np.float64(0.25), np.float64(0.0))

    Raises ``ShapeError`` and ``DTypeError`` for a ``pred`` that is not one bool, and for branches whose results differ
    in structure, shape or dtype, where both are run.
    """
    is_plain = not any(isinstance(x, Tensor) for _, x in leaves((pred, operands)))
    condition = _decision("mg.cond", pred)
    given = entered(operands, "operand")
    if getattr(condition, "batch", None) is not None:
        with within("mg.cond"):  # in the graph of the batch: where knows that no gradient goes to what it left out
            one, other = (entered(f(*given), "the result") for f in (true_fun, false_fun))
        result = _chosen("mg.cond: the result of false_fun", condition, one, other)
    else:
        result = _branch(true_fun if is_true(condition) else false_fun, given)
    return mapped(plain_array, result) if is_plain else result


def while_loop(
    cond_fun: Callable[[Any], Any], body_fun: Callable[[Any], Any], init: Any, *, max_steps: int | None = None
) -> Any:
    """The state after ``while cond_fun(state): state = body_fun(state)``.

    ``init`` may be a nested structure of Tensors, arrays and numbers; the state keeps its structure, shapes and dtypes.
    Both functions get Tensors, and ``cond_fun`` gives one bool. Gradients of every order lead to ``init`` and to what
    ``body_fun`` closes over, through the steps that were made. In ``vmap`` the loop goes on while any member does, and
    the others keep their state.

    >>> import minigrad as mg
    >>> mg.while_loop(lambda x: x < 100.0, lambda x: 3.0 * x, 2.0)
    np.float64(162.0)
    >>> mg.grad(lambda x: mg.while_loop(lambda x: x < 100.0, lambda x: 3.0 * x, x))(2.0)
    np.float64(81.0)

    Raises ``DivergenceError`` when ``cond_fun`` is still true after ``max_steps``, ``ShapeError`` and ``DTypeError``
    for a state that changes its kind.
    """
    if max_steps is not None:
        whole("mg.while_loop", "max_steps", max_steps)
    is_plain = not any(isinstance(x, Tensor) for _, x in leaves(init))
    made = 0

    def goes_on(state: Any) -> bool:
        nonlocal made
        with no_grad(), within("mg.while_loop"):
            answer = is_true(_decision("mg.while_loop", cond_fun(state)), np.any)
        if answer and made == max_steps:
            raise DivergenceError(
                f"mg.while_loop: cond_fun is still true after max_steps={max_steps} steps: raise it, or look for "
                "a state that does not come closer to its end"
            )
        made += 1
        return answer

    def step(state: Any, _: Any) -> tuple[Any, None]:
        new = body_fun(state)
        if not active():
            return new, None
        condition = _decision("mg.while_loop", cond_fun(state))  # a member that is done keeps its state
        return _chosen("mg.while_loop: the state", condition, new, state), None

    final, _ = Loop("mg.while_loop", step, entered(init, "init"), None, None, goes_on=goes_on).result()
    return mapped(plain_array, final) if is_plain else final


def _branch(f: Callable[..., Any], operands: Any) -> Any:
    def run(*operands: Any) -> Any:
        with within("mg.cond"):
            return entered(f(*operands), "the result")

    return checkpoint(run, *operands)


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
    items = []
    for path, b, a in aligned(entered(other, name), entered(one, name), name):
        if (a.shape, a.dtype) != (b.shape, b.dtype):
            kind = ShapeError if a.shape != b.shape else DTypeError
            raise kind(f"{path} has shape {b.shape} and dtype {b.dtype}, the other {a.shape} and {a.dtype}")
        items.append(where(wrap(condition), a, b))
    return rebuilt(one, iter(items))
