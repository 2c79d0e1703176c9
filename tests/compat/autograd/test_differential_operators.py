"""autograd's operators: arrays in, arrays out, with autograd's results for real and complex arguments."""

import numpy as np
import pytest

import minigrad.compat.autograd as ours
import minigrad.compat.autograd.numpy as anp
from minigrad.errors import DTypeError

X = np.array([0.3, -1.2, 2.0])
M = np.array([[1.0, 2.0], [0.5, -1.0]])
Z = np.array([1 + 2j, 0.5 - 1j])


def loss(x):
    return anp.sum(anp.tanh(x) ** 2) + anp.exp(x[0])


#: What is called on autograd and on this package, given the package and its NumPy.
PROGRAMS = {
    "grad": lambda ag, anp: ag.grad(lambda x: anp.sum(anp.sin(x) * x))(X),
    "grad of a number": lambda ag, anp: ag.grad(lambda x: anp.sin(x) / x)(0.5),
    "grad, one element": lambda ag, anp: ag.grad(lambda x: anp.sum(x**2, keepdims=True))(M),
    "grad, second argument": lambda ag, anp: ag.grad(lambda x, y: anp.dot(x, y) ** 2, 1)(X, 2 * X),
    "grad, a tuple": lambda ag, anp: ag.grad(lambda x, y, z: anp.sum(x * y) * z, (0, 2))(X, X, 3.0)[0],
    "grad of grad": lambda ag, anp: ag.grad(ag.grad(ag.grad(anp.tanh)))(0.3),
    "grad of a dict": lambda ag, anp: ag.grad(lambda p: anp.sum(p["w"] @ X[:2]) + p["b"][1])({"w": M, "b": X})["w"],
    "grad of a list": lambda ag, anp: ag.grad(lambda p: anp.sum(p[0] * p[1][0]))([X, (2.0, X)])[1][0],
    "grad, complex": lambda ag, anp: ag.grad(lambda z: anp.sum(anp.abs(z) ** 3 + anp.real(z * z)))(Z),
    "grad, complex between": lambda ag, anp: ag.grad(lambda x: anp.sum(anp.abs(anp.fft.fft(x)) ** 3))(X),
    "elementwise_grad": lambda ag, anp: ag.elementwise_grad(lambda x: anp.tanh(x) * x)(M),
    "elementwise_grad twice": lambda ag, anp: ag.elementwise_grad(ag.elementwise_grad(anp.sin))(X),
    "deriv": lambda ag, anp: ag.deriv(lambda x: x**3)(2.0),
    "jacobian": lambda ag, anp: ag.jacobian(lambda x: anp.outer(x, anp.sin(x)))(X),
    "jacobian of a scalar": lambda ag, anp: ag.jacobian(lambda x: anp.sum(x**3))(X),
    "jacobian, complex": lambda ag, anp: ag.jacobian(anp.abs)(Z),
    "hessian": lambda ag, anp: ag.hessian(lambda x: anp.prod(x) + anp.sum(x**3))(X),
    "hessian of a vector": lambda ag, anp: ag.hessian(lambda x: x**3)(X),
    "hessian of a matrix": lambda ag, anp: ag.hessian(lambda x: anp.linalg.det(x))(M),
    "make_hvp": lambda ag, anp: ag.make_hvp(lambda x: anp.prod(x))(X)[0](2 * X),
    "hessian_vector_product": lambda ag, anp: ag.hessian_vector_product(lambda x, y: anp.prod(x) * y)(X, 3.0, X),
    "hessian_tensor_product": lambda ag, anp: ag.hessian_tensor_product(lambda x: anp.sum(x) ** 3)(M, M),
    "vector_jacobian_product": lambda ag, anp: ag.vector_jacobian_product(lambda x: anp.sin(x) * x[0])(X, X),
    "tensor_jacobian_product": lambda ag, anp: ag.tensor_jacobian_product(lambda x: anp.outer(x, x))(X, X),
    "make_vjp": lambda ag, anp: ag.make_vjp(lambda x: anp.sin(x))(X)[0](2 * X),
    "make_vjp, a tuple": lambda ag, anp: ag.make_vjp(lambda x, y: x * y, (0, 1))(X, 2 * X)[0](X)[1],
    "make_vjp, its result": lambda ag, anp: ag.make_vjp(anp.sin)(X)[1],
    "make_jvp": lambda ag, anp: ag.make_jvp(lambda x: anp.sin(x) * x[1])(X)(2 * X)[1],
    "make_jvp, its result": lambda ag, anp: ag.make_jvp(anp.sin)(X)(X)[0],
    "make_ggnvp": lambda ag, anp: ag.make_ggnvp(lambda x: anp.sin(x))(X)(X),
    "make_ggnvp of a loss": lambda ag, anp: ag.make_ggnvp(anp.sin, lambda y: anp.sum(anp.exp(y)))(X)(X),
    "value_and_grad, its value": lambda ag, anp: ag.value_and_grad(lambda x: anp.sum(x**2))(X)[0],
    "value_and_grad": lambda ag, anp: ag.value_and_grad(lambda x: anp.sum(x**2))(X)[1],
    "grad_and_aux": lambda ag, anp: ag.grad_and_aux(lambda x: (anp.sum(x**2), 3 * x))(X)[0],
    "grad_and_aux, the rest": lambda ag, anp: ag.grad_and_aux(lambda x: (anp.sum(x**2), 3 * x))(X)[1],
    "grad_named": lambda ag, anp: ag.grad_named(lambda x, y: x * y**2, "y")(2.0, 3.0),
    "holomorphic_grad": lambda ag, anp: ag.holomorphic_grad(lambda z: anp.sum(anp.sin(z) * z))(Z),
    "checkpoint": lambda ag, anp: ag.grad(lambda x: anp.sum(ag.checkpoint(lambda y: anp.sin(y) * y)(x)))(X),
    "a vjp of a vjp": lambda ag, anp: ag.make_vjp(ag.make_vjp(anp.sin)(X)[0])(0 * X)[0](X),
}


@pytest.mark.parametrize("case", PROGRAMS)
def test_results_are_autograds(case):
    theirs = pytest.importorskip("autograd")
    their_numpy = pytest.importorskip("autograd.numpy")
    got, want = PROGRAMS[case](ours, anp), PROGRAMS[case](theirs, their_numpy)
    assert isinstance(got, (np.ndarray, np.generic)), type(got)
    assert got.shape == np.shape(want)
    assert got.dtype == np.result_type(want)
    np.testing.assert_allclose(got, want, rtol=1e-12, atol=1e-14)


@pytest.mark.parametrize("order", [0, 1, 2])
def test_derivatives_of_every_order_are_arrays(order):
    f = anp.tanh
    for _ in range(order):
        f = ours.elementwise_grad(f)
    assert type(f(X)) is np.ndarray
    assert type(f(0.5)) is np.float64


def test_multigrad_dict_names_each_argument():
    def f(a, b=2.0, *more, **named):
        return a * b + named["z"] * more[0]

    found = ours.multigrad_dict(f)(1.0, 3.0, 5.0, z=7.0)
    assert found == {"a": 3.0, "b": 1.0, "more": (7.0,), "named": {"z": 5.0}}
    assert ours.multigrad_dict(lambda a, b=2.0: a * b)(1.0) == {"a": 2.0, "b": 1.0}


def test_integer_arrays_count_as_numbers():
    assert ours.grad(lambda x: anp.sum(x**2))(np.array([1, 2])).tolist() == [2.0, 4.0]
    assert ours.grad(lambda x: x**2)(3) == 6.0


def test_what_depends_on_nothing_has_the_gradient_0():
    assert ours.grad(lambda x: 1.0)(X).tolist() == [0.0, 0.0, 0.0]


@pytest.mark.parametrize(
    ("operator", "f", "x"),
    [
        (ours.grad, lambda x: x, X),
        (ours.value_and_grad, lambda x: x, X),
        (ours.grad, lambda x: x * 1j, 2.0),
        (ours.grad, lambda x: (x, x), 2.0),
        (ours.elementwise_grad, lambda x: x * 1j, X),
        (ours.jacobian, lambda z: z, Z),
        (ours.grad, lambda x: np.sum(np.asarray(x) > 0) > 0, 2.0),
    ],
)
def test_what_is_no_real_scalar_is_a_type_error(operator, f, x):
    with pytest.raises((DTypeError, RuntimeError)):
        operator(f)(x)


def test_holomorphic_grad_warns_of_real_numbers():
    with pytest.warns(UserWarning, match="not complex"):
        ours.holomorphic_grad(lambda x: anp.sum(x**2))(X)


def test_operators_name_what_they_made():
    assert ours.grad(loss, 1).__name__ == "grad_of_loss_wrt_argnum_1"
    assert ours.grad.__name__ == "grad"


def test_gradients_are_new_arrays():
    x = X.copy()
    pull, value = ours.make_vjp(lambda x: x * 1.0)(x)
    value[...] = 0
    x[...] = 0
    assert pull(np.ones(3)).tolist() == [1.0, 1.0, 1.0]


def test_products_with_derivatives_are_those_of_the_matrices():
    """Against Jacobians and Hessians as matrices, the latter by differences of the gradient."""

    def h(x):
        return anp.sin(x) * x[0]

    v, step = np.array([0.5, -1.0, 2.0]), 1e-6 * np.eye(3, dtype=np.float64)
    gradient, jacobian = ours.grad(loss)(X), ours.jacobian(h)(X)
    hessian = np.stack([(ours.grad(loss)(X + d) - ours.grad(loss)(X - d)) / 2e-6 for d in step])
    push, same_gradient = ours.make_hvp(loss)(X)
    np.testing.assert_allclose(push(v), hessian @ v, rtol=1e-7)
    np.testing.assert_array_equal(same_gradient, gradient)
    np.testing.assert_allclose(ours.hessian_tensor_product(loss)(X, v), hessian @ v, rtol=1e-7)
    np.testing.assert_allclose(ours.tensor_jacobian_product(h)(X, v), v @ jacobian, rtol=1e-12)
    np.testing.assert_allclose(ours.make_jvp_reversemode(h)(X)(v), jacobian @ v, rtol=1e-12)
    np.testing.assert_allclose(ours.make_ggnvp(h)(X)(v), jacobian.T @ jacobian @ v, rtol=1e-12)
    np.testing.assert_allclose(ours.deriv(h)(X), jacobian @ np.ones(3), rtol=1e-12)
    found, more = ours.grad_and_aux(lambda x: (loss(x), h(x)))(X)
    np.testing.assert_allclose(found, gradient, rtol=1e-12)
    np.testing.assert_array_equal(more, h(X))
    np.testing.assert_allclose(ours.grad_named(lambda x, scale: loss(x) * scale, "scale")(X, 2.0), loss(X), rtol=1e-12)
    np.testing.assert_array_equal(ours.grad(ours.checkpoint(loss))(X), gradient)


def test_names_that_programs_take_from_here_as_from_autograds_file():
    @ours.differential_operators.unary_to_nary
    def value_and_rows(fun, x):
        pull, value = ours.differential_operators._make_vjp(fun, x)
        return value, pull(ours.differential_operators.vspace(value).ones())

    value, gradient = value_and_rows(lambda a, x: a * x**2, 1)(3, np.array([1, 2]))
    assert (value.tolist(), gradient.tolist()) == ([3.0, 12.0], [6.0, 12.0])
    assert ours.differential_operators._make_jvp(lambda x: x**2, 3)(1.0)[1] == 6.0
