"""Checks of gradients for test files, with autograd's names, by ``minigrad.testing.check_gradients``."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

import minigrad.compat.autograd.numpy as anp
from minigrad.compat.autograd.misc.flatten import flatten
from minigrad.core.tensor import Tensor
from minigrad.core.trees import flat
from minigrad.testing import GradientReport, check_gradients

__all__ = ["check_equivalent", "check_grads", "check_jvp", "check_vjp", "combo_check", "scalar_close"]

Argnum = int | Sequence[int]


def check_grads(
    f: Callable[..., Any], argnum: Argnum = 0, modes: Sequence[str] = ("fwd", "rev"), order: int = 2
) -> Callable[..., GradientReport]:
    """The function that checks the derivatives of ``f`` at its arguments, up to ``order``.

    Arguments and results may be structures, and complex. Both ``modes`` come from the same formulas, so one check is
    of both. Raises ``GradientError``, which is an AssertionError and says what is wrong.
    """
    if not set(modes) <= {"fwd", "rev"}:
        raise ValueError(f"modes are 'fwd' and 'rev', got {modes}")

    def check(*args: Any, **kwargs: Any) -> GradientReport:
        places = [argnum] if isinstance(argnum, int) else list(argnum)
        start, unflatten = flatten([args[place] for place in places])
        is_complex = np.iscomplexobj(start)

        def of_real_numbers(v: Any) -> Any:
            v = v[: len(start)] + 1j * v[len(start) :] if is_complex else v
            whole = list(args)
            for place, x in zip(places, unflatten(v), strict=True):
                whole[place] = x
            return _real_vector(f(*whole, **kwargs))

        vector = np.concatenate([np.real(start), np.imag(start)]) if is_complex else start
        return check_gradients(of_real_numbers, vector, order=order, rtol=1e-6, atol=1e-6)

    return check


def check_vjp(f: Callable[[Any], Any], x: Any) -> None:
    """``check_grads`` of the first order."""
    check_grads(f, order=1)(x)


check_jvp = check_vjp  # by the same formulas


def _real_vector(result: Any) -> Any:
    parts = [
        anp.ravel(part) for z in flat(result) for part in ([anp.real(z), anp.imag(z)] if anp.iscomplexobj(z) else [z])
    ]
    vector = anp.concatenate(parts)
    return vector if isinstance(vector, Tensor) else Tensor(vector)  # a result that depends on nothing


def combo_check(f: Callable[..., Any], *options: Any, **named: Any) -> Callable[..., None]:
    """``check_grads`` for each combination of arguments from lists of them."""
    check = check_grads(f, *options, **named)

    def combinations(*args: Any, **kwargs: Any) -> None:
        for values in itertools.product(*args):
            for chosen in itertools.product(*[[(name, value) for value in kwargs[name]] for name in kwargs]):
                check(*values, **dict(chosen))

    return combinations


def scalar_close(a: Any, b: Any) -> bool:
    """Whether two numbers are the same within 1e-6, absolute or relative."""
    return bool(abs(a - b) < 1e-6 or abs(a - b) < 1e-6 * abs(a + b))


def check_equivalent(x: Any, y: Any) -> None:
    """Raise ``AssertionError`` unless two structures of arrays have the same shapes, and numbers within 1e-6."""
    (one, _), (two, _) = flatten(x), flatten(y)
    shapes = [[np.shape(leaf) for leaf in flat(tree)] for tree in (x, y)]
    if shapes[0] != shapes[1] or not np.allclose(one, two, rtol=1e-6, atol=1e-6):
        raise AssertionError(f"these differ: {x} and {y}")
