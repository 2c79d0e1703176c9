"""``check_gradients``: the formulas of a function against its values, and if they differ, why."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from minigrad.core.checks import check_function
from minigrad.core.tensor import Tensor
from minigrad.errors import DTypeError
from minigrad.testing.checks import Check, Failure, Function
from minigrad.testing.diagnosis import explain
from minigrad.testing.libraries import as_function, library_of
from minigrad.testing.numeric import in_real_numbers
from minigrad.typing import ArrayLike


@dataclass(frozen=True)
class GradientReport:
    """The report of a successful check: the relative error for each order, how it was found, and over which ops.

    ``same_bits`` is whether the recorded backward pass gave the very bits of the plain one. The error is relative to
    the terms of the derivative before they cancel, as rounding is, or to 0.01 if that is more.

    >>> from minigrad.testing import check_gradients
    >>> report = check_gradients(lambda x: (x * x).sum(), np.array([1.0, 2.0]))
    >>> sorted(report.errors)
    [0.0, 0.0]
    """

    errors: tuple[float, ...]
    methods: tuple[str, ...]
    ops: tuple[str, ...]
    same_bits: bool = True

    def __str__(self) -> str:
        orders = "; ".join(
            f"order {n}: {error:.1e} by {method}"
            for n, (error, method) in enumerate(zip(self.errors, self.methods, strict=True), 1)
        )
        return f"gradients agree ({orders}) over {', '.join(self.ops)}"


def check_gradients(
    f: Function | tuple[Function, Function],
    *inputs: ArrayLike,
    order: int | None = None,
    rtol: float = 1e-7,
    atol: float = 1e-9,
    seed: int = 0,
    library: str | None = None,
) -> GradientReport:
    """Check the derivatives of ``f`` at ``inputs`` against its values; raises ``GradientError`` if they differ.

    ``f`` takes Tensors and returns a Tensor or several; ``inputs`` are arrays, numbers or Tensors, and are converted to
    float64 or complex128; a complex one is two inputs, its real and its imaginary part. Each order, up to any, is one
    comparison along a random direction of all inputs: of the derivative by the formulas with the change of the
    derivative below it, from the second order on with respect to the inputs and to the gradient that flows in. The
    change is found exactly, to 1e-12, where every op in the graph is affine; to 1e-9 by a complex step where every op
    is analytic and f holds nothing that hides from it, such as an absolute value by hand; by extrapolated central
    differences, to ``rtol`` and ``atol``, otherwise. Beyond that: two runs give the same bits, the recorded backward
    the same numbers to 1e-12 (not with ``order=1``, where a rule may be written for arrays alone), a zero gradient
    gives zeros, all is finite, and the inputs stay as they are.

    Functions of other libraries are checked in the same way: a ``torch.autograd.Function``, a ``jax.custom_vjp``, a
    ``primitive`` of HIPS autograd, a pair ``(f, vjp)`` of functions of NumPy with ``vjp(g, *inputs)`` (the first order
    alone), and any function whose inputs are tensors of PyTorch or arrays of JAX. Where neither says it, ``library``
    does: "torch", "jax" or "autograd".

    A failure is searched for its cause, first in each op alone at the values that it saw, then element by element.
    The message begins with the kind of fault: wrong formula, kink, jump, precision, not deterministic, not recorded,
    wrong shape, wrong dtype, wrong type, input changed, missing gradient, not finite.

    >>> from minigrad.testing import check_gradients
    >>> report = check_gradients(lambda x: (x.tanh() * x).sum(), [0.5, -1.0], order=4)
    >>> report.ops
    ('multiply', 'sum', 'tanh')
    >>> report.methods[:2]
    ('complex step', 'complex step of order 1')
    """
    library = library or library_of(f, inputs)
    if order is None:
        order = 1 if library == "numpy" else 2
    if library == "numpy" and order > 1:
        raise DTypeError(
            "of a pair (f, vjp) the first order is checked, as NumPy has no derivative of vjp: leave order= out"
        )
    function = f if library is None else as_function(f, library, len(inputs))
    if function is f:
        check_function("check_gradients", f)
    if not inputs:
        raise DTypeError("check_gradients(f, *inputs) was given no inputs: write check_gradients(f, [1.0, 2.0])")
    if isinstance(function, tuple):
        raise DTypeError("a pair (f, vjp) is of functions of NumPy: leave library= out")
    arrays = [_as_doubles(x, number) for number, x in enumerate(inputs)]
    if library is not None and any(x.dtype.kind == "c" for x in arrays):
        raise DTypeError(
            f"of a function of {library} complex inputs are not checked, whose gradients libraries write differently: "
            "pass the real and the imaginary part, and join them in the function"
        )
    names = [f"input {number}" for number in range(len(arrays))]
    check = Check(*in_real_numbers(function, arrays, names), seed=seed, tolerance=(rtol, atol))
    check.own = {x._node: f"input {n}" for n, x in enumerate(inputs) if isinstance(x, Tensor) and x._node is not None}
    try:
        check.run(order)
    except Failure as failure:
        raise explain(check, failure, order) from None
    return GradientReport(check.errors, check.methods, check.ops, check.same_bits)


def _as_doubles(x: Any, number: int) -> np.ndarray:
    if hasattr(x, "named_parameters"):
        raise DTypeError(
            f"input {number} holds numbers, got the module {type(x).__name__}: pass its parameters, "
            "check_gradients(lambda weight, x: mg.functional_call(model, {'weight': weight}, x), model.weight.data, x)"
        )
    x = x.detach() if hasattr(x, "detach") else x  # a Tensor, or one of PyTorch
    array = np.asarray(x._array if isinstance(x, Tensor) else x)
    if array.dtype.kind not in "fiuc":
        raise DTypeError(f"input {number} holds numbers, got dtype {array.dtype}")
    wide = np.complex128 if array.dtype.kind == "c" else np.float64
    # A copy that keeps the layout of memory would be contiguous for a strided view: views stay views.
    return array if array.dtype == wide else array.astype(wide)
