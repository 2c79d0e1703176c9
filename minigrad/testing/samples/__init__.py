"""Sample inputs for every op of the table, so that one set of properties tests them all.

An op without options, the user's own included, needs no entry: its arrays broadcast together, inside its
domain. Each file here holds the entries of one or a few files of formulas.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from hypothesis.strategies import SearchStrategy

import minigrad.special  # noqa: F401 - its rows are imported when they are asked for, and here they all are
from minigrad.core.table import builtin, derived_ops
from minigrad.errors import DTypeError
from minigrad.testing.samples import (
    arranging,
    core,
    diagonals,
    elementwise,
    linalg,
    networks,
    sequences,
    special,
    statistics,
)
from minigrad.testing.samples.builders import Sample, broadcast_together
from minigrad.testing.strategies import spread_out

__all__ = ["EXAMPLE", "SAMPLES", "Sample", "corners", "samples"]

SAMPLES: dict[str, SearchStrategy[Sample]] = {
    name: strategy
    for family in (core, elementwise, statistics, arranging, diagonals, linalg, networks, sequences, special)
    for name, strategy in family.SAMPLES.items()
}


#: How to say which inputs an op wants, where they do not simply broadcast together.
EXAMPLE = "inputs=strategies.arrays((2, 3)).map(lambda x: ([x], {'axis': 0})), of ([arrays], {options})"


def samples(function: Callable[..., Any]) -> SearchStrategy[Sample]:
    """Inputs for one function of the table: its own entry, or arrays that broadcast together.

    Raises ``DTypeError`` for a function that is not in the table, or has neither entry nor domain, or has
    options without a default.
    """
    name = function.__name__
    row = _row(function)
    if name in SAMPLES and name in builtin:
        return SAMPLES[name]
    needed = [option for option in getattr(row, "statics", ()) if option not in row.defaults]
    if row.domain is None or needed:
        why = f"its {', '.join(needed)} has no default" if needed else "nothing says how its arguments fit together"
        raise DTypeError(
            f"{name} has no samples, and {why}: draw its inputs, as in check_primitive({name}, {EXAMPLE}); "
            "for a function of the package, add an entry in minigrad/testing/samples"
        )
    return broadcast_together(row.domain)


def corners(function: Callable[..., Any]) -> list[Sample]:
    """Samples of what any op of arrays that broadcast together must take: 0-d, empty, broadcasting, a view."""
    domains = _row(function).domain
    count = len(domains)
    shapes: list[list[tuple[int, ...]]] = [[()] * count, [(0, 3)] * count, [(2, 1), *[(3,)] * (count - 1)]]
    found = [Sample(spread_out(sizes, domains), {}) for sizes in shapes]
    return [*found, Sample([x.T for x in spread_out([(3, 2)] * count, domains)], {})]


def _row(function: Callable[..., Any]) -> Any:
    row = getattr(function, "op", None) or derived_ops.get(function.__name__)
    if row is None:
        raise DTypeError(
            f"samples of {function.__name__!r}: register it with minigrad.primitive, or pass inputs= that draw its "
            f"arguments: {EXAMPLE}"
        )
    return row
