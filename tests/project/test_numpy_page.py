"""``docs/numpy.md`` says of each name of NumPy what it does: held to the code by calling each of them."""

import re
from pathlib import Path

import numpy as np
import pytest

import minigrad as mg
from minigrad.core.numpy_protocol import FUNCTIONS
from minigrad.core.table import numpy_functions
from tests import numpy_calls as calls
from tests import numpy_page
from tests.numpy_check import arrays_in, check_call, same_values

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs" / "numpy.md"
THERE = numpy_page.public_names()
PLANNED = [case for case in numpy_page.planned() if case[0] in THERE]
CURRENT = np.lib.NumpyVersion(np.__version__) >= "2.4.0"

#: np.matrix and np.row_stack are going away, and say so.
pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::PendingDeprecationWarning")


def cases(answer):
    return [pytest.param(name, call, id=name) for name, call, planned in PLANNED if planned == answer]


@pytest.mark.parametrize(("name", "call"), cases(numpy_page.DIFFERENTIATES))
def test_what_differentiates_has_numpys_values_and_the_right_gradients(name, call):
    check_call(numpy_page.call_of(name, call), numpy_page.arrays(call), dtypes=name != "poly1d")


@pytest.mark.parametrize(("name", "call"), cases(numpy_page.PLAIN))
def test_a_plain_answer_is_numpys_with_a_gradient_too(name, call):
    function = numpy_page.call_of(name, call)
    want = function(*numpy_page.arrays(call))
    for requires_grad in (True, False):
        got = function(*numpy_page.tensors(call, requires_grad))
        assert not any(isinstance(x, mg.Tensor) for x in arrays_in(got))
        if name not in ("may_share_memory", "shares_memory"):
            same_values(got, want)


def refused(name, call):
    """The refusal of a call of tensors with a gradient, after a look at NumPy's answer without one."""
    function = numpy_page.call_of(name, call)
    want, got = function(*numpy_page.arrays(call)), function(*numpy_page.tensors(call, requires_grad=False))
    if type(want) in (np.ndarray, tuple) or isinstance(want, np.generic):
        same_values(got, want)
    _, reason = numpy_page.tried(function, numpy_page.tensors(call, requires_grad=True))
    return reason


@pytest.mark.parametrize(("name", "call"), cases(numpy_page.PLAIN_WITHOUT))
def test_without_a_gradient_the_answer_is_numpys_and_with_one_it_is_refused_by_name(name, call):
    message = refused(name, call)
    assert f"np.{name.partition('_')[0]}" in message or name == "frompyfunc"
    assert "x.data" in message


@pytest.mark.parametrize(("name", "call"), cases(numpy_page.REFUSES))
def test_what_would_lose_a_gradient_is_refused_and_says_what_to_write(name, call):
    message = refused(name, call)
    assert "gradient" in message
    assert "mg." in message
    assert ".data" in message or ".item()" in message


@pytest.mark.skipif(not CURRENT, reason="the page is of NumPy 2.4")
def test_each_public_name_has_its_answer():
    planned = [name for name, _, _ in PLANNED] + calls.NO_ARRAYS.split()
    assert len(planned) == len(set(planned)), "a name has two answers"
    assert sorted(planned) == sorted(THERE)


def test_what_tensors_answer_is_not_among_those_without_arrays():
    for name in set(calls.NO_ARRAYS.split()) & set(THERE):
        function = THERE[name]
        assert isinstance(function, type) or (function not in FUNCTIONS and function not in numpy_functions)


@pytest.mark.skipif(not CURRENT, reason="the page is of NumPy 2.4")
def test_the_page_is_in_sync():
    assert numpy_page.main([str(PAGE), "--check"]) == 0, "python -m tests.numpy_page docs/numpy.md"


def test_names_are_in_the_section_of_what_they_are_to_do():
    text = PAGE.read_text()
    sections = dict(re.findall(r"^## (.*?)\n(.*?)(?=^## |\Z)", text, re.MULTILINE | re.DOTALL))
    for name, _, answer in PLANNED:
        assert f"`np.{name}`" in sections[answer[0].upper() + answer[1:]], name


def test_the_readme_quotes_the_counts():
    rows = dict(re.findall(r"^\| ([a-z ]+) \| (\d+) \|$", PAGE.read_text(), re.MULTILINE))
    readme = " ".join((ROOT / "README.md").read_text().split())
    assert (
        f"of {rows['together']} public names of `np`, `np.linalg` and `np.fft`, {rows['differentiates']} differentiate"
        in readme
    )
