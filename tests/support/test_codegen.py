"""Generated code: its lines in tracebacks, its names, and that exactly one place compiles text."""

import inspect
import linecache
import pathlib
import traceback

import numpy as np
import pytest

import minigrad as mg
from minigrad.support import codegen
from minigrad.support.codegen import GENERATED, Names, define, define_shared

PACKAGE = pathlib.Path(mg.__file__).parent


def test_a_traceback_shows_the_generated_line():
    f = define("def f(x):\n    return 1 / x\n", "test", {})["f"]
    with pytest.raises(ZeroDivisionError) as caught:
        f(0)
    last = traceback.extract_tb(caught.value.__traceback__)[-1]
    assert last.filename.startswith(f"{GENERATED}test ")
    assert last.line == "return 1 / x"
    assert inspect.getsource(f) == "def f(x):\n    return 1 / x\n"


def test_the_call_of_an_op_shows_its_line():
    try:
        mg.add(mg.ones(2), mg.ones(3))
    except mg.errors.ShapeError as error:
        lines = [x.line for x in traceback.extract_tb(error.__traceback__) if x.filename.startswith(f"{GENERATED}op ")]
    assert len(lines) == 1
    assert lines[0].startswith("explain(op, error")


def test_programs_and_guards_show_their_lines():
    before = set(linecache.cache)
    step = mg.compile(lambda x: (np.exp(x) * 2).sum())
    for _ in range(3):
        step(mg.ones(3))
    new = {name: "".join(linecache.getlines(name)) for name in set(linecache.cache) - before}
    (program,) = [text for name, text in new.items() if name.startswith(f"{GENERATED}program ")]
    assert "    def run(" in program
    (guards,) = [text for name, text in new.items() if name.startswith(f"{GENERATED}guards ")]
    assert "    def same(" in guards


def test_shared_texts_share_their_code_and_not_their_names():
    text = "def f():\n    return value\n"
    one, two = (define_shared(text, "test", {"value": value})["f"] for value in (1, 2))
    assert (one(), two()) == (1, 2)
    assert one.__code__ is two.__code__


def test_texts_that_are_shown_are_bounded():
    for number in range(codegen._SHOWN + 10):
        define(f"x = {number}", "bounded", {})
    shown = [name for name in linecache.cache if name.startswith(f"{GENERATED}bounded ")]
    assert 0 < len(shown) <= codegen._SHOWN


def test_one_name_for_each_object():
    name = Names(first=1.0)
    array, other = np.ones(2), np.ones(2)
    assert [name(array), name(other, "y"), name(array, "z")] == ["x1", "y2", "x1"]
    assert list(name.bound) == ["first", "x1", "y2"]


def test_text_becomes_code_in_one_place():
    places = [path for path in PACKAGE.rglob("*.py") if "exec(" in path.read_text().replace("_exec(", "")]
    assert [str(path.relative_to(PACKAGE)) for path in places] == ["support/codegen.py"]
