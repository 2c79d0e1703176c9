"""Triangular systems of moderate size by substitution in machine code: larger ones are products, which BLAS does."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from minigrad.compiler.backends.cache import Compiler
from minigrad.compiler.backends.kernel_expressions import kernel_text
from minigrad.compiler.backends.machine import Loop, alike, shared
from minigrad.kernels.triangular import substituted

#: Products up to which a loop is faster than products of blocks.
LARGEST = 4_000_000

#: Row i less a multiple of each that is known, four at once; ``m`` counts the matrices of a stack.
_SIZES = "n, w, lower, am, ai, aj"
_TEXT = """
for m in range(np.uint64(first), np.uint64(last)):
    for k in range(n):
        i = k if lower != 0 else n - np.uint64(1) - k
        begin = np.uint64(0) if lower != 0 else i + np.uint64(1)
        line = m * am + i * ai
        to = (m * n + i) * w
        d = a[line + i * aj]
        fours = begin + k - k % np.uint64(4)
        for j in range(begin, fours, np.uint64(4)):
            {factors}
            for c in range(w):
                x[to + c] = x[to + c] - ({products})
        for j in range(fours, begin + k):
            f = a[line + j * aj]
            s = (m * n + j) * w
            for c in range(w):
                x[to + c] = x[to + c] - f * x[s + c]
        for c in range(w):
            x[to + c] = x[to + c] / d
"""
_FACTOR = "f{0} = a[line + (j + np.uint64({0})) * aj]"
_LINE = "s{0} = (m * n + j + np.uint64({0})) * w"
_FOURS = {
    "factors": "\n            ".join(text.format(q) for q in range(4) for text in (_FACTOR, _LINE)),
    "products": " + ".join(f"f{q} * x[s{q} + c]" for q in range(4)),
}
TEXT = kernel_text(f"a, x, {_SIZES}", _SIZES, _TEXT.format(**_FOURS).strip().split("\n"))


def solved(compiler: Compiler, result: Any, a: Any, b: Any, _: bool) -> Loop | None:
    """The loop for ``substituted``."""
    (*stack, n, columns), size = result.shape, result.dtype.itemsize
    if not alike(result.dtype, a, b, result) or not 0 < n * n * columns <= LARGEST or a.shape[:-2] != tuple(stack):
        return None
    kernel = compiler.kernel(TEXT)
    count = math.prod(stack)
    start = shared(kernel, count, count * n * n * columns)

    def run(a: Any, b: Any, lower: bool = True, *, out: Any = None) -> Any:
        if not a.diagonal(0, -2, -1).all():
            return substituted(a, b, lower)  # which says that the matrix is singular
        x = np.empty(result.shape, result.dtype) if out is None else out
        np.copyto(x, b)
        a = a.reshape(count, n, n)
        lies = a if min(a.strides) >= 0 and not any(s % size for s in a.strides) else a.copy()
        start(lies, x.reshape(-1), n, columns, int(lower), *[s // size for s in lies.strides])
        return x

    nothing = np.zeros(1, result.dtype)
    return Loop("substituted", run, kernel, [nothing] * 2 + [n, columns, 1, 1, 1, 1], True)
