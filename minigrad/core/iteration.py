"""``for row in x``: the rows of a tensor, in such a way that the backward pass is not quadratic."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from minigrad.core.tensor import Tensor

#: Up to 8 rows are read by an index each. The adjoint of an index is an array as large as the whole, so more rows are
#: read by halves first: n log n in place of n squared.
_FEW = 8


def rows(x: Tensor, count: int) -> Iterator[Tensor]:
    """The ``count`` rows of x, each read when it is asked for."""
    parts = [(x, slice(0, count))]  # what to read from, and which rows of it; the last one is the next
    while parts:
        whole, some = parts.pop()
        count = some.stop - some.start
        if count <= _FEW or x._node is None:
            for i in range(some.start, some.stop):
                yield whole[i]
        else:
            part = whole if whole is x and count == len(x) else whole[some]
            parts += [(part, slice(count // 2, count)), (part, slice(0, count // 2))]
