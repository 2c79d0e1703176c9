"""Elementwise functions, choices, activations and special functions against PyTorch's."""

import numpy as np
import pytest

import minigrad as mg
from tests.torch.differential import compare, torch

TF, TS = torch.nn.functional, torch.special

RNG = np.random.default_rng(3)


def normal(*shape):
    return RNG.normal(size=shape)


def inside(low, high, *shape):
    return RNG.uniform(low, high, shape)


def signs(*shape):
    return RNG.choice([-1.0, 1.0], shape)


X = np.linspace(-7.3, 7.1, 12).reshape(3, 4)  # on both sides of every kink, at none
POWERS = RNG.integers(-3, 4, (3, 4))
FIRST, SECOND = RNG.random((2, 3, 4)) < 0.5
LARGE = inside(40, 80, 3, 4)  # below, PyTorch's trigamma is good to nine digits only


def torch_select(x, y, default):
    return torch.where(torch.tensor(FIRST), x, torch.where(torch.tensor(SECOND), y, default))


ROWS = {
    "positive": (mg.positive, torch.positive, [normal(3, 4)]),
    "reciprocal": (mg.reciprocal, torch.reciprocal, [inside(0.5, 3, 3, 4)]),
    "float_power": (mg.float_power, torch.float_power, [inside(0.5, 3, 3, 4), normal(4)]),
    "expm1": (mg.expm1, torch.expm1, [normal(3, 4)]),
    "log1p": (mg.log1p, torch.log1p, [inside(-0.9, 3, 3, 4)]),
    "exp2": (mg.exp2, torch.exp2, [normal(3, 4)]),
    "log2": (mg.log2, torch.log2, [inside(0.1, 3, 3, 4)]),
    "log10": (mg.log10, torch.log10, [inside(0.1, 3, 3, 4)]),
    "hypot": (mg.hypot, torch.hypot, [normal(3, 4), normal(4)]),
    "logaddexp": (mg.logaddexp, torch.logaddexp, [normal(3, 4) * 20, normal(3, 1) * 20]),
    "logaddexp2": (mg.logaddexp2, torch.logaddexp2, [normal(3, 4) * 20, normal(4) * 20]),
    "fabs": (mg.fabs, torch.abs, [normal(3, 4)]),
    "ldexp": (
        lambda x: mg.ldexp(x, POWERS),
        lambda x: torch.ldexp(x, torch.tensor(POWERS, dtype=torch.float64)),  # of integers its gradient is rounded
        [normal(3, 4)],
    ),
    "remainder": (mg.remainder, torch.remainder, [normal(3, 4) * 5, signs(4) * inside(0.5, 2, 4)]),
    "fmod": (mg.fmod, torch.fmod, [normal(3, 4) * 5, signs(4) * inside(0.5, 2, 4)]),
    "divmod": (
        lambda x, y: sum(mg.divmod(x, y)),
        lambda x, y: torch.floor(x / y) + torch.remainder(x, y),
        [normal(3, 4) * 5, inside(0.5, 2, 4)],
    ),
    "modf": (lambda x: mg.modf(x)[0], torch.frac, [normal(3, 4) * 3]),
    "sin": (mg.sin, torch.sin, [normal(3, 4)]),
    "cos": (mg.cos, torch.cos, [normal(3, 4)]),
    "tan": (mg.tan, torch.tan, [inside(-1.4, 1.4, 3, 4)]),
    "arcsin": (mg.arcsin, torch.arcsin, [inside(-0.9, 0.9, 3, 4)]),
    "arccos": (mg.arccos, torch.arccos, [inside(-0.9, 0.9, 3, 4)]),
    "arctan": (mg.arctan, torch.arctan, [normal(3, 4)]),
    "arctan2": (mg.arctan2, torch.arctan2, [normal(3, 4), normal(4)]),
    "sinh": (mg.sinh, torch.sinh, [normal(3, 4)]),
    "cosh": (mg.cosh, torch.cosh, [normal(3, 4)]),
    "arcsinh": (mg.arcsinh, torch.arcsinh, [normal(3, 4)]),
    "arccosh": (mg.arccosh, torch.arccosh, [inside(1.2, 4, 3, 4)]),
    "arctanh": (mg.arctanh, torch.arctanh, [inside(-0.9, 0.9, 3, 4)]),
    "deg2rad": (mg.deg2rad, torch.deg2rad, [normal(3, 4) * 90]),
    "rad2deg": (mg.rad2deg, torch.rad2deg, [normal(3, 4)]),
    "sinc": (mg.sinc, torch.sinc, [normal(3, 4) * 2]),
    "floor": (mg.floor, torch.floor, [X]),
    "ceil": (mg.ceil, torch.ceil, [X]),
    "trunc": (mg.trunc, torch.trunc, [X]),
    "rint": (mg.rint, torch.round, [X]),
    "round": (lambda x: mg.round(x, 1), lambda x: torch.round(x, decimals=1), [X]),
    "fmax": (mg.fmax, torch.fmax, [normal(3, 4), normal(4)]),
    "fmin": (mg.fmin, torch.fmin, [normal(3, 1), normal(3, 4)]),
    "copysign": (mg.copysign, torch.copysign, [normal(3, 4), normal(4)]),
    "nan_to_num": (
        lambda x: mg.nan_to_num(x + np.array([1.0, 2.0, np.nan, np.inf]), nan=2.0),
        lambda x: torch.nan_to_num(x + torch.tensor([1.0, 2.0, np.nan, np.inf]), nan=2.0),
        [normal(3, 4)],
    ),
    "select": (
        lambda x, y, default: mg.select([FIRST, SECOND], [x, y], default),
        torch_select,
        [normal(3, 4), normal(4), normal()],
    ),
    "softplus": (mg.softplus, TF.softplus, [X]),
    "softplus, beta": (lambda x: mg.softplus(x, 2.0), lambda x: TF.softplus(x, 2.0), [X]),
    "softplus, threshold": (lambda x: mg.softplus(x, 2.0, 3.0), lambda x: TF.softplus(x, 2.0, 3.0), [X]),
    "logsigmoid": (mg.logsigmoid, TF.logsigmoid, [X]),
    "gelu": (mg.gelu, TF.gelu, [X]),
    "gelu_tanh": (lambda x: mg.gelu(x, "tanh"), lambda x: TF.gelu(x, approximate="tanh"), [X]),
    "silu": (mg.silu, TF.silu, [X]),
    "logistic": (mg.table.ops["logistic"], torch.sigmoid, [X]),
    "one_less_square": (mg.table.ops["one_less_square"], lambda x: 1 - x * x, [X]),
    "tanh_softplus": (mg.table.ops["tanh_softplus"], lambda x: torch.tanh(TF.softplus(x)), [X]),
    "gelu_tanh_share": (
        lambda x: x * mg.table.ops["gelu_tanh_share"](x),
        lambda x: TF.gelu(x, approximate="tanh"),
        [X],
    ),
    "mish": (mg.mish, TF.mish, [X]),
    "elu": (mg.elu, TF.elu, [X]),
    "elu, alpha": (lambda x: mg.elu(x, 0.3), lambda x: TF.elu(x, 0.3), [X]),
    "celu": (mg.celu, TF.celu, [X]),
    "celu, alpha": (lambda x: mg.celu(x, 2.0), lambda x: TF.celu(x, 2.0), [X]),
    "selu": (mg.selu, TF.selu, [X]),
    "leaky_relu": (mg.leaky_relu, TF.leaky_relu, [X]),
    "leaky_relu, steep": (lambda x: mg.leaky_relu(x, 2.0), lambda x: TF.leaky_relu(x, 2.0), [X]),
    "leaky_relu, at 0": (mg.leaky_relu, TF.leaky_relu, [np.array([0.0, -0.0])]),
    "prelu": (mg.prelu, TF.prelu, [normal(2, 3, 4), normal(3)]),
    "prelu, one weight": (mg.prelu, TF.prelu, [normal(3, 4), normal(1)]),
    "relu6": (mg.relu6, TF.relu6, [X]),
    "relu6, at the bounds": (mg.relu6, TF.relu6, [np.array([0.0, 6.0])]),
    "hardtanh": (lambda x: mg.hardtanh(x, -2.0, 3.0), lambda x: TF.hardtanh(x, -2.0, 3.0), [X]),
    "hardtanh, at the bounds": (mg.hardtanh, TF.hardtanh, [np.array([-1.0, 1.0])]),
    "hardsigmoid": (mg.hardsigmoid, lambda x: TF.relu6(x + 3) / 6, [X]),  # TF.hardsigmoid has no second order
    "hardsigmoid, at the bounds": (mg.hardsigmoid, lambda x: TF.relu6(x + 3) / 6, [np.array([-3.0, 3.0])]),
    "hardswish": (mg.hardswish, lambda x: x * TF.relu6(x + 3) / 6, [X]),  # TF.hardswish has no second order
    "softsign": (mg.softsign, TF.softsign, [X]),
    "tanhshrink": (mg.tanhshrink, TF.tanhshrink, [X]),
    "softshrink": (lambda x: mg.softshrink(x, 1.2), lambda x: TF.softshrink(x, 1.2), [X]),
    "softshrink, at the bounds": (mg.softshrink, TF.softshrink, [np.array([-0.5, 0.5])]),
    "hardshrink": (lambda x: mg.hardshrink(x, 1.2), lambda x: TF.hardshrink(x, 1.2), [X]),
    "hardshrink, at the bounds": (mg.hardshrink, TF.hardshrink, [np.array([-0.5, 0.5])]),
    "threshold": (lambda x: mg.threshold(x, 1.0, 20.0), lambda x: TF.threshold(x, 1.0, 20.0), [X]),
    "threshold, at it": (lambda x: mg.threshold(x, 1.0, 2.0), lambda x: TF.threshold(x, 1.0, 2.0), [np.ones(1)]),
    "glu": (mg.glu, TF.glu, [normal(3, 4)]),
    "glu, axis": (lambda x: mg.glu(x, 0), lambda x: TF.glu(x, 0), [normal(4, 3)]),
    "erf": (mg.erf, torch.erf, [normal(3, 4)]),
    "erfc": (mg.erfc, torch.erfc, [normal(3, 4)]),
    "erfinv": (mg.erfinv, torch.erfinv, [inside(-0.9, 0.9, 3, 4)]),
    "ndtr": (mg.ndtr, TS.ndtr, [normal(3, 4)]),
    "gammaln": (mg.gammaln, TS.gammaln, [LARGE]),
    "digamma": (mg.digamma, TS.digamma, [LARGE]),
    "polygamma": (lambda x: mg.polygamma(2, x), lambda x: TS.polygamma(2, x), [inside(0.5, 6, 3, 4)]),
    "polygamma, order 0": (lambda x: mg.polygamma(0, x), lambda x: TS.polygamma(0, x), [LARGE]),
    "betaln": (
        mg.betaln,
        lambda x, y: TS.gammaln(x) + TS.gammaln(y) - TS.gammaln(x + y),
        [LARGE, LARGE[:1]],
    ),
    "i0": (mg.i0, TS.i0, [normal(3, 4) * 3]),
    "iv": (lambda x: mg.iv(1, x), TS.i1, [normal(3, 4) * 3]),
    "iv, at 0": (lambda x: mg.iv(1, x), TS.i1, [np.zeros(1)]),
    "logit": (mg.logit, torch.logit, [inside(0.1, 0.9, 3, 4)]),
    "logit, limited": (lambda x: mg.logit(x, 0.2), lambda x: torch.logit(x, 0.2), [inside(0.01, 0.99, 3, 4)]),
    "xlogy": (mg.xlogy, torch.xlogy, [normal(3, 4), inside(0.1, 3, 4)]),
    "xlogy, at x = 0": (mg.xlogy, torch.xlogy, [np.zeros(3), np.array([0.5, 1.0, 2.0])]),
    "xlog1py": (mg.xlog1py, TS.xlog1py, [normal(3, 4), inside(-0.9, 3, 4)]),
    "entr": (mg.entr, TS.entr, [inside(0.1, 3, 3, 4)]),
}

WITHOUT = {
    "cbrt": "PyTorch has none",
    "floor_divide": "PyTorch's has no gradient; ours is 0, as of the floor in divmod above",
    "gelu_slope": "the derivative of gelu, which is compared with its derivatives",
    "gelu_tanh_slope": "the derivative of gelu_tanh, which is compared with its derivatives",
    "heaviside": "PyTorch's has no gradient; ours is 0",
    "mish_slope": "the derivative of mish, which is compared with its derivatives",
    "silu_slope": "the derivative of silu, which is compared with its derivatives",
    "unwrap": "PyTorch has none",
}


@pytest.mark.parametrize("row", ROWS)
def test_values_and_first_and_second_gradients_equal_pytorchs(row):
    compare(ROWS[row])
