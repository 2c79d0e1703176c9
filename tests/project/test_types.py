"""What type checkers and editors see of the public functions; ``tests/typed`` is what ``mypy`` must find of it."""

from __future__ import annotations

import importlib
import inspect
import re

import pytest

from tests import annotations, stubs

#: The percentage of parameters and results of a module that may be ``Any``, where it is not 0. It is lowered alone.
BOUNDS = {
    "minigrad": 6,  # scan, cond and while_loop take nested structures, as the transforms do
    "minigrad.autograd": 13,
    "minigrad.compiler": 24,
    "minigrad.data": 28,
    "minigrad.files": 19,
    "minigrad.interpolate": 20,
    "minigrad.nn": 29,
    "minigrad.optim": 9,
    "minigrad.optim.schedules": 3,
    "minigrad.sklearn": 59,
    "minigrad.sparse": 63,
    "minigrad.spatial": 25,
    "minigrad.testing": 13,
    "minigrad.testing.strategies": 16,
    "minigrad.train": 14,
    "minigrad.viz": 64,
}


@pytest.mark.parametrize(("path", "text"), stubs.stubs().items(), ids=lambda value: getattr(value, "stem", ""))
def test_stubs_are_as_the_functions_are(path: stubs.Path, text: str) -> None:
    assert path.read_text() == text, "a function changed: run python -m tests.stubs"


@pytest.mark.parametrize("name", sorted(stubs.OWN))
def test_signatures_written_by_hand_name_parameters_of_the_function(name: str) -> None:
    modules = map(importlib.import_module, stubs.MODULES)
    function = next(getattr(module, name) for module in modules if name in module.__all__)
    known = {p.name: p for p in inspect.signature(function).parameters.values()}
    for text in stubs.OWN[name]:
        names = re.findall(r"(\w+): ", text)
        if name.startswith("atleast"):  # one array, or several: ary, arys
            continue
        assert names == [n for n in known if n in names]
        assert all(known[n].default is not known[n].empty for n in set(known) - set(names) if known[n].kind.value != 2)


def test_any_is_rare() -> None:
    """``python -m tests.annotations`` prints the shares, and the places of a module."""
    shares = annotations.shares()
    assert sum(n for n, _ in shares.values()) <= 0.1 * sum(n for _, n in shares.values())
    for module, (nothing, every) in shares.items():
        bound = BOUNDS.get(module, 0)
        assert nothing <= every * bound / 100, f"{module}: {nothing} of {every} are Any, at most {bound} % may be"
