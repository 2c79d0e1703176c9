"""Functions with derivatives that the user says."""

from typing import Any

import numpy as np
import pytest

import minigrad as mg
from minigrad.core.trees import leaves
from minigrad.errors import DTypeError, GraphError, ShapeError

X, Y = np.array([1.0, 2.0, 0.5]), 1.7


def _plain(x: Any, y: Any) -> Any:
    return {"a": np.sin(x) * y, "b": (x * x).sum()}


def _with_vjp() -> Any:
    f = mg.custom_vjp(_plain)

    def backward(saved: Any, g: Any) -> Any:
        x, y = saved
        return g["a"] * np.cos(x) * y + 2 * x * g["b"], (g["a"] * np.sin(x)).sum()

    f.defvjp(lambda x, y: (_plain(x, y), (x, y)), backward)
    return f


def _with_jvp() -> Any:
    f = mg.custom_jvp(_plain)

    def rule(args: Any, tangents: Any) -> Any:
        (x, y), (dx, dy) = args, tangents
        moved = {"a": np.cos(x) * dx * y + np.sin(x) * dy, "b": (2 * x * dx).sum()}
        return _plain(x, y), moved

    f.defjvp(rule)
    return f


def _loss(f: Any) -> Any:
    def loss(x: Any, y: Any) -> Any:
        found = f(x, y)
        return (found["a"] ** 2).sum() * found["b"]

    return loss


TRANSFORMS = {
    "value_and_grad": lambda f: mg.value_and_grad(_loss(f), (0, 1)),
    "hessian": lambda f: mg.hessian(_loss(f), (0, 1)),
    "third": lambda f: mg.jacobian(mg.hessian(_loss(f))),
    "jacobian": lambda f: mg.jacobian(f, (0, 1)),
    "jvp": lambda f: lambda x, y: mg.jvp(f, (x, y), (x, 0.3)),
    "checkpoint": lambda f: mg.grad(lambda x, y: mg.checkpoint(_loss(f), x, y)),
    "compiled": lambda f: mg.compile(mg.grad(_loss(f)), backend="numpy"),
}


@pytest.mark.parametrize("make", [_with_vjp, _with_jvp])
@pytest.mark.parametrize("name", TRANSFORMS)
def test_every_transform_is_as_without_a_rule(make: Any, name: str) -> None:
    ours, expected = TRANSFORMS[name](make()), TRANSFORMS[name](_plain)
    for factor in (1.0, 1.1, 1.2, 1.3):  # a compiled one is replayed
        pairs = zip(leaves(ours(X * factor, Y)), leaves(expected(X * factor, Y)), strict=True)
        for (path, found), (_, right) in pairs:
            np.testing.assert_allclose(found, right, rtol=1e-10, atol=1e-12, err_msg=path)


def test_the_rule_is_taken_and_not_the_function() -> None:
    f = mg.custom_vjp(lambda x: x * x)
    f.defvjp(lambda x: (x * x, ()), lambda _, g: (7 * g,))
    assert mg.grad(f)(3.0) == 7.0
    h = mg.custom_jvp(lambda x: x * x)
    h.defjvp(lambda args, tangents: (args[0] ** 2, 5 * tangents[0]))
    assert mg.grad(h)(3.0) == 5.0
    assert mg.jvp(h, (3.0,), (2.0,))[1] == 10.0


def test_arguments_without_a_gradient_pass_through() -> None:
    f = mg.custom_vjp(lambda x, power, label: x**power)
    f.defvjp(lambda x, power, label: (x**power, x), lambda x, g: (3 * x**2 * g, None, None))
    assert mg.grad(f)(2.0, 3, "cube") == 12.0
    assert f(2.0, 3, "cube") == 8.0


def test_arguments_by_name_and_defaults():
    @mg.custom_vjp
    def scaled(x: Any, factor: Any = 2.0, *, power: int = 1) -> Any:
        return factor * x**power

    scaled.defvjp(lambda x, factor: (factor * x, (x, factor)), lambda saved, g: (saved[1] * g, saved[0] * g))
    plain = mg.custom_vjp(lambda x, factor=2.0: factor * x)
    plain.defvjp(lambda x, factor: (factor * x, (x, factor)), lambda saved, g: (saved[1] * g, saved[0] * g))
    assert mg.grad(plain)(3.0) == 2.0
    assert mg.grad(lambda f: plain(3.0, factor=f))(5.0) == 3.0
    assert plain(x=3.0) == 6.0
    with pytest.raises(TypeError, match="by position, got power"):
        scaled(3.0)
    with pytest.raises(TypeError, match="unexpected keyword argument 'faktor'"):
        plain(3.0, faktor=1.0)


def test_a_method() -> None:
    class Scaled:
        factor = 2.0

        @mg.custom_vjp
        def __call__(self, x: Any) -> Any:
            return self.factor * x

    Scaled.__dict__["__call__"].defvjp(lambda self, x: (self.factor * x, self), lambda self, g: (None, self.factor * g))
    assert mg.grad(Scaled())(1.0) == 2.0


def test_gradients_of_tensors_in_a_loop_of_backward() -> None:
    w = mg.tensor(X, requires_grad=True)
    for _ in range(2):
        _loss(_with_vjp())(w, Y).backward()
    np.testing.assert_allclose(w.grad, 2 * mg.grad(_loss(_plain))(X, Y))


def test_stop_gradient_and_straight_through() -> None:
    assert mg.grad(lambda x: x * mg.stop_gradient({"x": x})["x"])(3.0) == 3.0
    np.testing.assert_array_equal(mg.grad(lambda x: (mg.straight_through(np.sign)(x) * X).sum())(-X), X)
    np.testing.assert_array_equal(mg.straight_through(np.round)(np.array([0.7])), [1.0])


def _bad(forward: Any, backward: Any) -> Any:
    f = mg.custom_vjp(lambda *args: args[-1])
    f.defvjp(forward, backward)
    return f


def test_refusals() -> None:
    weight = mg.tensor(X, requires_grad=True)
    with pytest.raises(GraphError, match="none of its arguments"):
        _bad(lambda x: (x * weight, ()), lambda _, g: (g,))(mg.tensor(X, requires_grad=True))
    with pytest.raises(GraphError, match="has no rule yet"):
        mg.custom_vjp(lambda x: x)(1.0)
    with pytest.raises(GraphError, match="has no rule yet"):
        mg.custom_jvp(lambda x: x)(1.0)
    with pytest.raises(GraphError, match=r"returns \(result, saved\)"):
        _bad(lambda x: x, lambda _, g: (g,))(mg.tensor(X))
    with pytest.raises(ShapeError, match="a gradient for each argument"):
        mg.grad(_bad(lambda x: (x, ()), lambda _, g: g))(1.0)
    with pytest.raises(ShapeError, match="in the argument's shape"):
        mg.grad(lambda x: _bad(lambda x: (x.sum(), ()), lambda _, g: (g,))(x))(X)
    with pytest.raises(DTypeError, match="no Tensor and no array"):
        _bad(lambda x: ("text", ()), lambda _, g: (g,))(mg.tensor(X))
    with pytest.raises(DTypeError, match="Module is no argument"):
        _bad(lambda m, x: (m(x), ()), lambda _, g: (None, g))(mg.nn.Linear(3, 1), mg.tensor(X))


def test_the_gradient_of_a_real_argument_is_the_real_part():
    turned = mg.custom_vjp(lambda x: x * 1j)
    turned.defvjp(lambda x: (x * 1j, ()), lambda _, g: (np.asarray(g) * 1j,))
    for record in (False, True):  # recorded, g is a Tensor
        f = turned if not record else lambda x: turned(x * 1.0)
        np.testing.assert_allclose(mg.grad(lambda x, f=f: np.imag(f(x)) * 3)(2.0), 3.0)
