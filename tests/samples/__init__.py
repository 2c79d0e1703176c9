"""Sample inputs for every op of the table, so that one set of properties tests them all.

An op of arrays that broadcast together, inside its domain, needs no entry. Each file here holds the entries of one or
a few files of formulas.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from hypothesis.strategies import SearchStrategy

import minigrad.special  # noqa: F401 - its rows are imported when they are asked for, and here they all are
from minigrad.core.table import builtin
from minigrad.testing import check_primitive, sample
from minigrad.testing.properties import RECORDED, Certificate
from minigrad.testing.sample import Sample
from tests.samples import (
    arranging,
    core,
    diagonals,
    elementwise,
    linalg,
    networks,
    numpy_functions,
    scipy_linalg,
    sequences,
    special,
    statistics,
)

SAMPLES: dict[str, SearchStrategy[Sample]] = {
    name: strategy
    for family in (
        core,
        elementwise,
        statistics,
        arranging,
        diagonals,
        linalg,
        scipy_linalg,
        networks,
        numpy_functions,
        sequences,
        special,
    )
    for name, strategy in family.SAMPLES.items()
}


def entry(function: Callable[..., Any]) -> SearchStrategy[Sample] | None:
    """The inputs that a function of the package has here; None where arrays that broadcast together will do."""
    return SAMPLES.get(function.__name__) if function.__name__ in builtin else None


def samples(function: Callable[..., Any]) -> SearchStrategy[Sample]:
    """Inputs for one function of the table: its own entry, or arrays that broadcast together."""
    own = entry(function)
    return sample.samples(function) if own is None else own


def check(function: Callable[..., Any], examples: int | None = None, derandomize: bool = False) -> Certificate:
    """``check_primitive`` of a function of the table, whose formulas give the same bits, recorded or not."""
    found = check_primitive(function, entry(function), examples, derandomize)
    if RECORDED not in found.properties:
        raise AssertionError(found)
    return found
