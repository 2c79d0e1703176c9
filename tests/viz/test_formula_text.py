"""Formulas are shown as they stand in the source: the same that docs/operations.md has."""

import re
from pathlib import Path

from minigrad.core import table
from minigrad.viz.formula_text import formula_text, formula_texts

PAGE = (Path(__file__).parents[2] / "docs" / "operations.md").read_text()
#: Rows whose formulas are made by a function: the page has the call, and here is what it gave.
MADE = {"attention", "attention_back", "recurrent_scan"}


def bare(text):
    """A formula without what the formatter may change."""
    return re.sub(r"""[\s()\[\]"']""", "", re.sub(r"^lambda[^:]*:", "", text))


def test_each_formula_of_the_table_is_that_of_the_page():
    compared = 0
    for name in table.builtin & set(table.ops) - MADE:
        op = getattr(table.ops[name], "op", None)
        section = re.search(rf"^### `{name}\(.*?(?=^###? |\Z)", PAGE, re.MULTILINE | re.DOTALL)
        for argument, text in formula_texts(op) if op is not None and section else ():
            written = re.search(rf"^- (?:d|each of ){argument}: `(.*?)`$", section[0], re.MULTILINE | re.DOTALL)
            if written:
                named = text.startswith(f"{written[1]}(")  # a function: the page has its name, this its call
                assert named or bare(text) == bare(written[1]), name
                compared += 1
            else:
                assert "no gradient" in text or "no known formula" in text
    assert compared > 250


def test_two_formulas_on_one_line_are_told_apart():
    one, two = (lambda g, x: g * x), (lambda g, x: g + x)  # fmt: skip
    assert [formula_text(one), formula_text(two)] == ["g * x", "g + x"]


def test_what_has_no_source():
    made = eval("lambda g: g")
    assert formula_text(made) == "a function of g"
    assert formula_text(None) == "no gradient"
    assert formula_text(max) == "max"

    def named(g, x):
        return g * x

    assert formula_text(named) == "named(g, x)"
