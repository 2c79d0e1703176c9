"""docs/operations.md says what the table says; the certificates in it are made anew by ``--check`` only."""

from pathlib import Path

import numpy as np
import pytest

import minigrad as mg
from minigrad import table
from minigrad.testing import reference

PAGE = Path(__file__).parent.parent / "docs" / "operations.md"
WHOLE = sorted(name for name in table.ops if name in table.builtin)


@pytest.mark.skipif(
    np.lib.NumpyVersion(np.__version__) < "2.2.0", reason="the page has functions that this NumPy does not have yet"
)
def test_the_page_is_in_sync_with_the_source():
    there = PAGE.read_text()
    known = reference.certificates_in(there)
    now = reference.page(lambda name: known.get(name, "not yet"))
    assert now == there, "write it anew: python -m minigrad.testing.reference docs/operations.md"


def test_every_function_has_its_certificate():
    known = reference.certificates_in(PAGE.read_text())
    assert sorted(known) == WHOLE
    assert all(" examples, " in line for line in known.values())


@pytest.mark.parametrize("name", ["tanh", "add", "concatenate", "logaddexp"])
def test_a_certificate_is_the_same_each_time(name):
    assert reference.certificates_in(PAGE.read_text())[name] == reference.certificate(name)


def test_formulas_stand_as_in_the_source():
    page = reference.page(lambda name: "")
    assert "### `tanh(x)`\n\n`np.tanh`: The hyperbolic tangent of x.\n\n- dx: `lambda g, z: g * (1 - z * z)`" in page
    assert "### `where(condition, x, y)`" in page
    assert "- condition: no gradient" in page
    assert "- domain: y > 0" in page  # of divide
    assert "### `softmax(x, axis=-1)`" in page


def test_the_command_writes_compares_and_names_what_fails(tmp_path, monkeypatch, capsys):
    file = tmp_path / "operations.md"
    few = {"tanh", "add"}
    monkeypatch.setattr(reference, "modules", lambda: [mg.ops.elementwise])
    real = reference.certificate
    monkeypatch.setattr(reference, "certificate", lambda name, examples: real(name, examples) if name in few else "")
    assert reference.main([str(file), "--examples", "3"]) == 0
    assert "- certified: 7 examples, orders 1 and 2 by complex step" in file.read_text()
    assert reference.main([str(file), "--check", "--examples", "3"]) == 0
    file.write_text(file.read_text().replace("hyperbolic", "parabolic"))
    assert reference.main([str(file), "--check", "--examples", "3"]) == 1
    assert "parabolic" in capsys.readouterr().out

    def check_that_fails(*_, **__):
        raise mg.errors.GradientError("wrong formula: planted")

    monkeypatch.setattr(reference, "certificate", check_that_fails)
    assert reference.main([str(file)]) == 1
    assert "tanh: GradientError: wrong formula: planted" in capsys.readouterr().err
    assert "- certified: NO, GradientError" in file.read_text()
