"""The formulas of the optimizers written plainly, on each parameter alone, and a check of steps against them."""

import math

import numpy as np
import pytest

from minigrad import nn, optim

RNG = np.random.default_rng

# Each: (weights, gradient, its own state, rate, number of the step from 0, settings) -> new weights.


def sgd(w, g, s, lr, _t, momentum=0.0, nesterov=False, weight_decay=0.0):
    g = g + weight_decay * w
    if not momentum:
        return w - lr * g
    s["v"] = momentum * s.get("v", 0) - lr * g
    return w + (momentum * s["v"] - lr * g if nesterov else s["v"])


def adagrad(w, g, s, lr, _t, eps=1e-7):
    s["c"] = s.get("c", 0) + g**2
    return w - lr * g / (np.sqrt(s["c"]) + eps)


def rmsprop(w, g, s, lr, _t, rho=0.9, eps=1e-7):
    s["c"] = rho * s.get("c", 0) + (1 - rho) * g**2
    return w - lr * g / (np.sqrt(s["c"]) + eps)


def adam(w, g, s, lr, t, betas=(0.9, 0.999), eps=1e-7):
    b1, b2 = betas
    s["m"] = b1 * s.get("m", 0) + (1 - b1) * g
    s["c"] = b2 * s.get("c", 0) + (1 - b2) * g**2
    return w - lr * (s["m"] / (1 - b1 ** (t + 1))) / (np.sqrt(s["c"] / (1 - b2 ** (t + 1))) + eps)


def adamw(w, g, s, lr, t, weight_decay=0.01, **settings):
    return adam(w - lr * weight_decay * w, g, s, lr, t, **settings)


def nadam(w, g, s, lr, t, betas=(0.9, 0.999), eps=1e-7, momentum_decay=0.004):
    b1, b2 = betas
    mu = [b1 * (1 - 0.5 * 0.96 ** ((i + 1) * momentum_decay)) for i in range(t + 2)]
    s["m"] = b1 * s.get("m", 0) + (1 - b1) * g
    s["c"] = b2 * s.get("c", 0) + (1 - b2) * g**2
    m = mu[t + 1] * s["m"] / (1 - np.prod(mu)) + (1 - mu[t]) * g / (1 - np.prod(mu[:-1]))
    return w - lr * m / (np.sqrt(s["c"] / (1 - b2 ** (t + 1))) + eps)


def adadelta(w, g, s, lr, _t, rho=0.9, eps=1e-6):
    s["c"] = rho * s.get("c", 0) + (1 - rho) * g**2
    d = g * np.sqrt(s.get("s", 0) + eps) / np.sqrt(s["c"] + eps)
    s["s"] = rho * s.get("s", 0) + (1 - rho) * d**2
    return w - lr * d


def lion(w, g, s, lr, _t, betas=(0.9, 0.99), weight_decay=0.0):
    (b1, b2), m = betas, s.get("m", 0)
    s["m"] = b2 * m + (1 - b2) * g
    return w - lr * weight_decay * w - lr * np.sign(b1 * m + (1 - b1) * g)


def adamax(w, g, s, lr, t, betas=(0.9, 0.999), eps=1e-7):
    b1, b2 = betas
    s["m"] = b1 * s.get("m", 0) + (1 - b1) * g
    s["u"] = np.maximum(b2 * s.get("u", 0), np.abs(g) + eps)
    return w - lr * s["m"] / (1 - b1 ** (t + 1)) / s["u"]


def radam(w, g, s, lr, t, betas=(0.9, 0.999), eps=1e-7):
    (b1, b2), n = betas, t + 1
    s["m"] = b1 * s.get("m", 0) + (1 - b1) * g
    s["c"] = b2 * s.get("c", 0) + (1 - b2) * g**2
    m, limit = s["m"] / (1 - b1**n), 2 / (1 - b2) - 1
    rho = limit - 2 * n * b2**n / (1 - b2**n)
    if rho <= 5:
        return w - lr * m
    r = math.sqrt((rho - 4) * (rho - 2) * limit / ((limit - 4) * (limit - 2) * rho))
    root = math.sqrt(1 - b2**n)
    return w - lr * r * m / (np.sqrt(s["c"]) / root + eps / root)


# (optimizer, formula, default lr, settings)
CASES = {
    "sgd": (optim.SGD, sgd, 1.0, {}),
    "sgd momentum": (optim.SGD, sgd, 1.0, {"momentum": 0.9}),
    "sgd nesterov": (optim.SGD, sgd, 1.0, {"momentum": 0.8, "nesterov": True}),
    "sgd weight decay": (optim.SGD, sgd, 1.0, {"weight_decay": 0.1}),
    "sgd all": (optim.SGD, sgd, 1.0, {"momentum": 0.5, "nesterov": True, "weight_decay": 0.01}),
    "adagrad": (optim.AdaGrad, adagrad, 1.0, {}),
    "adagrad eps": (optim.AdaGrad, adagrad, 1.0, {"eps": 0.1}),
    "rmsprop": (optim.RMSProp, rmsprop, 0.001, {}),
    "rmsprop rho": (optim.RMSProp, rmsprop, 0.001, {"rho": 0.5, "eps": 1e-3}),
    "adam": (optim.Adam, adam, 0.001, {}),
    "adam betas": (optim.Adam, adam, 0.001, {"betas": (0.5, 0.7), "eps": 0.01}),
    "adamw": (optim.AdamW, adamw, 0.001, {}),
    "adamw decay": (optim.AdamW, adamw, 0.001, {"weight_decay": 0.5, "betas": (0.5, 0.7)}),
    "nadam": (optim.NAdam, nadam, 0.002, {}),
    "nadam betas": (optim.NAdam, nadam, 0.002, {"betas": (0.5, 0.7), "momentum_decay": 1.0}),
    "adadelta": (optim.Adadelta, adadelta, 1.0, {}),
    "adadelta rho": (optim.Adadelta, adadelta, 1.0, {"rho": 0.5, "eps": 1e-3}),
    "lion": (optim.Lion, lion, 1e-4, {}),
    "lion decay": (optim.Lion, lion, 1e-4, {"betas": (0.5, 0.7), "weight_decay": 0.5}),
    "adamax": (optim.Adamax, adamax, 0.002, {}),
    "adamax betas": (optim.Adamax, adamax, 0.002, {"betas": (0.5, 0.7), "eps": 0.01}),
    "radam": (optim.RAdam, radam, 0.001, {}),
    "radam betas": (optim.RAdam, radam, 0.001, {"betas": (0.5, 0.85), "eps": 0.01}),
}


def parameters(shapes, dtype="float64", seed=0):
    rng = RNG(seed)
    return [nn.Parameter(rng.normal(size=shape).astype(dtype)) for shape in shapes]


class Plain:
    """The formula on each parameter alone, in float64: what an optimizer is compared with."""

    def __init__(self, params, formula, lr, decay, settings):
        self.weights = [p.data.astype(np.float64) for p in params]
        self.states = [{} for _ in params]
        self.formula, self.lr, self.decay, self.settings, self.t = formula, lr, decay, settings, 0
        self.made = [0] * len(self.weights)  # steps of each parameter

    def step(self, gradients):
        self.rate = self.lr / (1 + self.decay * self.t)
        for i, g in enumerate(gradients):
            if g is not None:
                state, exact, rate = self.states[i], g.astype(np.float64), self.rate
                if self.formula is adagrad:  # whose decay is by the parameter's steps too
                    rate = self.lr / (1 + self.decay * self.made[i])
                self.weights[i] = self.formula(self.weights[i], exact, state, rate, self.made[i], **self.settings)
                self.made[i] += 1
        self.t += 1


SHAPES = {
    "small": [(3, 2), (2,), (1, 1, 4), (0, 3)],
    "0-d": [()],
    "0-d among others": [(2, 2), (), (3,)],
    "a block and more": [(300, 300), (7,), (129, 130)],
    "exactly a block": [(16_384,)],
    "several blocks, odd sizes": [(70_001,), (3, 5), (16_385,), (2, 33_000)],
}


def of(make):
    """The cases of one optimizer, and those of dtypes and shapes: what marks its test."""
    names = [name for name, case in CASES.items() if case[0] is make]

    def marked(test):
        for argument, values in (("shapes", SHAPES), ("dtype", ["float64", "float32"]), ("case", names)):
            test = pytest.mark.parametrize(argument, values)(test)
        return test

    return marked


def check_steps(case, dtype, shapes):
    """Over several steps of random gradients with decay, for few and for very many elements."""
    make, formula, lr, settings = CASES[case]
    params, rng = parameters(SHAPES[shapes], dtype), RNG(1)
    optimizer = make(params, decay=0.1, **settings)
    plain = Plain(params, formula, lr, 0.1, settings)
    for step in range(4):
        for p in params:
            p.grad = rng.normal(size=p.shape)
        kept = [p.grad.copy() for p in params]
        optimizer.step()
        plain.step(kept)
        assert optimizer.iterations == step + 1
        assert math.isclose(optimizer.current_lr, plain.rate, rel_tol=1e-15)
        tolerance = {"rtol": 1e-11, "atol": 1e-13} if dtype == "float64" else {"rtol": 2e-5, "atol": 2e-6}
        for p, w, g in zip(params, plain.weights, kept, strict=True):
            np.testing.assert_allclose(p.data, w, **tolerance)
            assert (p.data.shape, p.data.dtype) == (w.shape, dtype)
            np.testing.assert_array_equal(p.grad, g)
