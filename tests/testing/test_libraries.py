"""One check for functions of every library: what is right passes, and each kind of fault has its name."""

import importlib
import subprocess
import sys

import numpy as np
import pytest

import minigrad.compat.autograd.numpy
from minigrad.compat.autograd.extend import defvjp, primitive
from minigrad.compat.autograd.values import getval
from minigrad.errors import DTypeError, GradientError
from minigrad.testing import check_gradients

X, Y = [0.3, 0.7, -1.2], [1.0, 2.0, 0.5]


# Each library makes a function of one input from its value, its gradient, and what it saves of x for the latter.


def of_torch(value, gradient, save=lambda x: x):
    torch = pytest.importorskip("torch")

    class Rule(torch.autograd.Function):
        @staticmethod
        def forward(ctx, x):
            ctx.save_for_backward(x)
            return value(x)

        @staticmethod
        def backward(ctx, g):
            (x,) = ctx.saved_tensors
            return gradient(g, save(x))

    return Rule


def of_jax(value, gradient, save=lambda x: x):
    jax = pytest.importorskip("jax")

    def f(x):
        return value(x)

    made = jax.custom_vjp(f)
    made.defvjp(lambda x: (value(x), x), lambda x, g: (gradient(g, save(x)),))
    return made


def of_autograd(value, gradient, save=lambda x: x):
    extend = pytest.importorskip("autograd.extend")
    made = extend.primitive(lambda x: value(x))
    extend.defvjp(made, lambda ans, x: lambda g: gradient(g, save(x)))
    return made


def of_numpy(value, gradient, save=lambda x: x):
    return value, lambda g, x: gradient(g, save(x))


def of_minigrad_compat(value, gradient, save=lambda x: x):
    made = primitive(lambda x: value(x))
    defvjp(made, lambda ans, x: lambda g: gradient(g, save(x)))
    return made


MAKERS = [
    pytest.param(of_torch, marks=pytest.mark.torch),
    pytest.param(of_jax, marks=pytest.mark.jax),
    of_autograd,
    of_numpy,
    of_minigrad_compat,
]
every = pytest.mark.parametrize("make", MAKERS, ids=["torch", "jax", "autograd", "numpy", "minigrad.compat"])


@every
def test_what_is_right_passes_at_every_order(make):
    order = 1 if make is of_numpy else 3
    report = check_gradients(make(lambda x: x**3, lambda g, x: 3 * g * x * x), X, order=order)
    assert len(report.errors) == order
    assert max(report.errors) < 1e-9


@every
def test_a_wrong_formula_is_shown_with_its_element(make):
    with pytest.raises(GradientError, match=r"^wrong formula: .*, element \(2,\): got 4.752, want 4.32 \(at -1.2\)"):
        check_gradients(make(lambda x: x**3, lambda g, x: 3.3 * g * x * x), X)


@every
def test_a_constant_in_a_gradient_shows_at_the_second_order(make):
    if make is of_numpy:
        pytest.skip("a pair is checked at the first order")

    def constant(x):
        if make is of_torch:
            return x.detach()
        if make is of_jax:
            return importlib.import_module("jax").lax.stop_gradient(x)
        return importlib.import_module("autograd.tracer").getval(x) if make is of_autograd else getval(x)

    with pytest.raises(GradientError, match="at order 2"):
        check_gradients(make(lambda x: x**3, lambda g, x: 3 * g * x * x, constant), X)


@every
def test_a_kink_is_no_wrong_formula(make):
    f = make(lambda x: abs(x), lambda g, x: g * (2 * (x >= 0) - 1.0))
    with pytest.raises(GradientError, match=r"^kink"):
        check_gradients(f, [0.0, 1.0], order=1)


@every
def test_another_shape_is_refused_and_not_added_up(make):
    """This package's own walk would sum a gradient over axes that were broadcast; those of others do not."""
    if make is of_minigrad_compat:
        pytest.skip("its walk adds up")
    with pytest.raises(GradientError, match=r"^wrong shape|^error"):
        check_gradients(make(lambda x: x**3, lambda g, x: (3 * g * x * x)[:2]), X)


def test_a_gradient_of_another_dtype():
    with pytest.raises(GradientError, match=r"^wrong dtype: tanh gave float32"):
        check_gradients((np.tanh, lambda g, x: (g * (1 - np.tanh(x) ** 2)).astype("float32")), X)


@pytest.mark.parametrize("make", [pytest.param(of_torch, marks=pytest.mark.torch), of_autograd, of_numpy])
def test_a_value_of_a_smaller_dtype(make):
    smaller = (lambda x: (x**3).float()) if make is of_torch else lambda x: (x**3).astype("float32")
    with pytest.raises(GradientError, match=r"^precision"):
        check_gradients(make(smaller, lambda g, x: 3 * g * x * x), X)


def test_a_function_that_writes_into_its_input():
    def doubled(x):
        x *= 2
        return x.copy()

    with pytest.raises(GradientError, match=r"^input changed"):
        check_gradients((doubled, lambda g, x: 2 * g), X)


def test_a_function_that_draws():
    rng = np.random.default_rng(0)
    with pytest.raises(GradientError, match=r"^not deterministic"):
        check_gradients((lambda x: x * rng.random(), lambda g, x: g), X)


def test_values_that_are_not_finite():
    with pytest.raises(GradientError, match=r"^not finite"):
        check_gradients((lambda x: np.sqrt(x), lambda g, x: g / (2 * np.sqrt(x))), [0.5, -1.0])


def test_pairs_of_several_inputs_and_outputs():
    f = lambda x, y: (x * y, (x + y).sum())  # noqa: E731
    check_gradients((f, lambda g, x, y: (g[0] * y + g[1], g[0] * x + g[1])), X, Y)
    with pytest.raises(GradientError, match=r"^missing gradient: input 1"):
        check_gradients((f, lambda g, x, y: (g[0] * y + g[1], None)), X, Y)
    with pytest.raises(GradientError, match="1 gradients for 2 inputs"):
        check_gradients((f, lambda g, x, y: g[0] * y), X, Y)
    with pytest.raises(DTypeError, match="first order"):
        check_gradients((np.sin, lambda g, x: g * np.cos(x)), X, order=2)
    with pytest.raises(DTypeError, match="a pair"):
        check_gradients((np.sin,), X)
    with pytest.raises(DTypeError, match="library is one of"):
        check_gradients(np.sin, X, library="theano")


@pytest.mark.torch
def test_functions_of_torch():
    torch = pytest.importorskip("torch")
    f = lambda x, y: (torch.sin(x) @ y, x * y)  # noqa: E731
    assert len(check_gradients(f, torch.tensor(X), torch.tensor(Y)).errors) == 2
    check_gradients(f, X, Y, library="torch")
    check_gradients(lambda x: torch.nn.functional.gelu(x.flip(0)), torch.tensor(X))
    check_gradients(lambda x: x.sum(), torch.tensor(0.5))

    class Half(torch.autograd.Function):
        @staticmethod
        def forward(ctx, x, y):
            ctx.save_for_backward(x, y)
            return x * y

        @staticmethod
        def backward(ctx, g):
            return g * ctx.saved_tensors[1], None

    with pytest.raises(GradientError, match=r"^missing gradient: input 1"):
        check_gradients(Half, X, Y)


@pytest.mark.jax
def test_functions_of_jax():
    jnp = pytest.importorskip("jax.numpy")
    check_gradients(lambda x, y: (jnp.tanh(x) @ y, x * y), jnp.asarray(X), Y)
    check_gradients(lambda x: jnp.sin(x), X, library="jax")


def test_functions_of_autograd_by_the_names_of_this_package(monkeypatch):
    monkeypatch.setitem(sys.modules, "autograd", minigrad.compat.autograd)
    anp = minigrad.compat.autograd.numpy
    check_gradients(lambda x, y: anp.tanh(x) @ y, X, Y, library="autograd")
    check_gradients(lambda x, y: [anp.sin(x), y * y], X, Y, library="autograd")


def test_functions_of_autograd():
    anp = pytest.importorskip("autograd.numpy")
    check_gradients(lambda x, y: anp.tanh(x) @ y, X, Y, library="autograd")
    check_gradients(anp.sin, X)


def test_libraries_are_imported_where_they_are_used():
    code = (
        "import sys, numpy as np\nfrom minigrad.testing import check_gradients\n"
        "check_gradients((np.sin, lambda g, x: g * np.cos(x)), [0.5])\n"
        "assert not {'torch', 'jax', 'autograd'} & set(sys.modules)\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
