"""Every op of the table has every property: values, gradients of two orders, dtypes, layouts, ownership."""

import pytest

import minigrad as mg
from minigrad.table import ops
from minigrad.testing import check_primitive

TABLE = sorted(name for name, f in ops.items() if hasattr(f, "op"))


@pytest.mark.parametrize("name", TABLE)
def test_properties(name):
    check_primitive(ops[name])


@pytest.mark.parametrize("name", TABLE)
def test_row_is_documented(name):
    assert ops[name].op.doc, f"{name} has no docstring"
    assert hasattr(mg, name) or name == "softmax_error"
