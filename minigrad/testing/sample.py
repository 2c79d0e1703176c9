"""A ``Sample``, the inputs of one call, and the samples of any op whose arrays broadcast together inside its domain."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np
from hypothesis import strategies as st
from hypothesis.strategies import DrawFn, SearchStrategy

from minigrad.core.table import derived_ops
from minigrad.errors import DTypeError
from minigrad.testing.values import Interval, arrays_of, broadcastable_shapes, spread_out

#: How to say which inputs an op wants, where they do not simply broadcast together.
EXAMPLE = "inputs=strategies.arrays((2, 3)).map(lambda x: ([x], {'axis': 0})), of ([arrays], {options})"


def positional(f: Callable[..., Any], xs: Sequence[Any], options: dict[str, Any]) -> Any:
    """f(x, y, ..., **options)."""
    return f(*xs, **options)


class Sample(NamedTuple):
    """Inputs of one op: arrays, other parameters by name, and how the op is called with both.

    Arrays of floats have gradients, others (masks, indices) are passed as they are.
    """

    arrays: list[np.ndarray]
    options: dict[str, Any]
    call: Callable[[Callable[..., Any], Sequence[Any], dict[str, Any]], Any] = positional


@st.composite
def broadcast_together(draw: DrawFn, domains: Sequence[Interval]) -> Sample:
    """Arrays that broadcast together, one inside each domain."""
    sizes = draw(broadcastable_shapes(len(domains)))
    return Sample(draw(arrays_of(sizes, domains)), {})


def samples(function: Callable[..., Any]) -> SearchStrategy[Sample]:
    """Arrays that broadcast together inside the domain of an op.

    Raises ``DTypeError`` for a function that is not in the table, or has no domain, or has options without a default.
    """
    row, name = _row(function), function.__name__
    needed = [option for option in getattr(row, "statics", ()) if option not in row.defaults]
    if row.domain is None or needed:
        why = f"its {', '.join(needed)} has no default" if needed else "nothing says how its arguments fit together"
        raise DTypeError(f"{name} has no samples, and {why}: draw its inputs, as in check_primitive({name}, {EXAMPLE})")
    return broadcast_together(row.domain)


def corners(function: Callable[..., Any]) -> list[Sample]:
    """Samples that every op of arrays that broadcast together must take: 0-d, empty, broadcasting, a view."""
    domains = _row(function).domain
    count = len(domains)
    shapes: list[list[tuple[int, ...]]] = [[()] * count, [(0, 3)] * count, [(2, 1), *[(3,)] * (count - 1)]]
    broadcasting = [Sample(spread_out(sizes, domains), {}) for sizes in shapes]
    return [*broadcasting, Sample([x.T for x in spread_out([(3, 2)] * count, domains)], {})]


def _row(function: Callable[..., Any]) -> Any:
    row = getattr(function, "op", None) or derived_ops.get(function.__name__)
    if row is None:
        raise DTypeError(
            f"samples of {function.__name__!r}: register it with minigrad.primitive, or pass inputs= that draw its "
            f"arguments: {EXAMPLE}"
        )
    return row
