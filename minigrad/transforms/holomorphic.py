"""``holomorphic_grad``: the derivative of a complex function that has one."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import numpy as np

from minigrad.core.checks import check_function
from minigrad.core.members import is_true
from minigrad.core.tensor import wrap
from minigrad.errors import DTypeError, ShapeError
from minigrad.transforms.functions import outputs_of
from minigrad.transforms.traced_call import Argnums, RecordedCall, check_argnums

__all__ = ["holomorphic_grad"]


def holomorphic_grad(f: Callable[..., Any], argnums: Argnums = 0) -> Callable[..., Any]:
    """The function that computes f'(z), where df = f'(z) dz: of a holomorphic ``f`` with a complex scalar result.

    The derivative has the structure of the argument that ``argnums`` names, as a gradient has (see ``mg.grad``), and no
    conjugate is in it. All of its numbers are complex. The Cauchy-Riemann equations are checked at the place where it
    is called: the derivatives along 1 and along i agree.

    >>> mg.holomorphic_grad(lambda z: z**3)(1 + 2j)
    np.complex128(-9+12j)
    >>> mg.holomorphic_grad(mg.holomorphic_grad(np.sin))(1j) == -np.sin(1j)
    np.True_

    Raises ``DTypeError`` for real arguments and results, and where ``f`` is seen not to be holomorphic; ``ShapeError``
    unless the result is a scalar.
    """
    check_function("holomorphic_grad", f)
    check_argnums(argnums)

    @functools.wraps(f, updated=())
    def derivative(*args: Any, **kwargs: Any) -> Any:
        call = RecordedCall(f, args, kwargs, argnums)
        _, outputs = outputs_of(call.result, "holomorphic_grad")
        if len(outputs) != 1 or outputs[0].shape != ():
            got = f"shape {outputs[0].shape}" if len(outputs) == 1 else f"{len(outputs)} results"
            raise ShapeError(
                f"holomorphic_grad is of a function with a scalar result, this one returned {got}: write "
                "mg.vmap(mg.holomorphic_grad(f)) for many numbers at once"
            )
        z = outputs[0]
        for what, dtype in [("result", z.dtype), *[("argument", x.dtype) for x in call.wanted]]:
            if dtype.kind != "c":
                raise DTypeError(
                    f"holomorphic_grad is of complex numbers, the {what} is of dtype {dtype}: write mg.grad where a "
                    "result is real, and make a real argument complex, x + 0j"
                )
        section = call.section([z])
        record = call.continues(section)
        along_1, along_i = (
            call.pull(section, [z._node], [wrap(z.dtype.type(unit))], record=record, retain=True) for unit in (1, 1j)
        )
        for one, other in zip(along_1, along_i, strict=True):
            _check(one._array, other._array, z._array)
        return call.in_structure(along_1)

    return derivative


def _check(one: Any, other: Any, z: Any) -> None:
    """Raise ``DTypeError`` unless the second is i times the first, to rounding.

    Where z changes by J dx + K conj(dx), they are J + conj(K) and i (J - conj(K)).
    """
    if one.size == 0:
        return
    eps = float(np.finfo(z.dtype).eps)
    room = eps**0.5 * (np.abs(one) + np.abs(other)).max() + 1e4 * eps * np.abs(z)
    if is_true(np.abs(other - 1j * one).max() > room, np.any):
        raise DTypeError(
            "holomorphic_grad: the function is not holomorphic here, its derivatives along 1 and along i differ: "
            "conjugate, real, imag, abs and angle have two. Write mg.jvp(f, (z,), (direction,)) for the one that you "
            "want, or mg.grad of a real number made of f"
        )
