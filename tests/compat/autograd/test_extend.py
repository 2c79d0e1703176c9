"""Functions with rules of their own: every form of rule, every order, and what is refused."""

import numpy as np
import pytest

import minigrad.compat.autograd.numpy as anp
from minigrad.compat.autograd import grad, hessian, jacobian, make_jvp
from minigrad.compat.autograd.extend import (
    NoRuleError,
    defjvp,
    defjvp_argnum,
    defjvp_argnums,
    defvjp,
    defvjp_argnum,
    defvjp_argnums,
    notrace_primitive,
    primitive,
)
from minigrad.compat.autograd.test_util import check_grads
from minigrad.errors import UnsupportedError

X, Y = np.array([0.5, -1.0, 2.0]), np.array([1.5, 1.0, -0.3])


def by_defvjp(f):
    defvjp(f, lambda ans, x, y, n=2: lambda g: g * n * x ** (n - 1) * y, lambda ans, x, y, n=2: lambda g: g * x**n)


def by_argnums(f):
    defvjp(f, lambda ans, x, y, n=2: lambda g: g * x**n, argnums=(1,))
    defvjp(f, lambda ans, x, y, n=2: lambda g: g * n * x ** (n - 1) * y, argnums=(0,))


def _partial(argnum, args, n=2):
    x, y = args
    return n * x ** (n - 1) * y if argnum == 0 else x**n


def by_defvjp_argnum(f):
    defvjp_argnum(f, lambda argnum, ans, args, kwargs: lambda g: g * _partial(argnum, args, **kwargs))


def by_defvjp_argnums(f):
    defvjp_argnums(f, lambda argnums, ans, args, kwargs: lambda g: (g * _partial(i, args, **kwargs) for i in argnums))


def by_defjvp(f):
    defjvp(f, lambda t, ans, x, y, n=2: t * n * x ** (n - 1) * y, lambda t, ans, x, y, n=2: t * x**n)


def by_defjvp_argnum(f):
    defjvp_argnum(f, lambda argnum, t, ans, args, kwargs: t * _partial(argnum, args, **kwargs))


def by_defjvp_argnums(f):
    defjvp_argnums(
        f,
        lambda argnums, ts, ans, args, kwargs: sum(
            t * _partial(i, args, **kwargs) for i, t in zip(argnums, ts, strict=True)
        ),
    )


RULES = [by_defvjp, by_argnums, by_defvjp_argnum, by_defvjp_argnums, by_defjvp, by_defjvp_argnum, by_defjvp_argnums]


@pytest.mark.parametrize("give", RULES, ids=lambda give: give.__name__)
@pytest.mark.parametrize("n", [2, 3])
def test_each_form_of_rule_differentiates_at_every_order(give, n):
    @primitive
    def f(x, y, n=2):
        assert type(x) is not anp.numpy_boxes.ArrayBox
        return x**n * y

    give(f)
    check_grads(lambda x, y: f(x, y, n=n), (0, 1), order=3)(X, Y)
    np.testing.assert_allclose(jacobian(lambda x: f(x, Y, n=n))(X), np.diag(n * X ** (n - 1) * Y))
    np.testing.assert_allclose(hessian(lambda y: anp.sum(f(X, y, n=n) ** 2))(Y), np.diag(2 * X ** (2 * n)))
    np.testing.assert_allclose(make_jvp(lambda x: f(x, Y, n=n))(X)(Y)[1], n * X ** (n - 1) * Y * Y)
    assert type(f(X, Y)) is np.ndarray


def test_a_scalar_stays_a_scalar():
    @primitive
    def f(x):
        assert isinstance(x, float)
        return float(x) ** 2

    defvjp(f, lambda ans, x: lambda g: 2 * g * x)
    assert grad(f)(3.0) == 6.0
    assert grad(grad(f))(3.0) == 2.0


def test_none_is_a_gradient_of_0():
    @primitive
    def f(x, y):
        return x * y

    defvjp(f, None, lambda ans, x, y: lambda g: g * x)
    assert grad(lambda x: f(x, 2.0) + x)(3.0) == 1.0
    assert grad(f, 1)(3.0, 2.0) == 3.0


def test_the_result_may_be_used():
    @primitive
    def softplus(x):
        return np.logaddexp(0, x)

    defvjp(softplus, lambda ans, x: lambda g: g * (1 - anp.exp(-ans)))
    check_grads(softplus, order=3)(X)


def test_tensors_inside_of_an_argument_have_gradients():
    @primitive
    def total(parts):
        return parts["a"] * 2 + sum(parts["b"])

    defvjp(total, lambda ans, parts: lambda g: {"b": [g for _ in parts["b"]], "a": 2 * g})
    found = grad(lambda p: total({"a": p["x"], "b": [p["y"], 1.0, p["y"]]}))({"x": 1.0, "y": 2.0})
    assert found == {"x": 2.0, "y": 2.0}


def test_arguments_that_change_afterwards_change_no_gradient():
    @primitive
    def scaled(x, a):
        return x * a

    defvjp(scaled, lambda ans, x, a: lambda g: g * a, None)
    a = Y.copy()

    def f(x):
        z = scaled(x, a)
        a[...] = 100.0
        return anp.sum(z)

    assert grad(f)(X).tolist() == Y.tolist()


def test_what_has_no_rule_is_refused_by_name():
    @primitive
    def no_rule(x, y):
        return x * y

    defvjp(no_rule, lambda ans, x, y: lambda g: g * y)
    with pytest.raises(NoRuleError, match=r"no_rule has no gradient with respect to argument 1"):
        grad(no_rule, 1)(1.0, 2.0)
    with pytest.raises(NotImplementedError):
        make_jvp(primitive(lambda x: x))(1.0)(1.0)
    with pytest.raises(UnsupportedError, match="by position"):
        grad(lambda x: no_rule(1.0, y=x))(2.0)


def test_rules_are_for_primitives():
    with pytest.raises(UnsupportedError, match=r"primitive\(function\)"):
        defvjp(anp.sin, lambda ans, x: lambda g: g)


def test_a_primitive_gives_one_array():
    two = primitive(lambda x: (x, x))
    defvjp(two, lambda ans, x: lambda g: g[0])
    with pytest.raises(UnsupportedError, match="one array"):
        grad(lambda x: two(x)[0])(1.0)


def test_notrace_primitive_sees_values():
    @notrace_primitive
    def largest(x):
        assert type(x) is np.ndarray
        return int(np.argmax(x))

    assert grad(lambda x: x[largest(x)] ** 2)(X).tolist() == [0.0, 0.0, 4.0]
