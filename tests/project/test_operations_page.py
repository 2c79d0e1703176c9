"""docs/operations.md says what the table says; the certificates in it are made anew by ``--check`` only."""

import contextlib
import inspect
import re
from pathlib import Path

import hypothesis
import numpy as np
import pytest
from hypothesis import Phase, settings

import minigrad as mg
from minigrad.core import table
from minigrad.errors import TargetError
from tests import operations_page
from tests.paragraphs import wrapped
from tests.samples import samples

PAGE = Path(__file__).parents[2] / "docs" / "operations.md"
WHOLE = sorted(name for name in table.ops if name in table.builtin)


@pytest.mark.skipif(
    np.lib.NumpyVersion(np.__version__) < "2.2.0", reason="the page has functions that this NumPy does not have yet"
)
def test_the_page_is_in_sync_with_the_source():
    there = PAGE.read_text()
    known = operations_page.certificates_in(there)
    now = operations_page.page(lambda name: known.get(name, "not yet"))
    assert now == there, "write it anew: python -m tests.operations_page docs/operations.md"


def test_every_function_has_its_certificate():
    known = operations_page.certificates_in(PAGE.read_text())
    assert sorted(known) == WHOLE
    assert all(" examples, " in line for line in known.values())


@pytest.mark.parametrize("name", ["tanh", "add", "concatenate", "logaddexp"])
def test_a_certificate_is_the_same_each_time(name):
    assert operations_page.certificates_in(PAGE.read_text())[name] == operations_page.certificate(name)


def test_formulas_stand_as_in_the_source():
    page = operations_page.page(lambda name: "")
    assert "### `tanh(x)`\n\n`np.tanh`: The hyperbolic tangent of x.\n\n- dx: `lambda g, z: g * (1 - z * z)`" in page
    assert "### `where(condition, x=None, y=None)`" in page
    assert "- condition: no gradient" in page
    assert "- domain: y > 0" in page  # of divide
    assert "### `softmax(x, axis=-1)`" in page


def test_the_command_writes_compares_and_names_what_fails(tmp_path, monkeypatch, capsys):
    file = tmp_path / "operations.md"
    few = {"tanh", "add"}
    monkeypatch.setattr(operations_page, "modules", lambda: [mg.ops.elementwise])
    real = operations_page.certificate
    monkeypatch.setattr(
        operations_page, "certificate", lambda name, examples: real(name, examples) if name in few else ""
    )
    assert operations_page.main([str(file), "--examples", "3"]) == 0
    assert "- certified: 7 examples, orders 1 and 2 by complex step" in file.read_text()
    assert operations_page.main([str(file), "--check", "--examples", "3"]) == 0
    file.write_text(file.read_text().replace("hyperbolic", "parabolic"))
    assert operations_page.main([str(file), "--check", "--examples", "3"]) == 1
    assert "parabolic" in capsys.readouterr().out

    def check_that_fails(*_, **__):
        raise mg.errors.GradientError("wrong formula: planted")

    monkeypatch.setattr(operations_page, "certificate", check_that_fails)
    assert operations_page.main([str(file)]) == 1
    assert "tanh: GradientError: wrong formula: planted" in capsys.readouterr().err
    assert "- certified: NO, GradientError" in file.read_text()


def test_a_wrapped_paragraph_is_rendered_as_before():
    text = "- dx: `lambda g: g " + "- g + g * 1. " * 20 + "> 0`"
    lines = wrapped(text).split("\n")
    assert len(lines) > 2
    assert max(map(len, lines)) < 120
    assert " ".join(line.strip() for line in lines) == text
    assert all(line.startswith("  g") for line in lines[1:])  # not with -, + or a number and a point


HEADINGS = re.findall(r"^### `((\w+)\(.*\))`$", PAGE.read_text(), re.MULTILINE)


def given(name):
    """An example of arguments by the names that the function of the table has for them."""
    function, taken = table.ops[name], {}

    class Seen(Exception):  # noqa: N818 - nothing is wrong
        pass

    def called(*args, **options):
        taken.update(inspect.signature(function).bind(*args, **options).arguments)
        raise Seen

    @settings(max_examples=1, database=None, derandomize=True, phases=[Phase.generate])
    @hypothesis.given(samples(function))
    def draw(sample):
        taken.clear()
        with contextlib.suppress(Seen):  # what is done with the result is of no interest
            sample.call(called, sample.arrays, sample.options)

    draw()
    return taken


def test_every_function_has_a_signature():
    assert [name for _, name in HEADINGS] == list(dict.fromkeys(name for _, name in HEADINGS))
    assert {name for _, name in HEADINGS} == set(WHOLE)


@pytest.mark.parametrize(("text", "name"), HEADINGS, ids=[name for _, name in HEADINGS])
@pytest.mark.filterwarnings("ignore::RuntimeWarning")
def test_a_signature_is_that_of_the_public_function(text, name):
    """Its names in its order, by position where it says so, else by keyword; and its defaults."""
    function = operations_page.public(name)
    if function is None:
        entry = PAGE.read_text().split(f"`{text}`")[1].split("###")[0]
        assert "Formulas alone ask for it." in " ".join(entry.split())
        return
    printed = inspect.signature(eval(f"lambda {text.removeprefix(name)[1:-1]}: 0", {}))
    values = given(name)
    positions, options = [], {}
    for p in printed.parameters.values():
        if p.kind is p.VAR_KEYWORD:  # options of a function that is called
            continue
        if p.kind is p.VAR_POSITIONAL:
            positions += values.get(p.name, ())
        elif p.name in values and p.kind is not p.KEYWORD_ONLY and not options:
            positions.append(values[p.name])
        elif p.name in values:
            options[p.name] = values[p.name]
        else:
            assert p.default is not p.empty, f"{p.name} has no default, and calls do without it"
            if p.kind is not p.KEYWORD_ONLY:
                positions.append(p.default)
            else:
                options[p.name] = p.default
    if table.ops[name] is function:
        assert set(values) <= set(printed.parameters)  # every option is printed
    with contextlib.suppress(TargetError):  # weights of classes that do not sum to 1 are for the formulas alone
        function(*positions, **options)
