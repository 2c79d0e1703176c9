"""All derivatives of a function: Jacobians by rows or by columns, all of them in one walk, and Hessians.

The cotangents (or tangents) are the rows of an identity, as the members of a batch: one walk carries all of them.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Callable
from typing import Any

import numpy as np

from minigrad.core.checks import check_function
from minigrad.core.graph import uphill
from minigrad.core.tensor import Tensor, wrap
from minigrad.core.trees import rebuilt
from minigrad.errors import DTypeError
from minigrad.ops.elementwise import astype
from minigrad.ops.shaping import concatenate, moveaxis, reshape
from minigrad.support.idioms import told
from minigrad.transforms.batches import over_rows
from minigrad.transforms.functions import Forward, grad, outputs_of
from minigrad.transforms.subgraph import Section
from minigrad.transforms.traced_call import Argnums, RecordedCall, check_argnums

#: Bytes that the largest gradient on the way may take, of all rows together: more rows are walked in parts.
MOST = 64 << 20


@told
def jacobian(f: Callable[..., Any], argnums: Argnums = 0) -> Callable[..., Any]:
    """The function that computes all derivatives of ``f``: of shape ``result.shape + x.shape``.

    It goes by rows (``jacrev``), or by columns (``jacfwd``) where the result has more elements than the arguments.
    For structures it has the structure of the result, with that of the argument in place of each leaf. The derivatives
    have the dtype of the argument, as gradients do.
    Real results have the derivatives with respect to a complex argument that ``grad`` has; complex results those with
    respect to a real one. Where both are complex, a derivative is two numbers: that is refused.

    >>> mg.jacobian(lambda x: x * x)(np.array([1.0, 2.0], "float32"))
    array([[2., 0.],
           [0., 4.]], dtype=float32)
    """
    return _jacobian(f, argnums, "jacobian", lambda rows, columns: columns + 1 < rows)


def jacrev(f: Callable[..., Any], argnums: Argnums = 0) -> Callable[..., Any]:
    """``jacobian`` by rows: one walk backward for all elements of a result. For more arguments than results.

    >>> mg.jacrev(lambda x: x**2)(mg.tensor([1.0, 2.0]))
    tensor([[2., 0.],
            [0., 4.]])
    """
    return _jacobian(f, argnums, "jacrev", lambda _rows, _columns: False)


@told
def jacfwd(f: Callable[..., Any], argnums: Argnums = 0) -> Callable[..., Any]:
    """``jacobian`` by columns: one walk for all elements of an argument. For more results than arguments.

    >>> mg.jacfwd(lambda x: x**2)(mg.tensor([1.0, 2.0]))
    tensor([[2., 0.],
            [0., 4.]])
    """
    return _jacobian(f, argnums, "jacfwd", lambda _rows, _columns: True)


@told
def hessian(f: Callable[..., Any], argnums: Argnums = 0) -> Callable[..., Any]:
    """The function that computes all second derivatives of a scalar ``f``: of shape ``x.shape + x.shape``.

    Of structures there is a block for each pair of leaves: ``hessian(f)({"a": x, "b": y})["a"]["b"]``. It is the
    gradient's Jacobian by rows, all in one walk: forward mode is a gradient of a gradient here, so forward over reverse
    (``jacfwd(grad(f))``) gives the same and takes a third walk.

    >>> mg.hessian(lambda x: x[0] ** 2 * x[1])(np.array([1.0, 2.0], "float32"))
    array([[4., 2.],
           [2., 0.]], dtype=float32)
    """
    check_function("hessian", f)
    return _jacobian(grad(f, argnums), argnums, "hessian", lambda _rows, _columns: False)


def _jacobian(
    f: Callable[..., Any], argnums: Argnums, name: str, goes_forward: Callable[[int, int], bool]
) -> Callable[..., Any]:
    check_function(name, f)
    check_argnums(argnums)

    @functools.wraps(f, updated=())
    def all_derivatives(*args: Any, **kwargs: Any) -> Any:
        call = RecordedCall(f, args, kwargs, argnums)
        result, outputs = outputs_of(call.result, name)
        if any(z.dtype.kind == "c" for z in outputs) and any(x.dtype.kind == "c" for x in call.wanted):
            raise two_numbers(name)
        rows, columns = sum([z.size for z in outputs]), sum([math.prod(x.shape) for x in call.wanted])
        blocks = _columns(call, outputs) if goes_forward(rows, columns) else [_rows(call, z) for z in outputs]
        return rebuilt(result, iter([call.in_structure(block) for block in blocks]))

    return all_derivatives


def two_numbers(name: str) -> DTypeError:
    """The error where the results and the arguments are complex."""
    pairs = f"{name}(lambda x, y: f(x + 1j * y), (0, 1))(z.real, z.imag)"
    other = "mg.hvp is right as it is" if name == "hessian" else "a holomorphic f has the first of the two alone"
    return DTypeError(
        f"{name}: of a complex number with respect to a complex one the derivative is two numbers, those along 1 and "
        f"i: write {pairs}; {other}"
    )


def _rows(call: RecordedCall, z: Tensor) -> list[Tensor]:
    """The derivatives of all elements of z with respect to everything wanted, each as one Tensor."""
    section = call.section([z])
    record = call.continues(section) and z.size > 0

    def pull(cotangent: Tensor) -> list[Tensor]:
        return call.pull(section, [z._node], [cotangent], record=record, retain=True)

    parts = [uphill(rows) for rows in _in_parts(pull, section, z.shape, z.dtype)]
    if z.dtype.kind == "c":  # of real arguments: Re(J) comes of 1, and Re(-i J), the imaginary part, of -i
        parts = _joined(parts, _in_parts(pull, section, z.shape, z.dtype, -1j))
    return [reshape(rows, z.shape + x.shape) for rows, x in zip(parts, call.wanted, strict=True)]


def _columns(call: RecordedCall, outputs: list[Tensor]) -> list[list[Tensor]]:
    """The same of all outputs, with respect to one argument after the other."""
    section = call.section(outputs)
    forward = Forward(call, section, outputs)
    record = call.recording and forward.continues
    blocks: list[list[Tensor]] = [[] for _ in outputs]
    for number, x in enumerate(call.wanted):

        def push(tangent: Tensor, number: int = number) -> list[Tensor]:
            return forward.push([number], [tangent], record=record)

        parts = _in_parts(push, section, x.shape, x.dtype)
        if x.dtype.kind == "c":  # of real results, along 1 and along i, as in ``uphill``
            parts = _joined(parts, _in_parts(push, section, x.shape, x.dtype, 1j))
        for block, z, columns in zip(blocks, outputs, parts, strict=True):
            derivatives = reshape(moveaxis(columns, 0, -1), z.shape + x.shape)
            kind = dtype_of(z, x)
            block.append(derivatives if derivatives.dtype == kind else astype(derivatives, kind))
    return blocks


def dtype_of(z: Tensor, x: Any) -> np.dtype:
    """The dtype of the derivatives of z with respect to x: that of x, as of a gradient; complex where z is."""
    dtype: np.dtype = np.result_type(x.dtype, 1j) if z.dtype.kind == "c" else x.dtype
    return dtype


def _in_parts(
    carry: Callable[[Tensor], list[Tensor]],
    section: Section,
    shape: tuple[int, ...],
    dtype: np.dtype,
    unit: complex = 1,
) -> list[Tensor]:
    """What comes of ``unit`` in each place of an array of this shape, along the first axis.

    As many at a time as memory allows.
    """
    size = math.prod(shape)
    step = max(1, MOST // max(1, section.largest()))
    parts = []
    for start in range(0, max(size, 1), step):
        units = np.eye(max(1, min(step, size - start)), size, start, dtype) * dtype.type(unit)
        parts.append(over_rows(carry, wrap(units.reshape(len(units), *shape))))
    if not size:  # a batch of no members could not decide what a formula asks of its numbers
        return [rows[:0] for rows in parts[0]]
    return parts[0] if len(parts) == 1 else [concatenate(each) for each in zip(*parts, strict=True)]


def _joined(real: list[Tensor], imaginary: list[Tensor]) -> list[Tensor]:
    """Complex numbers of their parts."""
    return [a + 1j * b for a, b in zip(real, imaginary, strict=True)]
