"""Functions with rules of their own: every form of rule, every order, and what is refused."""

import numpy as np
import pytest

import minigrad as mg
import minigrad.compat.autograd.numpy as anp
from minigrad.compat.autograd import faces, grad, hessian, jacobian, make_jvp
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


def by_both_modes(f):
    by_defvjp(f)
    by_defjvp(f)


def by_both_modes_for_all_arguments(f):
    by_defvjp_argnums(f)
    by_defjvp_argnums(f)


@pytest.mark.parametrize("give", [by_both_modes, by_both_modes_for_all_arguments], ids=lambda give: give.__name__)
def test_rules_of_both_modes_agree_at_every_order(give):
    @primitive
    def f(x, y, n=2):
        return x**n * y

    give(f)
    check_grads(lambda x, y: f(x, y, n=3), (0, 1), order=3)(X, Y)
    expected = 4 * X**3 * Y
    np.testing.assert_allclose(make_jvp(lambda x: f(x, x * Y, n=3))(X)(X)[1], expected * X)
    np.testing.assert_allclose(jacobian(lambda x: f(x, Y, n=3))(X), np.diag(3 * X**2 * Y))
    np.testing.assert_allclose(mg.jacfwd(lambda x: f(x, Y, n=3))(X), np.diag(3 * X**2 * Y))
    by_member = mg.vmap(lambda x, y: mg.jvp(lambda x, y: f(x, y, n=3), (x, y), (x, y))[1])
    np.testing.assert_allclose(by_member(X, Y), expected)
    moved = mg.jvp(lambda x: mg.jvp(lambda x: f(x, Y, n=3), (x,), (X,))[1], (X,), (X,))[1]
    np.testing.assert_allclose(moved, 6 * X**3 * Y)


def test_each_rule_counts_for_its_mode():
    @primitive
    def f(x):
        return 1.0 * x

    defvjp(f, lambda z, x: lambda g: 2 * g)
    defjvp(f, lambda t, z, x: 3 * t)
    assert grad(f)(1.0) == 2.0
    assert make_jvp(f)(1.0)(1.0)[1] == 3.0
    assert grad(lambda x: f(x) ** 2)(1.0) == 4.0
    assert make_jvp(lambda x: f(x) ** 2)(1.0)(1.0)[1] == 6.0
    assert grad(lambda x: make_jvp(f)(x)(x**2)[1])(1.0) == 6.0


def test_rules_of_forward_mode_may_see_plain_arrays_alone():
    @primitive
    def times(x, factors):
        return np.array([a * b for a, b in zip(x.tolist(), factors.tolist(), strict=True)])

    defvjp(
        times, lambda z, x, f: lambda g: np.array(g.tolist()) * f, lambda z, x, f: lambda g: np.array(g.tolist()) * x
    )
    defjvp(times, "same", lambda t, z, x, f: np.array(t.tolist()) * x)
    np.testing.assert_allclose(make_jvp(lambda x: times(x, x))(X)(Y)[1], 2 * X * Y)


def test_none_and_structures_in_both_modes():
    @primitive
    def f(pair, y):
        return {"product": pair[0] * pair[1], "y": y}

    defvjp(f, lambda z, p, y: lambda g: (g["product"] * p[1], g["product"] * p[0]), lambda z, p, y: lambda g: g["y"])
    defjvp(f, lambda t, z, p, y: {"product": t[0] * p[1] + p[0] * t[1], "y": 0 * z["y"]}, None)
    moved = make_jvp(lambda x: f((x, x**2), x)["product"])(X)(Y)[1]
    np.testing.assert_allclose(moved, 3 * X**2 * Y)
    assert make_jvp(lambda x: anp.sum(f((x, x), x)["y"]))(X)(Y)[1] == 0.0
    np.testing.assert_allclose(hessian(lambda x: anp.sum(f((x, x**2), 1.0)["product"]))(X), np.diag(6 * X))


def test_a_rule_for_what_is_no_primitive_is_said_to_be_unused():
    def f(x):
        return x**2

    with pytest.warns(UserWarning, match=r"^f is no primitive, so it is differentiated as it is written"):
        defvjp(f, lambda z, x: lambda g: 100 * g)
    assert grad(f)(3.0) == 6.0


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


RESULTS = {
    "tuple": (lambda u, v, n: (u, v, n), lambda z: (z[0], z[1])),
    "list": (lambda u, v, n: [n, [v, u]], lambda z: (z[1][1], z[1][0])),
    "dict": (lambda u, v, n: {"u": u, "n": n, "v": v}, lambda z: (z["u"], z["v"])),
}


@pytest.mark.parametrize("kind", RESULTS)
@pytest.mark.parametrize("form", ["defvjp", "defvjp_argnums", "defjvp"])
def test_results_may_be_structures_and_of_what_is_no_number_there_is_no_gradient(kind, form):
    pack, unpack = RESULTS[kind]

    @primitive
    def f(x, y):
        assert not isinstance(x, anp.numpy_boxes.ArrayBox)
        return pack(np.array([u * y[0] for u in x]), float(x[0] + y[1]), 3)  # scalars of plain arrays: no ufunc

    def pull_x(z, _x, y):
        assert pack(0, 0, 3) == pack(0, 0, z["n"] if kind == "dict" else z[2] if kind == "tuple" else z[0])
        return lambda g: unpack(g)[0] * y[0] + unpack(g)[1] * np.array([1.0, 0.0, 0.0])

    def pull_y(_z, x, y):
        def pull(g):
            return anp.stack([(unpack(g)[0] * x).sum(), unpack(g)[1], 0 * y[2]])

        return pull

    if form == "defvjp":
        defvjp(f, pull_x, pull_y)
    elif form == "defvjp_argnums":
        defvjp_argnums(f, lambda argnums, z, args, _: lambda g: [(pull_x, pull_y)[n](z, *args)(g) for n in argnums])
    else:
        defjvp(
            f,
            lambda t, z, x, y: pack(t * y[0], t[0], 0.0),
            lambda t, z, x, y: pack(x * t[0], t[1], 0.0),
        )

    def loss(x, y):
        u, v = unpack(f(x, y))
        return anp.sum(u**2) * v

    check_grads(loss, (0, 1), order=2)(X, Y)
    np.testing.assert_allclose(
        jacobian(lambda x: unpack(f(x, Y))[0])(X), np.eye(3) * Y[0]
    )  # a loop over elements: one member after the other
    assert type(f(X, Y)) is type(pack(0, 0, 0))


def test_a_rule_for_all_arguments_is_asked_once():
    asked = []

    @primitive
    def f(x, y):
        return x * y

    def rule(argnums, _z, args, _options):
        asked.append(argnums)
        return lambda g: tuple([g * args[1 - n] for n in argnums])

    defvjp_argnums(f, rule)
    assert grad(f, (0, 1))(2.0, 3.0) == (3.0, 2.0)
    assert asked == [(0, 1)]


@pytest.mark.parametrize("give", [by_defvjp_argnum, by_defvjp_argnums], ids=lambda give: give.__name__)
def test_a_rule_for_all_arguments_takes_the_place_of_those_before(give):
    @primitive
    def f(x, y):
        return x**2 * y

    defvjp(f, lambda ans, x, y: lambda g: 7 * g, None)
    give(f)
    assert grad(f, (0, 1))(2.0, 3.0) == (12.0, 4.0)


@pytest.mark.parametrize("kind", RESULTS)
def test_a_program_takes_primitives(kind):
    pack, unpack = RESULTS[kind]

    @primitive
    def f(x, y):
        return pack(x * y, x.sum(), 3)

    defvjp(f, lambda z, x, y: lambda g: unpack(g)[0] * y + unpack(g)[1], lambda z, x, y: lambda g: unpack(g)[0] * x)

    def loss(x, y):
        u, v = unpack(f(x, y))
        return anp.sum(u**2) * v

    compiled = mg.compile(mg.grad(loss, argnums=(0, 1)))
    for number in range(4):
        np.testing.assert_array_equal(compiled(X + number, Y), mg.grad(loss, argnums=(0, 1))(X + number, Y))
    assert compiled.stats()["replayed"] == 2


@pytest.mark.parametrize("rules", [defvjp, defvjp_argnum], ids=lambda rules: rules.__name__)
def test_a_function_of_a_namespace_takes_a_rule_of_the_users_too(rules):
    sine = faces.face(np.sin)
    given = (lambda n, z, args, _: lambda g: 10 * g) if rules is defvjp_argnum else lambda z, x: lambda g: 10 * g
    assert grad(sine)(0.0) == 1.0
    rules(sine, given)
    assert grad(sine)(0.0) == 10.0
    assert sine(0.0) == 0.0
    assert grad(anp.sin)(0.0) == 1.0


@pytest.mark.parametrize("factor", [1, 10])
def test_a_rule_of_forward_mode_for_a_function_of_a_namespace_leaves_reverse_mode_as_it_is(factor):
    solve = faces.face(np.linalg.solve)
    a, b, t = np.array([[2.0, 0.3], [0.1, 1.5]]), np.array([1.0, 2.0]), np.array([[0.1, 0.2], [0.3, -0.1]])
    defjvp(solve, lambda t, z, a, b: -factor * solve(a, t @ z), lambda t, z, a, b: solve(a, t))

    def f(a):
        return anp.sum(solve(a, b) ** 2)

    def without_rules(a):
        return anp.sum(np.linalg.solve(a, b) ** 2)

    np.testing.assert_allclose(grad(f)(a), grad(without_rules)(a))
    np.testing.assert_allclose(make_jvp(f)(a)(t)[1], factor * make_jvp(without_rules)(a)(t)[1])
    if factor == 1:  # the gradient of a gradient takes both rules
        np.testing.assert_allclose(hessian(f)(a), hessian(without_rules)(a))


def test_a_function_without_a_derivative_is_differentiated_by_the_transpose_of_its_rule():
    function = faces.face(pytest.importorskip("scipy.special").kolmogorov)
    with pytest.raises(UnsupportedError):
        grad(function)(0.5)
    defjvp(function, lambda t, z, x: 3 * t)
    assert grad(function)(0.5) == 3.0
    assert make_jvp(function)(0.5)(2.0)[1] == 6.0


def test_notrace_primitive_sees_values():
    @notrace_primitive
    def largest(x):
        assert type(x) is np.ndarray
        return int(np.argmax(x))

    assert grad(lambda x: x[largest(x)] ** 2)(X).tolist() == [0.0, 0.0, 4.0]
