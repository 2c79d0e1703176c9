"""Python's operators on Tensors, arrays and numbers, in both orders, with gradients."""

import operator

import numpy as np
import pytest

import minigrad as mg

A, B = np.array([[1.5, -2.0], [0.5, 3.0]]), np.array([2.0, 0.5])
BINARY = [operator.add, operator.sub, operator.mul, operator.truediv, operator.matmul, operator.pow]
COMPARED = [operator.lt, operator.le, operator.gt, operator.ge, operator.eq, operator.ne]


@pytest.mark.parametrize("function", BINARY)
@pytest.mark.parametrize("kinds", [("tensor", "tensor"), ("tensor", "array"), ("array", "tensor")])
def test_arithmetic_is_numpy_s(function, kinds):
    left = np.abs(A)
    x, y = (
        mg.tensor(v, requires_grad=True) if kind == "tensor" else v for v, kind in zip((left, B), kinds, strict=True)
    )
    z = function(x, y)
    assert isinstance(z, mg.Tensor)
    np.testing.assert_allclose(z.data, function(left, B))
    z.sum().backward()
    h = 1e-6
    if kinds[0] == "tensor":
        slope = (function(left + h, B).sum() - function(left - h, B).sum()) / (2 * h)
        np.testing.assert_allclose(x.grad.sum(), slope, rtol=1e-6)
    if kinds[1] == "tensor":
        slope = (function(left, B + h).sum() - function(left, B - h).sum()) / (2 * h)
        np.testing.assert_allclose(y.grad.sum(), slope, rtol=1e-6)


@pytest.mark.parametrize("function", COMPARED)
def test_comparisons_are_plain_answers(function):
    got = function(mg.tensor(A), B)
    np.testing.assert_array_equal(np.asarray(got), function(A, B))
    np.testing.assert_array_equal(np.asarray(function(B, mg.tensor(A))), function(B, A))


@pytest.mark.parametrize("function", [operator.neg, operator.pos, abs])
def test_operators_of_one_operand(function):
    x = mg.tensor(A, requires_grad=True)
    z = function(x)
    np.testing.assert_array_equal(z.data, function(A))
    z.sum().backward()
    np.testing.assert_array_equal(
        x.grad, {operator.neg: -np.ones((2, 2)), operator.pos: np.ones((2, 2))}.get(function, np.sign(A))
    )


@pytest.mark.parametrize("number", [2, 0.5, np.float32(2), True])
def test_numbers_stand_on_either_side(number):
    x = mg.tensor(np.float32([1, 2]))
    for function in (operator.add, operator.sub, operator.mul, operator.truediv):
        for got, expected in (
            (function(x, number), function(x.data, number)),
            (function(number, x), function(number, x.data)),
        ):
            np.testing.assert_array_equal(got.data, expected)
            assert got.dtype == np.float32
