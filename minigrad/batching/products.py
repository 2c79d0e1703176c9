"""Rules for products: of matrices, by subscripts, and what is made of these."""

from __future__ import annotations

import operator
import string
from typing import Any

import numpy as np

from minigrad.batching.reductions import from_end
from minigrad.batching.rules import aligned, composed, made, mine, rank, rule
from minigrad.core.batches import Batch


@rule(np.matmul, operator.matmul)
def _matmul(batch: Batch, a: Any, b: Any, **options: Any) -> Any:
    if options:
        return NotImplemented
    left, right = rank(a), rank(b)
    if not left or not right:
        return np.matmul(np.empty(np.shape(a)), np.empty(np.shape(b)))  # NumPy's error
    if not mine(batch, b) and right <= 2:  # one matrix for all rows of all members
        return made(batch, np.matmul(a.array, b))
    if not mine(batch, a) and left == 2 and right == 1:
        return made(batch, np.matmul(b.array, np.swapaxes(a, 0, 1)))
    # Vectors become matrices of one row or column, and all are stacks of matrices behind one batch axis.
    a = a[None, :] if left == 1 else a
    b = b[:, None] if right == 1 else b
    members, others = aligned(batch, (a, b))
    inner = np.shape(a)[-1]
    if inner == 1 == np.shape(b)[-2] and np.result_type(members, others).kind != "b":
        z = members * others  # NumPy takes the matrices of a stack one by one
    else:
        z = np.matmul(members, others)
    product = made(batch, z)
    if left == 1:
        product = product[..., 0, :]
    return product[..., 0] if right == 1 else product


composed(np.dot, np.vdot, np.inner, np.outer, np.linalg.outer, np.tensordot, np.kron)


@rule(np.einsum)
def _einsum(batch: Batch, *operands: Any, out: Any = None, optimize: Any = False, **options: Any) -> Any:
    if out is not None or options or not isinstance(operands[0], str):
        return NotImplemented
    subscripts, arrays = operands[0].replace(" ", ""), operands[1:]
    inputs, arrow, output = subscripts.partition("->")
    terms = inputs.split(",")
    if not arrow:
        letters = inputs.replace(",", "").replace(".", "")
        once = "".join(sorted([c for c in set(letters) if letters.count(c) == 1]))
        output = ("..." if "." in inputs else "") + once
    letter = next((c for c in string.ascii_letters if c not in subscripts), None)
    if letter is None or len(terms) != len(arrays):
        return NotImplemented
    terms = [letter + term if mine(batch, x) else term for term, x in zip(terms, arrays, strict=True)]
    members = [x.array if mine(batch, x) else x for x in arrays]
    return made(batch, np.einsum(f"{','.join(terms)}->{letter}{output}", *members, optimize=optimize))


@rule(np.cross)
def _cross(
    batch: Batch, a: Any, b: Any, axisa: int = -1, axisb: int = -1, axisc: int = -1, axis: int | None = None
) -> Any:
    axisa, axisb, axisc = (axisa, axisb, axisc) if axis is None else (axis,) * 3
    a, b = np.moveaxis(a, axisa, -1), np.moveaxis(b, axisb, -1)
    z = made(batch, np.cross(*aligned(batch, (a, b))))
    planar = a.shape[-1] == 2 == b.shape[-1]
    return z if planar else np.moveaxis(z, -1, from_end(axisc, z.ndim))


for _name in ("vecdot", "matvec", "vecmat"):
    if hasattr(np, _name):

        @rule(getattr(np, _name))
        def _vectors(batch: Batch, a: Any, b: Any, name: str = _name, **options: Any) -> Any:
            if options:
                return NotImplemented
            if name == "vecdot":
                return np.sum(np.conjugate(a) * b, -1)
            if name == "matvec":
                return _matmul(batch, a, b[..., None])[..., 0]
            return _matmul(batch, np.conjugate(a)[..., None, :], b)[..., 0, :]
