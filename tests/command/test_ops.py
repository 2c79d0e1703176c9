"""``ops``: the operations at a terminal say what the pages say."""

import textwrap

import pytest

from minigrad.command import main, namespace, ops
from minigrad.core import table
from tests import known_operations


def test_the_data_is_in_sync_with_the_pages():
    there = ops.KNOWN.read_text(encoding="utf-8")
    assert there == known_operations.text(), "write it anew: python -m tests.known_operations"


def test_every_operation_is_a_line(capsys):
    assert main(["ops"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) > 440
    assert max(map(len, lines)) <= 112
    assert [line for line in lines if line.startswith("mg.tanh ")]


@pytest.mark.parametrize(
    ("name", "texts"),
    [
        ("tanh", ["mg.tanh(x)", "numpy.tanh", "dx = g * (1 - z * z)", "all real numbers"]),
        ("mg.linalg.inv", ["mg.linalg.inv(a)", "da = -(transposed(z)"]),
        ("divide", ["domain   0 < y"]),
        ("maximum", ["conventions", "[0.5, 1, 0]; [0.5, 0, 1] (half each)"]),
        ("ptp", ["made of other operations"]),
        ("keep", ["keep(", "formulas"]),
    ],
)
def test_one_operation(name, texts, capsys):
    assert main(["ops", name]) == 0
    printed = capsys.readouterr().out
    for text in [*texts, "certificate  "]:
        assert text in printed


def test_each_can_be_shown():
    for name in sorted(table.builtin & set(table.ops)):
        assert "certificate" in "".join(ops.one(name))


def test_an_example_can_be_pasted():
    text = "".join(ops.one("piecewise"))
    code = text.partition("\nexample\n")[2].partition("\n\n")[0]
    exec(textwrap.dedent(code), namespace.names())
    assert "  # tensor([1., 4.])\n" in text
    assert "mg.piecewise(x" in code
