"""``cond`` and ``while_loop``: what Python's ``if`` and ``while`` give, with gradients, under every transform."""

import numpy as np
import pytest

import minigrad as mg
from minigrad import nn
from minigrad.core.trees import flat
from minigrad.errors import DivergenceError, DTypeError, GraphError, HyperparameterError, ShapeError


def root(x):
    return mg.cond(x > 0, mg.sqrt, lambda x: 0.0 * x, x)


def doubled(x):
    """2 x, until it is above 10: 2**n x."""
    return mg.while_loop(lambda x: x < 10.0, lambda x: 2.0 * x, x)


def test_a_branch_and_its_gradients():
    assert root(4.0) == 2
    assert mg.grad(root)(4.0) == 0.25
    assert mg.grad(mg.grad(root))(4.0) == -1 / 32
    assert mg.jvp(root, (4.0,), (2.0,)) == (2, 0.5)
    assert (root(-1.0), mg.grad(root)(-1.0)) == (0, 0)
    assert isinstance(root(mg.tensor(4.0)), mg.Tensor)


@pytest.mark.parametrize("flag", [True, False])
def test_gradients_reach_what_a_branch_closes_over(flag):
    w, v = mg.tensor(2.0, requires_grad=True), mg.tensor(3.0, requires_grad=True)
    mg.cond(flag, lambda x: {"z": w * w * x}, lambda x: {"z": v * x}, mg.tensor(5.0))["z"].backward()
    assert [w.grad, v.grad] == ([20, None] if flag else [None, 5])


def test_members_choose_by_themselves():
    xs = np.array([4.0, -1.0, 9.0])
    with np.errstate(invalid="ignore", divide="ignore"):
        np.testing.assert_array_equal(mg.vmap(root)(xs), [2, 0, 3])
        np.testing.assert_array_equal(mg.vmap(mg.grad(root))(xs), [0.25, 0, 1 / 6])
        np.testing.assert_allclose(mg.vmap(mg.grad(mg.grad(root)))(xs), [-1 / 32, 0, -1 / 108])


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: mg.cond(np.ones(2) > 0, mg.sin, mg.cos, 1.0), ShapeError, r"one bool, got shape \(2,\)"),
        (lambda: mg.cond(1.0, mg.sin, mg.cos, 1.0), DTypeError, "a bool"),
        (lambda: mg.cond(True, mg.sin, mg.cos, "x"), DTypeError, r"operand\[0\] is of type str"),
        (lambda: mg.while_loop(lambda x: x, lambda x: x, 1.0), DTypeError, "a bool"),
        (lambda: mg.while_loop(lambda x: x < 3, lambda x: mg.stack([x, x]), 1.0), ShapeError, "the state came in"),
        (lambda: mg.while_loop(lambda x: x < 3, lambda x: x, 1.0, max_steps=7), DivergenceError, "after max_steps=7"),
        (lambda: mg.while_loop(lambda x: x < 3, lambda x: x, 1.0, max_steps=0), HyperparameterError, "max_steps"),
        (
            lambda: mg.vmap(lambda x: mg.cond(x > 0, lambda x: x, lambda x: mg.stack([x, x]), x))(np.ones(2)),
            ShapeError, "false_fun",
        ),
        (lambda: mg.cond(True, lambda x: nn.Dropout(0.5)(x), mg.cos, mg.ones(3)), GraphError, "random numbers"),
    ],
)  # fmt: skip
def test_arguments_are_checked(call, error, message):
    with pytest.raises(error, match=message):
        call()


def test_a_loop_and_its_gradients():
    assert doubled(3.0) == 12
    assert mg.grad(doubled)(3.0) == 4
    assert mg.grad(lambda x: mg.while_loop(lambda x: x < 10.0, lambda x: x * x, x))(2.0) == 32  # x**4
    assert mg.grad(mg.grad(lambda x: mg.while_loop(lambda x: x < 10.0, lambda x: x * x, x)))(2.0) == 48
    assert mg.jvp(doubled, (3.0,), (1.0,)) == (12, 4)
    assert (doubled(20.0), mg.grad(doubled)(20.0)) == (20, 1)  # no step at all
    w = mg.tensor(2.0, requires_grad=True)
    mg.while_loop(lambda s: s[1] < 3, lambda s: (s[0] * w, s[1] + 1), (mg.tensor(1.0), 0))[0].backward()
    assert w.grad == 12  # of w**3


def test_members_go_on_by_themselves():
    xs = np.array([3.0, 20.0, 1.0])
    np.testing.assert_array_equal(mg.vmap(doubled)(xs), [12, 20, 16])
    np.testing.assert_array_equal(mg.vmap(mg.grad(doubled))(xs), [4, 1, 16])


def test_a_root_by_newton_with_implicit_steps():
    def newton(a):
        step = lambda s: (s[0] - (s[0] ** 2 - a) / (2.0 * s[0]), s[0])  # noqa: E731
        return mg.while_loop(lambda s: mg.abs(s[0] - s[1]) > 1e-12, step, (1.0 + 0.0 * a, 0.0 * a), max_steps=50)[0]

    for got, want in zip(flat([newton(2.0), mg.grad(newton)(2.0)]), [2**0.5, 0.5 / 2**0.5], strict=True):
        np.testing.assert_allclose(got, want, rtol=1e-9)
