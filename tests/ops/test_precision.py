"""Slopes and second slopes to the last digits, far out and near 0, where a formula of the output would have none left.

Each is held against a form of its own that loses nothing: products and quotients of exponentials.
"""

from math import cosh, exp, pi, sqrt, tanh

import numpy as np
import pytest

import minigrad as mg
from minigrad.nn import functional as F

INF, NAN = float("inf"), float("nan")


def sig(x):
    return 1 / (1 + exp(-x)) if x > 0 else exp(x) / (1 + exp(x))


def bump(x):
    """The slope of the sigmoid."""
    return sig(x) * sig(-x)


def tilt(x):
    """sig(-x) - sig(x), also where both are near 1/2."""
    return -tanh(x / 2)


def mish_share(x):
    """tanh(softplus(x)) and its first two derivatives."""
    s, c = sig(x), sig(-x)
    d = 1 + c * c
    first = 4 * s * c * c / (d * d)
    return s * (1 + c) / d, first, first * (c - 2 * s + 4 * s * c * c / d)


def of_mish(x):
    t, d, dd = mish_share(x)
    return t + x * d, 2 * d + x * dd


def of_gelu_tanh(x):
    k, c = 2 * sqrt(2 / pi), 0.044715
    t, dt, ddt = k * (x + c * x**3), k * (1 + 3 * c * x * x), k * 6 * c * x
    s, b = sig(t), bump(t)
    return s + x * b * dt, b * (2 * dt + x * (tilt(t) * dt * dt + ddt))


SCALE, ALPHA = 1.0507009873554804934, 1.6732632423543772848
TAILS = [-80.0, -40.0, -25.0, -18.5, -17.0, -10.0, -3.0, -0.5]
BOTH = [*TAILS, *[-x for x in TAILS]]
SMALL = [1e-25, -1e-20, 1e-10, -1e-4, 0.01, 0.3, -0.9, 0.99]

#: The function; its slope and its second slope (None: not held to this); where.
ROWS = {
    "elu": (mg.elu, exp, exp, TAILS),
    "elu, alpha": (lambda x: mg.elu(x, 0.25), lambda x: exp(x) / 4, lambda x: exp(x) / 4, TAILS),
    "celu": (lambda x: mg.celu(x, 2.0), lambda x: exp(x / 2), lambda x: exp(x / 2) / 2, TAILS),
    "selu": (mg.selu, lambda x: SCALE * ALPHA * exp(x), lambda x: SCALE * ALPHA * exp(x), TAILS),
    "expm1": (mg.expm1, exp, exp, TAILS),
    "softplus": (mg.softplus, sig, bump, BOTH),
    "softplus, beta": (lambda x: mg.softplus(x, 0.5), lambda x: sig(x / 2), lambda x: bump(x / 2) / 2, BOTH),
    "logsigmoid": (mg.logsigmoid, lambda x: sig(-x), lambda x: -bump(x), BOTH),
    "logaddexp": (lambda x: mg.logaddexp(x, 0.0), sig, bump, BOTH),
    "silu": (mg.silu, lambda x: sig(x) * (1 + x * sig(-x)), lambda x: bump(x) * (2 + x * tilt(x)), BOTH),
    "mish": (mg.mish, lambda x: of_mish(x)[0], lambda x: of_mish(x)[1], BOTH),
    "gelu_tanh": (mg.gelu_tanh, lambda x: of_gelu_tanh(x)[0], lambda x: of_gelu_tanh(x)[1], [-5.0, -0.5, 2.0, 5.0]),
    "softsign": (
        mg.softsign, lambda x: (1 + abs(x)) ** -2, lambda x: -2 * np.sign(x) * (1 + abs(x)) ** -3.0, [*BOTH, 1e6],
    ),
    "tanhshrink": (mg.tanhshrink, lambda x: tanh(x) ** 2, lambda x: 2 * tanh(x) / cosh(x) ** 2, [*SMALL, 2.0]),
    "logistic": (mg.table.ops["logistic"], bump, lambda x: bump(x) * tilt(x), BOTH),
    "arcsin": (mg.arcsin, lambda x: (1 - x * x) ** -0.5, lambda x: x * (1 - x * x) ** -1.5, SMALL),
    "arccos": (mg.arccos, lambda x: -((1 - x * x) ** -0.5), lambda x: -x * (1 - x * x) ** -1.5, SMALL),
    "arctanh": (mg.arctanh, lambda x: 1 / (1 - x * x), lambda x: 2 * x / (1 - x * x) ** 2, SMALL),
    "arcsinh": (mg.arcsinh, lambda x: 1 / abs(x), lambda x: -x / abs(x) ** 3, [1e10, -1e8]),
    "x**0": (lambda x: x**0, lambda x: 0, lambda x: 0, [*SMALL, 5e-324]),
    "x**1": (lambda x: x**1, lambda x: 1, lambda x: 0, [*SMALL, 5e-324]),
    "x**[0, 0, ...]": (lambda x: x ** np.zeros(x.shape, x.dtype), lambda x: 0, lambda x: 0, [*SMALL, 5e-324]),
}  # fmt: skip


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("name", ROWS)
def test_slopes_have_their_digits_wherever_the_result_is_normal(name, dtype):
    f, slope, second, points = ROWS[name]
    x = mg.tensor(np.array(points, dtype), requires_grad=True)
    (first,) = mg.autograd.grad(f(x).sum(), x, create_graph=True)
    (then,) = mg.autograd.grad(first.sum(), x)
    information = np.finfo(dtype)
    for got, want in ((first.data, slope), (then.data, second)):
        expected = np.array([want(float(p)) for p in x.data])
        inside = (np.abs(expected) >= information.tiny) | (expected == 0)
        # Units in the last place; those of x, which the exponential multiplies, belong to the question.
        np.testing.assert_allclose(got[inside], expected[inside], rtol=24 * information.eps, atol=0, err_msg=name)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("name", ROWS)
def test_slopes_of_one_gradient_have_their_digits_too(name, dtype):
    """Formulas are evaluated on arrays here, and may take less trouble where a slope is near 1."""
    f, slope, _, points = ROWS[name]
    x = mg.tensor(np.array(points, dtype), requires_grad=True)
    f(x).sum().backward()
    expected, information = np.array([slope(float(p)) for p in x.data]), np.finfo(dtype)
    inside = (np.abs(expected) >= information.tiny) | (expected == 0)
    np.testing.assert_allclose(x.grad[inside], expected[inside], rtol=24 * information.eps, atol=0, err_msg=name)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("name", ["silu", "mish", "gelu_tanh"])
def test_slopes_between_the_ends_are_exact_in_units_of_1(name, dtype):
    f, slope, _, _ = ROWS[name]
    x = mg.tensor(np.linspace(-8, 40, 2001).astype(dtype), requires_grad=True)
    f(x).sum().backward()
    expected = np.array([slope(float(p)) for p in x.data])
    np.testing.assert_allclose(x.grad, expected, rtol=0, atol=48 * np.finfo(dtype).eps)


def test_a_power_of_0_has_its_mixed_derivative():
    """d/dy of y x**(y - 1) at y = 0 is 1 / x: the 1 that stands in for x where 1 / x is infinite is not in its way."""
    x, y = (mg.tensor(np.array([v]), requires_grad=True) for v in (4.0, 0.0))
    (first,) = mg.autograd.grad((x**y).sum(), x, create_graph=True)
    assert first.item() == 0
    assert mg.autograd.grad(first.sum(), y)[0].item() == 0.25


@pytest.mark.parametrize(("order", "want"), [(0, 1.0), (1, 5e-171), (-1, 5e-171), (2, 0.0)])
def test_bessel_functions_of_the_smallest_numbers(order, want):
    x = mg.tensor(np.array([1e-170, -1e-170]), requires_grad=True)
    z = mg.iv(order, x)
    np.testing.assert_allclose(z.data, [want, want if order % 2 == 0 else -want], rtol=1e-15)
    z.sum().backward()
    np.testing.assert_allclose(
        x.grad, {0: [5e-171, -5e-171], 2: [2.5e-171, -2.5e-171]}.get(order, [0.5, 0.5]), rtol=1e-15
    )


def test_bessel_functions_of_the_largest_numbers():
    x = mg.tensor(np.array([1e300, INF, -INF]), requires_grad=True)
    assert mg.iv(1, x).tolist() == [INF, INF, -INF]
    assert mg.i0(x).tolist() == [INF, INF, INF]
    np.testing.assert_allclose(mg.i0(np.float32(89)), 1.9012419e37, rtol=1e-6)  # exp(89) is inf in float32


def test_the_slope_of_i0_at_the_smallest_numbers():
    x = mg.tensor(np.array([1e-200, 5e-310]), requires_grad=True)
    mg.i0(x).sum().backward()
    np.testing.assert_allclose(x.grad, [5e-201, 2.5e-310], rtol=1e-12)


# -- at infinity and NaN ------------------------------------------------------------------------

#: The value at -inf and inf, and the slope there.
ENDS = {
    "silu": (mg.silu, [0, INF], [0, 1]),
    "mish": (mg.mish, [0, INF], [0, 1]),
    "gelu": (mg.gelu, [0, INF], [0, 1]),
    "gelu_tanh": (mg.gelu_tanh, [0, INF], [0, 1]),
    "hardswish": (mg.hardswish, [0, INF], [0, 1]),
    "softsign": (mg.softsign, [-1, 1], [0, 0]),
    "softplus": (mg.softplus, [0, INF], [0, 1]),
    "logsigmoid": (mg.logsigmoid, [-INF, 0], [1, 0]),
    "elu": (mg.elu, [-1, INF], [0, 1]),
    "relu6": (mg.relu6, [0, 6], [0, 0]),
    "tanhshrink": (mg.tanhshrink, [-INF, INF], [1, 1]),
}


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
@pytest.mark.parametrize("name", ENDS)
def test_units_have_their_limits_at_infinity(name, dtype):
    f, value, slope = ENDS[name]
    x = mg.tensor(np.array([-INF, INF], dtype), requires_grad=True)
    z = f(x)
    z.backward(np.ones(2, dtype))
    assert (z.dtype, x.grad.dtype) == (dtype, dtype)
    assert z.tolist() == value
    assert x.grad.tolist() == slope


#: What is cut out of straight lines: where NaN is the result it has the gradient, as at a maximum.
STRAIGHT = {
    "relu": (mg.relu, 1), "relu6": (mg.relu6, 1), "hardtanh": (mg.hardtanh, 1), "hardsigmoid": (mg.hardsigmoid, 1 / 6),
    "softshrink": (mg.softshrink, 1), "hardshrink": (mg.hardshrink, 1), "leaky_relu": (mg.leaky_relu, 0.01),
    "threshold": (lambda x: mg.threshold(x, 0.5, 2.0), 1), "clip": (lambda x: mg.clip(x, -1, 1), 1),
    "maximum": (lambda x: mg.maximum(x, 0.0), 1), "prelu": (lambda x: F.prelu(x, np.array([0.5])), 0.5),
    "max_pool1d": (lambda x: F.max_pool1d(x.reshape(1, 1, -1), 1), 1),
    "rnn": (
        lambda x: F.recurrent_scan(
            x.reshape(1, 1, 1), np.zeros((1, 1)), np.zeros((1, 1)), np.zeros(1), None, cell="rnn_relu"
        ), 1,
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", STRAIGHT)
def test_nan_is_the_result_and_has_the_gradient(name):
    f, want = STRAIGHT[name]
    x = mg.tensor(np.array([NAN]), requires_grad=True)
    z = f(x)
    assert np.isnan(z.data).all()
    z.sum().backward()
    assert x.grad.tolist() == [want]


def test_smooth_units_have_no_slope_at_nan():
    for f in (
        mg.silu,
        mg.mish,
        mg.gelu,
        mg.gelu_tanh,
        mg.hardswish,
        mg.softsign,
        mg.elu,
        mg.celu,
        mg.selu,
        mg.softplus,
    ):
        x = mg.tensor(np.array([NAN, 1.0]), requires_grad=True)
        z = f(x)
        z.sum().backward()
        assert np.isnan([z.data[0], x.grad[0]]).all()
        assert np.isfinite([z.data[1], x.grad[1]]).all()


# -- integers -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "f",
    [mg.logsigmoid, mg.table.ops["one_less_square"],
     mg.hardsigmoid, mg.hardswish, mg.softsign, mg.tanhshrink, mg.mish, mg.silu, mg.elu, mg.softplus, mg.softshrink,
     lambda x: mg.xlogy(x, x), lambda x: mg.xlog1py(x, x), mg.gelu, mg.gelu_tanh],
)  # fmt: skip
@pytest.mark.parametrize("x", [np.array([255, 254, 3, 0], np.uint8), np.array([100, 127, 1, 0], np.int8)])
def test_units_of_integers_are_those_of_the_same_floats(f, x):
    np.testing.assert_allclose(f(x), f(x.astype(float)), rtol=1e-15)
    assert f(x).dtype == np.float64


def test_softsign_of_the_least_integer():
    np.testing.assert_allclose(mg.softsign(np.array([-128], np.int8)), [-128 / 129])


#: Functions that choose where an element asks for it, and such an element: without it they do not choose at all.
CHOOSING = {
    "arcsinh": (mg.arcsinh, 1e30),
    "hypot": (lambda x: mg.hypot(x, np.where(x.data == 0, 0.0, 0.5)), 0.0),
    "norm of rows": (lambda x: mg.linalg.vector_norm(x[:, None] * [1.0, 0.5], axis=1), 0.0),
    "iv": (lambda x: mg.special.iv(2, x), 1e-12),
    "rms of rows": (lambda x: F.rms_norm(x[:, None] * [1.0, 0.5], 2, eps=1e-3), 0.0),
    "elu": (lambda x: F.elu(x, 1.5), np.inf),
}


@pytest.mark.parametrize("name", CHOOSING)
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_what_one_element_asks_for_changes_no_bit_of_the_others(name, dtype):
    f, asking = CHOOSING[name]
    x = np.random.default_rng(0).normal(size=40).astype(dtype)
    both = []
    for given in (x, np.append(x, np.asarray(asking).astype(dtype))):
        leaf = mg.tensor(given, requires_grad=True)
        with np.errstate(over="ignore"):
            z = f(leaf)
        z.backward(np.ones(z.shape, z.dtype))
        both.append((z.data[:40].tobytes(), leaf.grad[:40].tobytes()))
    assert both[0] == both[1]


@pytest.mark.parametrize("dtype", ["f4", "f8"])
@pytest.mark.parametrize("base", [0.0, -1e4, 1e4, 1e8, 1e30])
@pytest.mark.parametrize("axis", [None, 0, -1, (0, 1)])
def test_the_shares_of_a_logsumexp_sum_to_1_however_large_its_elements(base, axis, dtype):
    x = (base + np.array([[0.0, 1.0, 2.0], [1.0, 1.0, 1.0]])).astype(dtype)
    parts = np.exp((x - x.max(axis, keepdims=True)).astype("f8"))
    want = parts / parts.sum(axis, keepdims=True)
    t = mg.tensor(x, requires_grad=True)
    z = mg.logsumexp(t, axis)
    (g,) = mg.autograd.grad(z, [t], np.ones(z.shape, dtype), create_graph=True)
    np.testing.assert_allclose(g.data, want, rtol=4 * np.finfo(dtype).eps)
    (h,) = mg.autograd.grad(g[0, 0], [t])  # a row of the softmax's Jacobian
    row = want[0, 0] * ((np.arange(6).reshape(2, 3) == 0) - want * np.isin(np.arange(6), _with_0(axis)).reshape(2, 3))
    np.testing.assert_allclose(h.data, row, rtol=1e-5 if dtype == "f4" else 1e-13, atol=np.finfo(dtype).eps)


def _with_0(axis):
    """The elements of a matrix (2, 3) that are summed with the first."""
    return {None: range(6), (0, 1): range(6), 0: (0, 3), -1: (0, 1, 2)}[axis]
