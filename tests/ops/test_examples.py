"""Each public name has an example, which runs and gives what stands below it."""

import doctest
import importlib
import inspect
import re
import sys
from pathlib import Path

import numpy as np
import pytest

import minigrad as mg
from minigrad.command import namespace
from minigrad.core import table
from minigrad.ops import examples
from tests.api_page import MODULES

ROOT = Path(__file__).parents[2]
for _module in MODULES:
    importlib.import_module(_module)
EXAMPLES = examples.examples()
NUMBER = re.compile(r"[-+]?(?:\d+\.?\d*(?:e[-+]?\d+)?|inf|nan)")


def same(got, want):
    """Whether two texts say the same: words to the letter, numbers to the digits that are written."""
    words = [re.sub(r"\s", "", NUMBER.sub("#", text)) for text in (got, want)]
    numbers = [np.array([float(n) for n in NUMBER.findall(text)]) for text in (got, want)]
    return words[0] == words[1] and bool(np.allclose(*numbers, rtol=2e-3, atol=2e-4, equal_nan=True))


def run(name, code):
    """Run the lines of an example, and hold what they show against what is written."""
    space, shown = namespace.names(), []
    parsed = doctest.DocTestParser().get_examples(code)
    assert parsed, f"{name} has no line"
    hook, sys.displayhook = sys.displayhook, lambda value: shown.append("" if value is None else repr(value))
    try:
        for one in parsed:
            shown.clear()
            exec(compile(one.source, name, "single"), space)
            assert same("".join(shown), one.want), f"{name}: {one.source}shows {''.join(shown)}, not {one.want}"
    finally:
        sys.displayhook = hook
    assert any(one.want for one in parsed), f"{name} shows nothing"


@pytest.mark.parametrize("name", EXAMPLES)
def test_an_example_gives_what_stands_below_it(name):
    with np.printoptions(precision=4):
        run(name, EXAMPLES[name])


def test_each_example_is_of_something_there_is():
    for name in EXAMPLES:
        if name in table.ops:
            assert EXAMPLES[name] in table.ops[name].__doc__
            assert EXAMPLES[name].count(name.strip("_")) > 0, f"the example of {name} does not use it"
        else:
            module, _, last = name.rpartition(".")
            assert last in importlib.import_module(module).__all__


@pytest.fixture(scope="module")
def reference():
    sys.path.insert(0, str(ROOT / "docs" / "site"))
    yield importlib.import_module("reference")
    sys.path.remove(str(ROOT / "docs" / "site"))
    sys.modules.pop("reference", None)


@pytest.mark.parametrize("module", MODULES)
def test_every_public_name_has_an_example(module, reference):
    """In its docstring, or for a value and a family of distributions on its page of the reference. No exceptions."""
    there = importlib.import_module(module)
    lacking = []
    for name in there.__all__:
        thing = getattr(there, name)
        if inspect.ismodule(thing):
            continue
        has_doc = inspect.isclass(thing) or inspect.isroutine(thing)
        text = thing.__doc__ if has_doc else reference.example(module, name) or type(thing).__doc__
        if not doctest.DocTestParser().get_examples(text or ""):
            lacking.append(name)
    assert not lacking


def test_the_example_of_a_family_is_made_of_its_statement(reference):
    for name in mg.stats.FAMILIES:
        text = reference.example("minigrad.stats", name)
        assert "nan" not in text
        assert "inf" not in text
        with np.printoptions(precision=4):
            run(name, text)


def test_texts_are_the_same_by_their_numbers():
    assert same("tensor([1., 2.71828])", "tensor([1.   , 2.7183])")
    assert not same("tensor([1., 2.9])", "tensor([1., 2.7183])")
    assert not same("tensor([1., 2.])", "array([1., 2.])")
    assert not same("(2, 3)", "(2, 4)")
    assert same("tensor(nan)", "tensor(nan)")


def test_an_operation_of_ones_own_keeps_its_docstring():
    cube = mg.primitive(lambda x: x**3, lambda g, x: 3 * g * x**2, name="cube_of_examples", doc="x³")
    assert cube.__doc__ == "x³"
    examples.add_examples(["cube_of_examples", "no such name"])
    assert cube.__doc__ == "x³"
