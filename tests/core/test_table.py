"""The table: where ops are found, and what may enter it."""

import numpy as np
import pytest

import minigrad as mg
from minigrad.core import table


def test_an_op_is_found_by_its_name_and_its_function():
    assert table.ops["multiply"] is mg.multiply
    assert table.numpy_functions[np.multiply] is mg.multiply
    assert table.standing_for(np.multiply) is mg.multiply


@pytest.mark.parametrize("function", [np.linalg.norm, np.add, np.fft.fft])
def test_a_path_leads_to_the_function(function):
    found = np
    for part in table.path_of(function).split(".")[1:]:
        found = getattr(found, part)
    assert found is function


def test_what_stands_for_nothing():
    assert table.standing_for(np.save) is None


def test_an_op_says_what_it_is():
    op = mg.multiply.op
    assert (op.name, op.arguments) == ("multiply", ("x", "y"))
    assert "multiply" in repr(op) or op.name in str(mg.multiply.__name__)
    assert "def" in op.source
    assert op.keeps(0, [0, 1])


def test_an_op_that_keeps_nothing():
    assert not mg.add.op.keeps(0, [0, 1])
