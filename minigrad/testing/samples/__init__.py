"""Sample inputs for every op of the table, so that one set of properties tests them all.

An op without options, the user's own included, needs no entry: its arrays broadcast together, inside its
domain. Each file here holds the entries of one or a few files of formulas.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from hypothesis.strategies import SearchStrategy

from minigrad.errors import DTypeError
from minigrad.table import derived_ops
from minigrad.testing.samples import arranging, core, elementwise, linalg, networks, statistics
from minigrad.testing.samples.builders import Sample, broadcast_together

__all__ = ["SAMPLES", "Sample", "samples"]

SAMPLES: dict[str, SearchStrategy[Sample]] = {
    name: strategy
    for family in (core, elementwise, statistics, arranging, linalg, networks)
    for name, strategy in family.SAMPLES.items()
}


def samples(function: Callable[..., Any]) -> SearchStrategy[Sample]:
    """Inputs for one function of the table: its own entry, or arrays that broadcast together.

    Raises ``DTypeError`` for a function that is not in the table, or has neither entry nor domain.
    """
    name = function.__name__
    row = getattr(function, "op", None) or derived_ops.get(name)
    if row is None:
        raise DTypeError(
            f"samples of {name!r}: register it with minigrad.primitive, or pass inputs= that draw its arguments"
        )
    if name in SAMPLES:
        return SAMPLES[name]
    if row.domain is None:
        raise DTypeError(f"{name} has no samples: add an entry in minigrad/testing/samples, or pass inputs=")
    return broadcast_together(row.domain)
