"""Checks with autograd's names: what passes, and what a failure says."""

import numpy as np
import pytest

import minigrad.compat.autograd.numpy as anp
from minigrad.compat.autograd.extend import defvjp, primitive
from minigrad.compat.autograd.test_util import (
    check_equivalent,
    check_grads,
    check_jvp,
    check_vjp,
    combo_check,
    scalar_close,
)

X = np.array([0.5, -1.0])


def test_structures_and_complex_numbers_are_checked():
    check_grads(lambda p, y: {"a": anp.exp(p["q"]) * y, "b": [p["r"]]}, (0, 1))({"q": X, "r": 3.0}, X)
    check_grads(lambda z: anp.sin(z) * anp.conj(z), modes=["rev"], order=3)(X + 1j)
    check_grads(lambda x: 1.0)(X)
    combo_check(anp.sum, [0])([X, X[:, None]], axis=[None, 0], keepdims=[True, False])


def test_a_wrong_rule_is_found_at_the_first_order_and_at_the_second():
    first = primitive(lambda x: x**2)
    defvjp(first, lambda ans, x: lambda g: g * 1.001 * 2 * x)
    for check in [check_grads(first), lambda x: check_vjp(first, x), lambda x: check_jvp(first, x)]:
        with pytest.raises(AssertionError, match="wrong formula"):
            check(X)
    second = primitive(lambda x: x**2)
    defvjp(second, lambda ans, x: lambda g: g * 2 * (x if type(x) is np.ndarray else 1.001 * x))
    with pytest.raises(AssertionError):
        check_grads(second)(X)


def test_comparisons_of_structures():
    check_equivalent({"a": X}, {"a": X + 1e-9})
    with pytest.raises(AssertionError, match="differ"):
        check_equivalent([X], [X + 1e-3])
    with pytest.raises(AssertionError):
        check_equivalent([X], [X[:, None]])
    assert scalar_close(1e9, 1e9 + 1)
    assert not scalar_close(1.0, 1.1)
    with pytest.raises(ValueError, match="modes"):
        check_grads(anp.sin, modes=["both"])


@pytest.mark.parametrize("wrong", [False, True])
def test_a_rule_in_another_language_takes_arrays_alone_and_is_checked_at_the_first_order(wrong):
    """It was called with tensors of a recorded backward pass, whose numbers nobody had asked for."""

    def of_memory(x):
        assert type(x) in (np.ndarray, np.float64)  # as compiled code asks
        return x * (2.001 if wrong else 2)

    square = primitive(lambda x: x**2)
    defvjp(square, lambda ans, x: lambda g: g * of_memory(x))
    check = check_grads(lambda x: anp.sum(square(x) * x), modes=["rev"], order=1)
    if wrong:
        with pytest.raises(AssertionError, match="wrong formula"):
            check(X)
    else:
        assert len(check(X).errors) == 1
