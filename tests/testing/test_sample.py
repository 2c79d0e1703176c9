"""Samples of an op, and who needs them."""

import subprocess
import sys

import numpy as np
import pytest
from hypothesis import strategies as st

import minigrad as mg
from minigrad.errors import DTypeError
from minigrad.testing import check_primitive, strategies
from tests.testing.test_checks import op


def test_an_op_of_other_shapes_says_how_to_draw_its_inputs():
    product = op(
        lambda a, b: np.matmul(a, b), lambda g, b: g @ b.T, lambda g, a: a.T @ g, name="product", analytic=True
    )
    with pytest.raises(ValueError, match="enough dimensions") as caught:
        check_primitive(product)
    assert any("inputs=strategies" in note for note in caught.value.__notes__)
    pairs = st.tuples(strategies.arrays((2, 3)), strategies.arrays((3, 4)))
    assert check_primitive(product, inputs=pairs.map(lambda xs: (list(xs), {}))).examples > 0
    with pytest.raises(DTypeError, match="its axis has no default: draw its inputs"):
        check_primitive(op(lambda x, axis: np.flip(x, axis), lambda g, axis: np.flip(g, axis)))


def test_functions_of_the_package_need_no_samples_of_its_own_tests():
    assert check_primitive(mg.sum, examples=5).methods == ("whole steps", "whole steps")
    with pytest.raises(
        DTypeError, match=r"its shape has no default: draw its inputs, as in check_primitive\(reshape, "
    ):
        check_primitive(mg.reshape)
    code = (
        "import minigrad as mg, sys; from minigrad.testing import check_primitive; check_primitive(mg.tanh, examples=2)"
    )
    check = f"{code}; print(sorted(m for m in sys.modules if m.split('.')[0] == 'tests'))"
    done = subprocess.run([sys.executable, "-c", check], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"
