"""check_primitive: what it finds, and what its certificate covers."""

import numpy as np
import pytest
from hypothesis import strategies as st

import minigrad as mg
from minigrad.errors import DTypeError, GradientError
from minigrad.testing import check_primitive
from tests.testing.test_checks import op


def test_certificates_say_how():
    assert check_primitive(mg.add).methods == ("whole steps", "whole steps")
    assert check_primitive(mg.abs).methods == ("differences", "differences")
    assert check_primitive(mg.sign).methods == ("constant", "constant")
    assert check_primitive(mg.tanh, examples=5, derandomize=True) == check_primitive(
        mg.tanh, examples=5, derandomize=True
    )


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        (op(lambda x: x * 1.0, lambda g: g * np.float64(1.0) * 2), "wrong formula"),
        (op(lambda x: x * np.float64(1), lambda g: g * 1.0), "promotes"),
        (
            op(lambda x: np.negative(x, out=x) if isinstance(x, np.ndarray) else -x, lambda g: -g),
            "wrote into|was written by|bits",
        ),
        (op(lambda x, y: x - y, lambda g: g, lambda g: g), "wrong formula"),
        (
            op(lambda x: x * (1.0 if np.asarray(x).flags.c_contiguous else 2.0), lambda g, z, x: g * z / x),
            "of a view gave other values",
        ),
        (op(lambda x: x * (2.0 + 0.1 * (x.dtype == "f4")), lambda g, z, x: g * z / x), "float32 is far from that"),
    ],
)
def test_check_primitive_finds(wrong, message):
    with pytest.raises((GradientError, TypeError), match=message):
        check_primitive(wrong)


def test_a_certificate_covers_one_and_two_orders_inside_the_domain_only():
    hinge = op(lambda x: np.abs(x), lambda g, x: g * np.sign(x))
    assert check_primitive(hinge, examples=10).methods[0] == "differences"  # values keep away from 0
    at_zero = st.just(([np.zeros(2)], {}))
    with pytest.raises(GradientError, match=r"^kink: under_test, argument 0"):
        check_primitive(hinge, inputs=at_zero)


def test_a_rule_that_ops_round_otherwise_than_numpy_has_it_in_its_certificate():
    fourth = op(lambda x: x**4, lambda g, x: 4 * g * x**3)  # NumPy's power, and products where it is recorded
    assert "raw = recorded to 1e-12" in check_primitive(fourth).properties
    assert "raw = recorded" in check_primitive(op(lambda x: x * x, lambda g, x: 2 * g * x)).properties


def test_check_primitive_wants_a_primitive():
    with pytest.raises(DTypeError, match=r"minigrad\.primitive"):
        check_primitive(np.exp)
