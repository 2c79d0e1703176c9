"""Transforms: closed forms, every nesting, structures, modules, the graph around them, and errors.

What torch.func gives is in tests/torch/test_transforms.py.
"""

import gc
import math
import threading
from collections import namedtuple
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.polynomial import Polynomial

import minigrad as mg
from minigrad import nn
from minigrad.core.graph import Leaf
from minigrad.core.trees import leaves
from minigrad.errors import DTypeError, GraphError, ShapeError
from minigrad.transforms import grad, hessian, hvp, jacobian, jvp, value_and_grad, vjp
from minigrad.transforms.checkpointing import checkpoint

Point = namedtuple("Point", "x y")


def leaf(*values, dtype=float):
    return mg.tensor(np.array(values, dtype), requires_grad=True)


def linear(seed=0, dtype=float):
    return nn.Linear(3, 2, generator=np.random.default_rng(seed), dtype=dtype)


def equal(found, expected, tolerance=1e-12):
    """One structure against another: the same types and keys, Tensors and arrays against arrays."""
    if isinstance(expected, dict):
        assert isinstance(found, dict)
        assert list(found) == list(expected)
        for key, item in expected.items():
            equal(found[key], item, tolerance)
    elif isinstance(expected, (list, tuple)):
        assert type(found) is type(expected)
        assert len(found) == len(expected)
        for one, item in zip(found, expected, strict=True):
            equal(one, item, tolerance)
    elif expected is None:
        assert found is None
    else:
        assert type(found) in (mg.Tensor, np.ndarray) or isinstance(found, np.floating)
        assert found.shape == np.shape(expected)
        np.testing.assert_allclose(numbers(found), expected, rtol=tolerance, atol=tolerance)


def numbers(found):
    return found.data if isinstance(found, mg.Tensor) else found


def is_in_graph(found):
    return isinstance(found, mg.Tensor) and found.requires_grad


# -- closed forms ---------------------------------------------------------------------------------

X = np.array([0.5, -1.0, 2.0])
A = np.random.default_rng(0).normal(size=(3, 3))


def test_grad_of_a_quadratic_form():
    equal(grad(lambda x: x @ A @ x)(X), (A + A.T) @ X)
    equal(hessian(lambda x: x @ A @ x)(X), A + A.T)
    equal(jacobian(lambda x: A @ x)(X), A)
    equal(hvp(lambda x: x @ A @ x, X, [1.0, 2.0, 3.0]), (A + A.T) @ [1, 2, 3])
    value, pull = vjp(lambda x: A @ x, X)
    equal(value, A @ X)
    equal(pull(X), (A.T @ X,))
    equal(jvp(lambda x: A @ x, (X,), ([1, 2, 3],)), (A @ X, A @ [1, 2, 3]))


def test_jacobian_by_the_complex_step():
    def f(x):
        return np.tanh(x[:2]) * np.exp(x[1:]) / (1 + x[0] * x[2])

    step = 1e-30
    columns = [f(X + 1j * step * e).imag / step for e in np.eye(3, dtype=float)]
    equal(jacobian(f)(X), np.stack(columns, -1))


def test_jacobian_by_central_differences():
    def f(x):
        return mg.softmax(x * x, -1)

    h, base = 6e-6, X.reshape(1, 3)
    columns = [(f(base + h * e) - f(base - h * e)) / (2 * h) for e in np.eye(3, dtype=float)]
    equal(jacobian(f)(base), np.stack(columns, -1).reshape(1, 3, 1, 3), 1e-8)


@pytest.mark.parametrize("out", [(), (2,), (2, 1, 2), (0,)])
@pytest.mark.parametrize("shape", [(), (3,), (1, 2), (0, 2)])
def test_shapes_of_jacobians(out, shape):
    found = jacobian(lambda x: x.sum() * np.ones(out))(np.ones(shape))
    equal(found, np.ones(out + shape))


@pytest.mark.parametrize("out", [(2,), (0,)])
def test_shapes_of_jacobians_in_a_graph(out):
    w = leaf(3.0)
    found = jacobian(lambda x: x.sum() * w * np.ones(out))(np.ones((1, 2)))
    equal(found, np.full((*out, 1, 2), 3.0))
    assert is_in_graph(found) == bool(out[0])


def test_what_the_result_does_not_depend_on_has_gradient_0():
    equal(grad(lambda x, y: y * 2.0, argnums=(0, 1))(np.ones(()), 1.0), (0.0, 2.0))
    equal(grad(lambda x: mg.tensor(1.0))(X), np.zeros(3))
    equal(grad(lambda x: x.detach().sum())(X), np.zeros(3))
    equal(hessian(lambda x: x.sum())(X), np.zeros((3, 3)))
    equal(jvp(lambda x: mg.tensor([1.0]), (X,), (X,)), (np.ones(1), np.zeros(1)))
    equal(vjp(lambda x: mg.tensor(1.0), X)[1](1.0), (np.zeros(3),))
    equal(jacobian(lambda x: mg.sign(x))(X), np.zeros((3, 3)))


def test_the_identity_and_repeated_results():
    equal(grad(lambda x: x)(2.0), 1.0)
    cotangent = np.ones(3)
    [g] = vjp(lambda x: x, X)[1](cotangent)
    equal(g, np.ones(3))
    assert not np.shares_memory(g, cotangent)
    equal(vjp(lambda x: [x, x], X)[1]([X, X]), (2 * X,))
    equal(jvp(lambda x: [x, x], (X,), (X,)), ([X, X], [X, X]))
    equal(jvp(lambda x, y: x + y, (1.0, 2.0), (3.0, 4.0))[1], 7.0)


def test_dtypes_are_those_of_the_arguments():
    mixed = {"a": np.ones(2, np.float32), "b": np.ones(2), "c": 1.0}
    found = grad(lambda p: (p["a"] * p["b"]).sum() * p["c"])(mixed)
    assert [found[key].dtype for key in "abc"] == [np.float32, np.float64, np.float64]
    assert grad(lambda a, c: (a * c).sum(), argnums=1)(mixed["a"], 2.0).dtype == np.float32
    assert grad(lambda c: c * c)(2.0).dtype == np.float64
    assert grad(lambda c, m: m(X).sum() * c)(2.0, linear(dtype=np.float32)).dtype == np.float32
    rows = jacobian(lambda x: x * np.ones(2))(np.ones(2, np.float32))
    assert rows.dtype == np.float32
    assert jvp(lambda x: x * 2, (np.float32(1),), (np.float64(3),))[1].dtype == np.float32


def test_complex_numbers_on_the_way():
    def power(x):
        return mg.abs(mg.exp(1j * x) * (1 + 2j) * x) ** 2

    equal(grad(lambda x: power(x).sum())(X), 10 * X)
    value, tangent = jvp(lambda x: mg.exp(1j * x), (X,), (np.ones(3),))
    equal(tangent, 1j * np.exp(1j * X))
    equal(value, np.exp(1j * X))
    equal(vjp(lambda x: mg.exp(1j * x), X)[1](np.full(3, 1j)), ((1j * 1j * np.exp(1j * X)).real,))


# -- nesting --------------------------------------------------------------------------------------


def test_perturbations_are_not_confused():
    equal(grad(lambda x: x * grad(lambda y: x + y)(1.0))(2.0), 1.0)
    equal(grad(lambda x: x * grad(lambda y: x * y * y)(3.0))(2.0), 24.0)
    equal(grad(lambda x: grad(lambda y: grad(lambda z: x * y * z)(y) * y)(x))(3.0), 12.0)
    equal(jvp(lambda x: x * jvp(lambda y: x * y, (1.0,), (1.0,))[1], (2.0,), (1.0,))[1], 4.0)
    equal(grad(lambda x: x * jvp(lambda y: x + y, (x,), (x,))[1])(3.0), 6.0)


def test_the_argument_of_an_inner_gradient_is_a_variable_of_its_own():
    """x is closed over and passed: the inner gradient is with respect to what was passed."""
    equal(grad(lambda x: grad(lambda y: x * y)(x))(3.0), 1.0)
    x = leaf(3.0)[0]
    g = grad(lambda y: x * y)(x)
    equal(g, 3.0)
    equal(mg.autograd.grad(g, [x])[0], 1.0)


def test_many_orders():
    f = mg.exp
    for _ in range(6):
        f = grad(f)
    equal(f(np.float64(0.3)), math.exp(0.3))


POLYNOMIALS = st.lists(st.integers(-3, 3), min_size=1, max_size=5).map(lambda c: Polynomial([0.0, *map(float, c)]))


def evaluate(p, x):
    """A polynomial on a Tensor, by Horner's rule."""
    z = x * 0.0
    for c in reversed(p.coef):
        z = z * x + c
    return z


def via_autograd(f, x):
    """The derivative by autograd.grad, of a variable that is a node of its own."""
    inner = x * 1.0 if isinstance(x, mg.Tensor) and x.requires_grad else mg.tensor(x, requires_grad=True)
    z = f(inner)
    [g] = mg.autograd.grad(z, [inner], create_graph=True, allow_unused=True) if is_in_graph(z) else [None]
    return inner * 0.0 if g is None else g


# Each takes f: R -> R to its derivative of this order by a way of its own.
WAYS = {
    "grad": (1, grad),
    "value_and_grad": (1, lambda f: lambda x: value_and_grad(f)(x)[1]),
    "vjp": (1, lambda f: lambda x: vjp(f, x)[1](1.0)[0]),
    "jvp": (1, lambda f: lambda x: jvp(f, (x,), (1.0,))[1]),
    "jacobian": (1, jacobian),
    "autograd": (1, lambda f: lambda x: via_autograd(f, x)),
    "structure": (1, lambda f: lambda x: grad(lambda p: f(p["a"][0]))({"a": [x]})["a"][0]),
    "shifted": (1, lambda f: lambda x: grad(lambda t: f(x + t))(np.float64(0))),
    "checkpoint": (1, lambda f: grad(lambda x: checkpoint(f, x))),
    "hessian": (2, hessian),
    "hvp": (2, lambda f: lambda x: hvp(f, x, 1.0)),
}
FIRST = [way for way, (order, _) in WAYS.items() if order == 1]


@given(POLYNOMIALS, st.lists(st.sampled_from(list(WAYS)), min_size=1, max_size=4))
def test_compositions_of_transforms_against_polynomials(p, ways):
    def f(x):
        return evaluate(p, x)

    order = 0
    for way in ways:
        order += WAYS[way][0]
        f = WAYS[way][1](f)
    equal(f(mg.tensor(np.float64(0.5))), p.deriv(order)(0.5), 1e-9)


@given(POLYNOMIALS, POLYNOMIALS, st.sampled_from(FIRST), st.sampled_from(FIRST))
def test_an_inner_derivative_that_uses_the_outer_variable(p, q, outer, inner):
    """d/dx of x p(x) q'(x), where q' is the derivative of y -> p(x) q(y) at x times x."""
    f = WAYS[outer][1](lambda x: x * WAYS[inner][1](lambda y: evaluate(p, x) * evaluate(q, y))(x))
    expected = (Polynomial([0.0, 1.0]) * p * q.deriv()).deriv()(0.5)
    equal(f(mg.tensor(np.float64(0.5))), expected, 1e-9)


@pytest.mark.parametrize("inner", FIRST)
@pytest.mark.parametrize("outer", FIRST)
def test_each_pair_of_transforms_in_which_the_inner_uses_the_outer_variable(outer, inner):
    """d/dx of x d/dy(x y) is 2 x: nothing of it is lost, also where a checkpoint runs the inner one again."""
    f = WAYS[outer][1](lambda x: x * WAYS[inner][1](lambda y: x * y)(x))
    equal(f(mg.tensor(np.float64(0.5))), 1.0, 1e-9)


@pytest.mark.parametrize("inner", FIRST)
@pytest.mark.parametrize("outer", FIRST)
def test_a_checkpoint_runs_an_inner_derivative_again_within_each_transform(outer, inner):
    f = WAYS[outer][1](lambda x: checkpoint(lambda u: u * WAYS[inner][1](lambda y: u * y)(u), x))
    equal(f(mg.tensor(np.float64(0.5))), 1.0, 1e-9)


@pytest.mark.parametrize("size", [1, 5])
def test_columns_of_a_jacobian_through_a_checkpoint_with_a_derivative_in_it(size):
    def f(u):
        scale = grad(lambda t: ((u + t) ** 2).sum())(np.float64(0))  # 2 sum(u)
        return np.arange(1.0, 6.0)[:size] * scale

    expected = 2 * np.arange(1.0, 6.0)[:size, None] * np.ones(2)
    equal(jacobian(lambda x: checkpoint(f, x))(np.array([0.5, 1.5])), expected, 1e-9)


def test_transforms_of_transforms():
    def f(x):
        return (mg.tanh(A @ x) ** 2).sum()

    second = hessian(f)(X)
    equal(jacobian(grad(f))(X), second)
    equal(jacobian(lambda x: vjp(f, x)[1](1.0)[0])(X), second)
    equal(jacobian(lambda x: jvp(f, (x,), (np.eye(3, dtype=float)[0],))[1])(X), second[0])
    equal(jvp(grad(f), (X,), (A[0],))[1], second @ A[0])
    equal(hvp(f, X, A[0]), second @ A[0])

    def g(x):
        return (hvp(f, x, A[0]) ** 2).sum()

    h, step = lambda x: (hessian(f)(x) @ A[0]) ** 2, 1e-5
    numeric = [(h(X + step * e).sum() - h(X - step * e).sum()) / (2 * step) for e in np.eye(3, dtype=float)]
    equal(grad(g)(X), np.stack(numeric), 1e-8)
    equal(hessian(lambda x: (grad(f)(x) ** 2).sum())(X).T, hessian(lambda x: (grad(f)(x) ** 2).sum())(X), 1e-10)
    equal(hvp(lambda x: (grad(f)(x) ** 2).sum() / 2, X, A[0]), jacobian(lambda x: hvp(f, x, grad(f)(x)))(X) @ A[0])


# -- structures -----------------------------------------------------------------------------------


def test_structures_of_results():
    def f(p):
        return {"s": p["a"] * p["b"].sum(), "t": (p["b"] ** 2, None)}

    p = {"a": np.float64(2), "b": X}
    value, pull = vjp(f, p)
    equal(value, {"s": 2 * X.sum(), "t": (X**2, None)})
    equal(pull({"s": 1.0, "t": [X, None]}), ({"a": X.sum(), "b": 2 + 2 * X * X},))
    equal(
        jacobian(f)(p),
        {
            "s": {"a": X.sum(), "b": np.full(3, 2.0)},
            "t": ({"a": np.zeros(3), "b": np.diag(2 * X)}, None),
        },
    )
    equal(jvp(f, (p,), ({"a": 1.0, "b": X},))[1], {"s": X.sum() + 2 * X.sum(), "t": (2 * X * X, None)})


def test_blocks_of_a_hessian():
    def f(p):
        return p["a"] ** 2 * (p["b"] ** 3).sum()

    found = hessian(f)({"a": np.float64(2), "b": X})
    a_b = 3 * 2 * 2 * X**2
    equal(found, {"a": {"a": 2 * (X**3).sum(), "b": a_b}, "b": {"a": a_b, "b": np.diag(4 * 6 * X)}})
    pair = hessian(lambda x, y: (x * y).sum(), argnums=(0, 1))(X, X)
    equal(pair, ((np.zeros((3, 3)), np.eye(3, dtype=float)), (np.eye(3, dtype=float), np.zeros((3, 3)))))


def test_transformed_functions_keep_their_name():
    def loss(x):
        """The loss."""
        return x

    assert grad(loss).__name__ == "loss"
    assert hessian(loss).__doc__ == "The loss."
    grad(linear())  # a Module has no name, and is not copied into a function


def test_aux():
    def f(x):
        return (x.sum(), {"twice": x * 2, "n": 3, "text": ["a", None]})

    (value, more), g = value_and_grad(f, has_aux=True)(X)
    equal(value, X.sum())
    equal(g, np.ones(3))
    equal(more["twice"], 2 * X)
    assert not is_in_graph(more["twice"])
    assert (more["n"], more["text"]) == (3, ["a", None])
    g, more = grad(f, has_aux=True)(X)
    equal(g, np.ones(3))
    assert more["n"] == 3


def test_aux_stays_in_the_graph_around_it():
    w = leaf(2.0)[0]

    def f(x):
        h = x * x
        return h.sum(), (h * w).sum()

    _, more = grad(f, has_aux=True)(X)
    equal(mg.autograd.grad(more, [w])[0], (X**2).sum())
    with mg.no_grad():
        assert not is_in_graph(grad(f, has_aux=True)(X)[1])


# -- arrays in, arrays out ------------------------------------------------------------------------


def polynomial(x):
    return (x**3).sum()


KINDS = {
    "array": X,
    "float32": X.astype("float32"),
    "0-d array": np.array(2.0),
    "scalar": np.float64(2.0),
    "number": 2.0,
    "int": 2,
}
TRANSFORMS = {
    "grad": lambda x: grad(polynomial)(x),
    "value": lambda x: value_and_grad(polynomial)(x)[0],
    "value_and_grad": lambda x: value_and_grad(polynomial)(x)[1],
    "aux": lambda x: grad(lambda x: (polynomial(x), {"h": x * x}), has_aux=True)(x)[1]["h"],
    "vjp": lambda x: vjp(lambda x: x**3, x)[1](np.ones(np.shape(x)))[0],
    "vjp value": lambda x: vjp(lambda x: x**3, x)[0],
    "jvp": lambda x: jvp(lambda x: x**3, (x,), (np.ones(np.shape(x)),))[1],
    "jvp value": lambda x: jvp(lambda x: x**3, (x,), (np.ones(np.shape(x)),))[0],
    "jacobian": lambda x: jacobian(lambda x: x**3)(x),
    "columns": lambda x: jacobian(lambda x: np.concatenate([np.reshape(x, -1)] * 3))(x),
    "hessian": lambda x: hessian(polynomial)(x),
    "hvp": lambda x: hvp(polynomial, x, np.ones(np.shape(x))),
    "nested": lambda x: grad(lambda x: (jacobian(lambda y: y**2)(x) ** 2).sum())(x),
}


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("name", TRANSFORMS)
def test_arrays_give_arrays_and_tensors_give_tensors(name, kind):
    x = KINDS[kind]
    plain = TRANSFORMS[name](x)
    assert type(plain) is np.ndarray or isinstance(plain, np.floating)
    assert plain.dtype == (np.float32 if kind == "float32" else np.float64)
    tensor = TRANSFORMS[name](mg.tensor(np.asarray(x, plain.dtype)))
    assert type(tensor) is mg.Tensor
    np.testing.assert_array_equal(plain, tensor.data)


def wave(x, y):
    return np.sum(np.sin(x * y) * np.cos(y) + np.exp(x))


def _along(transform):
    """A transform of a function of one argument, as one of a function of two."""
    return lambda f, n: lambda *xs: transform(lambda t: f(*xs[:n], t, *xs[n + 1 :]), xs[n])


#: Of a function of two arguments and the number of one: a function of both with a scalar result.
ORDERS = {
    "grad": lambda f, n: lambda *xs: np.sum(grad(f, n)(*xs)),
    "value_and_grad": lambda f, n: lambda *xs: np.sum(value_and_grad(f, n)(*xs)[1]),
    "jacobian": lambda f, n: lambda *xs: np.sum(jacobian(f, n)(*xs)),
    "jvp": _along(lambda f, x: jvp(f, (x,), (np.ones(np.shape(x)),))[1]),
    "vjp": _along(lambda f, x: np.sum(vjp(f, x)[1](1.0)[0])),
}


@pytest.mark.parametrize("point", [(0.3, 0.5), (np.array([0.1, 0.2]), np.array([0.3, 0.4]))], ids=["scalars", "arrays"])
@pytest.mark.parametrize("outer", ORDERS)
@pytest.mark.parametrize("inner", ORDERS)
def test_mixed_orders_of_arrays_are_arrays(inner, outer, point):
    """What the inner transform put in place of its argument is nothing that the outer one's caller could ask for."""
    for first, second in ((0, 1), (1, 0)):
        found = ORDERS[outer](ORDERS[inner](wave, first), second)(*point)
        assert isinstance(found, np.floating)
        x, y = point
        xy = x * y
        expected = (np.cos(xy) - xy * np.sin(xy)) * np.cos(y) - y * np.cos(xy) * np.sin(y)
        assert found == pytest.approx(np.sum(expected), rel=1e-12)
    third = ORDERS[outer](ORDERS[inner](ORDERS["grad"](wave, 0), 1), 0)(*point)
    assert isinstance(third, np.floating)


@pytest.mark.parametrize("name", ["hessian", "hvp"])
def test_a_second_order_in_one_argument_and_a_first_in_another(name):
    second = {
        "hessian": lambda x, y: np.sum(hessian(wave)(x, y)),
        "hvp": lambda x, y: np.sum(hvp(lambda t: wave(t, y), x, np.ones(2))),
    }[name]
    found = grad(second, 1)(np.array([0.1, 0.2]), np.array([0.3, 0.4]))
    assert type(found) is np.ndarray


def test_what_a_closure_holds_is_still_in_the_graph():
    w = mg.tensor([2.0, 3.0], dtype=float, requires_grad=True)
    found = grad(lambda y: np.sum(grad(lambda x: np.sum(w * x**2 * y))(X[:2])))(X[:2])
    assert type(found) is mg.Tensor
    found.sum().backward()
    np.testing.assert_allclose(w.grad, 2 * X[:2])


def test_each_argument_gets_what_it_is():
    found = grad(lambda p: (p["a"] * p["b"]).sum())({"a": X, "b": mg.tensor(X)})
    assert type(found["a"]) is np.ndarray
    assert type(found["b"]) is mg.Tensor
    assert all(type(g) is mg.Tensor for g in grad(lambda m: m(X).sum())(linear()).values())


def test_an_array_that_comes_out_is_the_callers():
    for out in (grad(lambda x: x.sum())(X), vjp(lambda x: x * 1, X)[1](X)[0], jacobian(lambda x: x)(X)):
        assert out.flags.writeable
        assert not np.shares_memory(out, X)
    value, pull = vjp(mg.exp, X)
    value[:] = 0  # pull keeps its own
    equal(pull(np.ones(3))[0], np.exp(X))


def test_constants_have_gradient_0():
    for constant in (3, 3.0, np.float32(3), np.array(3.0), mg.tensor(3.0)):
        value, g = value_and_grad(lambda x, constant=constant: constant)(X)
        equal(value, 3.0)
        equal(g, np.zeros(3))
    equal(grad(lambda x: x[0].item() * 2)(X), np.zeros(3))  # item() leaves on purpose
    equal(jacobian(lambda x: np.arange(2))(X), np.zeros((2, 3)))
    equal(hessian(lambda x: 1.0)(X), np.zeros((3, 3)))


def test_a_tall_jacobian_is_found_by_columns():
    calls = []
    wide = np.random.default_rng(0).normal(size=(40, 3))
    count = mg.primitive(lambda x: x, lambda g: (calls.append(1), g)[1], name="count")
    found = jacobian(lambda x: np.tanh(wide @ count(x)))(X)
    equal(found, (1 - np.tanh(wide @ X) ** 2)[:, None] * wide)
    assert len(calls) < 10
    w = leaf(2.0)[0]
    found = jacobian(lambda x: np.tanh(wide @ x) * w)(X)  # by rows: it is to be differentiated again
    equal(mg.autograd.grad(found.sum(), [w])[0], ((1 - np.tanh(wide @ X) ** 2)[:, None] * wide).sum())


# -- modules --------------------------------------------------------------------------------------


def test_the_gradient_of_a_module_is_a_dict_by_name():
    model = linear()
    model.bias.requires_grad_(False)
    model.weight.grad = np.ones((2, 3))
    value, found = value_and_grad(lambda m, x: m(x).sum())(model, X)
    equal(found, {"weight": np.stack([X, X])})
    equal(value, model(X).data.sum())
    equal(mg.tensor(model.weight.grad), np.ones((2, 3)))
    assert model.bias.grad is None
    assert not model.bias.requires_grad
    assert type(model.weight._node) is Leaf


def test_modules_in_structures_and_twice():
    one, two = linear(1), linear(2)
    found = grad(lambda ms: ms["a"](X).sum() + 2.0 * ms["b"][0](X).sum())({"a": one, "b": [two]})
    ones = np.stack([X, X])
    equal(found, {"a": {"weight": ones, "bias": np.ones(2)}, "b": [{"weight": 2 * ones, "bias": np.full(2, 2.0)}]})
    found = grad(lambda m, n: m(X).sum() + n(X).sum(), argnums=(0, 1))(one, one)
    equal(found[0], {"weight": 2 * ones, "bias": np.full(2, 2.0)})
    equal(found[1], {"weight": 2 * ones, "bias": np.full(2, 2.0)})


def test_a_parameter_beside_its_module():
    """The parameter that is passed is a variable of its own; the module's is the other."""
    model = linear()
    w = model.weight.data
    found = grad(lambda m, w: (m.weight * w * w).sum(), argnums=(0, 1))(model, model.weight)
    equal(found, ({"weight": w**2, "bias": np.zeros(2)}, 2 * w**2))


def test_a_value_made_from_a_module_before_is_constant():
    model = linear()
    w = model.weight.data
    scale = (model.weight**2).sum()
    found = grad(lambda m: m.weight.sum() * scale)(model)
    equal(found["weight"], np.full((2, 3), (w**2).sum()))
    found["weight"].sum().backward()
    np.testing.assert_allclose(model.weight.grad, 6 * 2 * w)

    def inner(m):
        return grad(lambda n: n.weight.sum() * (m.weight**2).sum())(m)  # the same module: one variable

    equal(inner(model)["weight"], (w**2).sum() + 2 * w * w.sum())


def test_second_derivatives_of_a_module():
    model = linear()

    def f(m):
        return (m(X) ** 2).sum()

    second = hessian(f)(model)
    equal(second["bias"]["bias"], 2 * np.eye(2, dtype=float))
    equal(second["bias"]["weight"], 2 * np.einsum("ij,k->ijk", np.eye(2, dtype=float), X))
    v = {"weight": np.ones((2, 3)), "bias": np.ones(2)}
    equal(hvp(f, model, v)["bias"], 2 * (np.full(2, X.sum()) + 1))
    equal(jvp(lambda m: m(X), (model,), (v,))[1], np.full(2, X.sum() + 1))


def test_a_network_that_solves_a_differential_equation():
    """Gradients with respect to the input inside a loss, and backward() into the parameters."""
    rng = np.random.default_rng(0)
    net = nn.Sequential(
        nn.Linear(1, 5, generator=rng, dtype=float), nn.Tanh(), nn.Linear(5, 1, generator=rng, dtype=float)
    )
    t = np.linspace(-1, 1, 4).reshape(4, 1)

    def u(t):
        return net(t).sum()

    def loss():
        return ((grad(lambda t: grad(u)(t).sum())(t) + net(t)) ** 2).mean()

    loss().backward()
    for p in net.parameters():
        numeric = np.zeros(p.shape)
        for index in np.ndindex(p.shape):
            values = []
            for h in (1e-5, -1e-5):
                p.data[index] += h
                values.append(loss().item())
                p.data[index] -= h
            numeric[index] = (values[0] - values[1]) / 2e-5
        np.testing.assert_allclose(p.grad, numeric, rtol=1e-6, atol=1e-8)


def test_a_module_is_anything_with_named_parameters():
    class Mine:
        w = leaf(1.0, 2.0)

        def named_parameters(self):
            yield "w", self.w

    equal(grad(lambda m: (m.w**2).sum())(Mine()), {"w": np.array([2.0, 4.0])})


# -- the graph around a transform ------------------------------------------------------------------


def test_no_grad_outside_and_inside():
    x = leaf(1.0, 2.0)
    with mg.no_grad():
        g = grad(lambda x: (x**3).sum())(x)
        equal(g, 3 * x.data**2)
        assert not g.requires_grad
        equal(hessian(lambda x: (x**3).sum())(x), np.diag(6 * x.data))
        assert not value_and_grad(lambda x: x.sum())(x)[0].requires_grad

    @mg.no_grad()
    def constant(x):
        return x.sum()

    equal(grad(lambda x: constant(x) * x.sum())(x), np.full(2, 3.0))


def test_arguments_stay_as_they_are():
    x, y = mg.tensor(X.copy()), leaf(*X)
    node = y._node
    for f in (lambda x: (x**2).sum(), lambda x: (x**2).sum() / None):
        for argument in (x, y):
            for transform in (grad, value_and_grad, jacobian, hessian):
                try:
                    transform(f)(argument)
                except (TypeError, DTypeError):
                    continue
    assert not x.requires_grad
    assert y._node is node
    assert y.grad is None
    np.testing.assert_array_equal(x.data, X)


def test_pull_many_times_and_data_that_changes_meanwhile():
    array = X.copy()
    _, pull = vjp(lambda x: x * x, array)
    array[:] = 100
    for _ in range(3):
        equal(pull(np.ones(3)), (2 * X,))
    x = leaf(*X)
    _, pull = vjp(lambda x: x * x, x)
    x.data = x.data + 1
    with pytest.raises(GraphError, match="data changed between forward and backward: a tensor that this function"):
        pull(np.ones(3))
    model = linear()
    _, pull = vjp(lambda m: m(X), model)
    model.weight.data = model.weight.data + 1
    with pytest.raises(GraphError, match="data changed"):
        pull(np.ones(2))


def test_a_closure_that_changes_before_pull():
    w = leaf(*X)
    _, pull = vjp(lambda x: x * w, X)
    w.data = w.data + 1
    with pytest.raises(GraphError, match="data changed between forward and backward: multiply saved"):
        pull(np.ones(3))


def test_nothing_is_left_for_the_garbage_collector():
    w = leaf(*X)
    gc.collect()
    gc.disable()
    try:
        for x in (X, w):
            grad(lambda x: (x**2).sum())(x)
            jacobian(lambda x: x * w)(x)
            hessian(lambda x: (x**3).sum())(x)
            jvp(lambda x: x * w, (x,), (X,))
            _, pull = vjp(lambda x: x * w, x)
            pull(X)
            del pull
        assert gc.collect() == 0
    finally:
        gc.enable()


def test_a_deep_graph_needs_no_recursion():
    def f(x):
        for _ in range(20_000):
            x = x * 1.0
        return x

    equal(grad(f)(2.0), 1.0)


@pytest.mark.parametrize("shared", [False, True])
def test_two_threads_at_once(shared):
    model, v = linear(), {"weight": np.ones((2, 3)), "bias": X[:2]}

    def run(number):
        mine = model if shared else linear()

        def f(m):
            return (m(X) ** 2).sum() * float(number + 1)

        barrier.wait()
        with mg.no_grad() if number else mg.enable_grad():
            results = [(grad(f)(mine), hvp(f, mine, v)) for _ in range(20)]
        assert grad(f)(mine)["bias"].requires_grad
        return results

    barrier = threading.Barrier(2)
    with ThreadPoolExecutor(2) as pool:
        single, double = pool.map(run, range(2))
    for one, two in zip(single, double, strict=True):
        for g, twice in zip(one, two, strict=True):
            for name in v:
                assert g[name].requires_grad
                assert not twice[name].requires_grad
                np.testing.assert_allclose(2 * g[name].data, twice[name].data)
    assert type(model.weight._node) is Leaf


# -- errors ---------------------------------------------------------------------------------------


class Thing:
    pass


# what -> (exception, the wrong call, what its message holds)
ERRORS = {
    "a vector": (ShapeError, lambda: grad(lambda x: x)(X), ["scalar", "(3,)", "reduce it first", ".sum()"]),
    "one element": (ShapeError, lambda: hessian(lambda x: x[:1])(X), ["(1,)", "reduce it first"]),
    "text": (DTypeError, lambda: grad(lambda x: "text")(X), ["returned str", "has_aux=True"]),
    "a bool": (DTypeError, lambda: grad(lambda x: True)(X), ["returned bool"]),
    "a pair": (DTypeError, lambda: grad(lambda x: (x.sum(), 1))(X), ["returned tuple", "has_aux=True"]),
    "no pair": (DTypeError, lambda: grad(lambda x: x.sum(), has_aux=True)(X), ["(result, more)", "got Tensor"]),
    "complex": (DTypeError, lambda: grad(lambda x: (x * 1j).sum())(X), ["complex128", "real, imag or abs"]),
    "complex jacobian": (DTypeError, lambda: jacobian(lambda x: x * 1j)(X * 1j), ["two numbers", "x + 1j * y"]),
    "integers": (
        DTypeError,
        lambda: grad(lambda x: x.sum())(mg.tensor(np.arange(3))),
        ["argument 0", "int", "astype('float32')"],
    ),
    "bools": (DTypeError, lambda: grad(lambda x: x.sum())(np.ones(3, bool)), ["argument 0", "bool"]),
    "deep": (
        DTypeError,
        lambda: grad(lambda x, p: x, argnums=1)(1.0, {"w": [1.0, np.bool_(True)]}),
        ["argument 1['w'][1]", "bool", "argnums", "lambda"],
    ),
    "named": (DTypeError, lambda: grad(lambda p: p.x)(Point(1.0, True)), ["argument 0.y", "bool"]),
    "a string": (DTypeError, lambda: grad(lambda x: x)("text"), ["argument 0", "type str", "Module"]),
    "an object": (DTypeError, lambda: vjp(lambda x: x, Thing()), ["argument 0", "type Thing"]),
    "complex argument": (DTypeError, lambda: grad(lambda x: x.sum())(X * 1j), ["complex128", "real, imag or abs"]),
    "argnums": (TypeError, lambda: grad(lambda x: x, argnums=1.5), ["argnums", "1.5"]),
    "a name": (TypeError, lambda: grad(lambda x: x, argnums="y")(X), ["argnums='y'", "not given"]),
    "no argnums": (TypeError, lambda: jacobian(lambda x: x, argnums=()), ["()"]),
    "true": (TypeError, lambda: grad(lambda x: x, argnums=True), ["True"]),
    "too far": (TypeError, lambda: grad(lambda x: x, argnums=2)(X), ["argnums=2", "not given", "with 1"]),
    "nothing": (TypeError, lambda: grad(lambda x=1.0: x)(), ["argnums=0", "not given", "with 0"]),
    "twice": (TypeError, lambda: grad(lambda x, y: x, argnums=(0, -2))(X, X), ["twice"]),
    "cotangent's shape": (ShapeError, lambda: vjp(lambda x: x, X)[1](1.0), ["the cotangent", "(3,)", "()"]),
    "cotangent's dtype": (DTypeError, lambda: vjp(lambda x: x, X)[1](X * 1j), ["complex128", "float64"]),
    "cotangent's keys": (
        ShapeError,
        lambda: vjp(lambda x: {"a": x}, X)[1]({"b": X}),
        ["the cotangent", "keys 'a'", "dict with the keys 'b'"],
    ),
    "cotangents": (
        ShapeError,
        lambda: vjp(lambda x: {"a": [x, x]}, X)[1]({"a": [X]}),
        ["the cotangent['a']", "a list of 2", "got list of 1"],
    ),
    "none": (ShapeError, lambda: vjp(lambda x: (x, None), X)[1]((X, X)), ["the cotangent[1]", "None", "ndarray"]),
    "tangents": (ShapeError, lambda: jvp(lambda x: x, (X,), X), ["the tangents", "a tuple of 1", "ndarray"]),
    "tangent's shape": (ShapeError, lambda: jvp(lambda x: x, (X,), (X[:2],)), ["the tangents[0]", "(3,)", "(2,)"]),
    "tangent of nothing": (ShapeError, lambda: hvp(lambda x: x.sum(), X, 1.0), ["(3,)", "()"]),
    "no tuple": (DTypeError, lambda: jvp(lambda x: x, X, X), ["tuple of all arguments", "ndarray", "(x,)"]),
    "bools out": (DTypeError, lambda: vjp(lambda x: {"a": [x > 0]}, X), ["vjp", "result['a'][0]", "ndarray"]),
    "integers out": (DTypeError, lambda: jacobian(lambda x: mg.tensor(np.arange(3)))(X), ["jacobian", "int64"]),
}  # fmt: skip


@pytest.mark.parametrize("what", ERRORS)
def test_errors(what):
    kind, call, messages = ERRORS[what]
    with pytest.raises(kind) as caught:
        call()
    for message in messages:
        assert message in str(caught.value)


def test_backward_inside_a_transform():
    def f(x):
        z = (x**2).sum()
        z.backward()
        return z

    with pytest.raises(
        GraphError, match=r"freed while it ran, at sum: inside a transform write backward\(retain_graph"
    ):
        grad(f)(X)


# -- complex arguments, and pulls that are differentiated -----------------------------------------


def test_vjp_and_jvp_take_complex_arguments():
    """Of a complex argument z the gradient is the g with dL = Re(g dz)."""
    z = np.array([1 + 2j, 0.5 - 1j])
    value, pull = mg.vjp(lambda z: (np.abs(z) ** 2).sum(), z)
    assert value == (np.abs(z) ** 2).sum()
    np.testing.assert_allclose(pull(1.0)[0], 2 * np.conj(z))
    assert type(pull(1.0)[0]) is np.ndarray
    value, tangent = mg.jvp(lambda z: np.sin(z) * z, (z,), (1j * np.ones(2),))
    np.testing.assert_allclose(tangent, 1j * (np.cos(z) * z + np.sin(z)))
    np.testing.assert_allclose(mg.grad(lambda z: (np.abs(z) ** 2).sum())(z), 2 * z)  # which descends


def test_a_pull_of_arrays_that_is_differentiated_gives_arrays():
    """What the function was called with is in no graph: a pull depends on its cotangent alone."""
    x = np.array([0.3, 0.7])
    _, pull = mg.vjp(lambda x: np.sin(x) * x[0], x)
    jacobian = mg.jacobian(lambda x: np.sin(x) * x[0])(x)
    _, again = mg.vjp(lambda g: pull(g)[0], np.zeros(2))
    assert type(again(x)[0]) is np.ndarray
    np.testing.assert_allclose(again(x)[0], jacobian @ x)
    assert type(mg.grad(lambda g: (pull(g)[0] ** 2).sum())(x)) is np.ndarray
    _, tangent = mg.jvp(lambda g: pull(g)[0], (x,), (x,))
    assert type(tangent) is np.ndarray
    np.testing.assert_allclose(tangent, x @ jacobian)


def test_a_pull_with_a_graph_around_it_is_differentiated_through_both():
    x = mg.tensor(np.array([0.3, 0.7]), requires_grad=True)
    v = mg.tensor(np.array([1.0, -2.0]), requires_grad=True)
    _, pull = mg.vjp(lambda y: np.sin(x * y), x * 2)
    (pull(v)[0] ** 2).sum().backward()
    a, b = x.data, v.data
    np.testing.assert_allclose(v.grad, 2 * b * (a * np.cos(2 * a * a)) ** 2)
    slope = np.cos(2 * a * a) - 4 * a * a * np.sin(2 * a * a)
    np.testing.assert_allclose(x.grad, 2 * b * b * a * np.cos(2 * a * a) * slope)


LACKING = {
    "grad": mg.grad,
    "value_and_grad": mg.value_and_grad,
    "hessian": mg.hessian,
    "jacobian": mg.jacobian,
    "jacrev": mg.jacrev,
    "jacfwd": mg.jacfwd,
    "holomorphic_grad": mg.holomorphic_grad,
    "vmap": mg.vmap,
    "vjp": lambda f: mg.vjp(f, 1.0),
    "jvp": lambda f: mg.jvp(f, (1.0,), (1.0,)),
    "linearize": lambda f: mg.linearize(f, 1.0),
    "hvp": lambda f: mg.hvp(f, 1.0, 1.0),
    "checkpoint": lambda f: checkpoint(f, 1.0),
    "mg.cond": lambda f: mg.cond(True, mg.exp, f, 1.0),
    "mg.while_loop": lambda f: mg.while_loop(lambda x: x < 1, f, 1.0),
    "mg.scan": lambda f: mg.scan(f, 0.0, length=2),
    "odeint": lambda f: mg.odeint(f, 1.0, [0.0, 1.0]),
    "custom_vjp": mg.custom_vjp,
    "custom_jvp": mg.custom_jvp,
    "implicit.root": lambda f: mg.implicit.root(lambda a: a, f),
    "implicit.fixed_point": lambda f: mg.implicit.fixed_point(f, lambda x, a: a),
    "jacobian_sparsity": mg.sparse.jacobian_sparsity,
    "sparse.jacobian": mg.sparse.jacobian,
    "primitive": lambda f: mg.primitive(np.exp, f, name="lacking"),
}


@pytest.mark.parametrize("name", LACKING)
def test_a_result_in_place_of_a_function_is_refused(name):
    for result in (mg.tensor(1.0), 3):
        with pytest.raises(DTypeError, match=rf"^{name} takes a function, got .*: pass f itself rather than f\(x\)"):
            LACKING[name](result)


@pytest.mark.parametrize("dtype", ["int8", "uint8", "int32", "int64"])
def test_arrays_of_integers_are_those_of_float64(dtype):
    """``scipy.optimize.root(f, [1, 2], jac=mg.jacobian(f))`` gives the start on as it is written, and was refused."""
    ints = np.array([1, 2, 3], dtype)
    x = ints.astype(np.float64)

    def f(x):
        return ((2 - x) ** 3 / 3).sum()

    def square(x):
        return x * x - 300

    calls = {
        "grad": lambda x: grad(f)(x),
        "value": lambda x: mg.value_and_grad(f)(x),
        "jacobian": lambda x: jacobian(square)(x),
        "jacfwd": lambda x: mg.jacfwd(square)(x),
        "hessian": lambda x: hessian(f)(x),
        "jvp": lambda x: mg.jvp(f, (x,), (np.ones(3),)),
        "vjp": lambda x: mg.vjp(f, x)[1](1.0),
        "hvp": lambda x: mg.hvp(f, x, np.ones(3)),
        "sparse": lambda x: mg.sparse.jacobian(square)(x).toarray(),
        "vmap": lambda x: mg.vmap(grad(lambda x: (2 - x) ** 3))(x),
        "compile": lambda x: mg.compile(grad(f))(x),
        "in a structure": lambda x: grad(lambda p: f(p["a"][0]) * p["b"])({"a": [x], "b": np.asarray(x)[1]}),
    }
    for name, call in calls.items():
        got, want = leaves(call(ints)), leaves(call(x))
        for (_, one), (_, other) in zip(got, want, strict=True):
            assert np.asarray(one).dtype == np.float64, name
            np.testing.assert_array_equal(one, other, name)
    assert ints.tolist() == [1, 2, 3]


@pytest.mark.parametrize("solve", ["root", "fsolve", "leastsq", "curve_fit"])
def test_solvers_that_start_at_integers(solve):
    optimize = pytest.importorskip("scipy.optimize")

    def f(x):
        return mg.stack([x[0] ** 2 + x[1] - 2, x[0] - x[1]])

    def line(t, a, b):
        return a * np.exp(-b * t)

    t = np.linspace(0, 2, 9)
    columns = jacobian(line, argnums=(1, 2))
    found = {
        "root": lambda: optimize.root(f, [3, 2], jac=jacobian(f)).x,
        "fsolve": lambda: optimize.fsolve(f, [3, 2], fprime=jacobian(f)),
        "leastsq": lambda: optimize.leastsq(f, [3, 2], Dfun=jacobian(f))[0],
        "curve_fit": lambda: optimize.curve_fit(
            line, t, line(t, 1.0, 1.0), (2, 2), jac=lambda t, *p: np.stack(columns(t, *p), -1)
        )[0],
    }[solve]()
    np.testing.assert_allclose(found, [1, 1], rtol=1e-6)
