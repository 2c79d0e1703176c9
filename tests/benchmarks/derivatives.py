"""Jacobians, products with Hessians, and gradients of single samples, beside HIPS autograd, torch.func and JAX."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np

from .peers import Builders
from .timing import Step

SIDE, ROWS, COLUMNS, SAMPLES, FEATURES, HIDDEN = 50, 1000, 5, 256, 20, 64


def _layers() -> tuple[np.ndarray, ...]:
    rng = np.random.default_rng(0)
    first, second = rng.normal(size=(2, SIDE, SIDE)) / 7
    return first, second, rng.normal(size=SIDE), rng.normal(size=SIDE)


def _two_layers(tanh: Callable[[Any], Any], first: Any, second: Any) -> Callable[[Any], Any]:
    return lambda x: tanh(second @ tanh(first @ x))


def square() -> Builders:
    """The Jacobian of two layers, 50 to 50."""
    return {
        "minigrad": partial(_minigrad_square, ""),
        "numpy": partial(_minigrad_square, "numpy"),
        "native": partial(_minigrad_square, "native"),
        "torch": _torch_square,
        "jax": _jax_square,
        "autograd": _autograd_square,
    }


def product() -> Builders:
    """The Hessian of the sum of squares of two layers, times a vector."""
    return {
        "minigrad": partial(_minigrad_product, ""),
        "numpy": partial(_minigrad_product, "numpy"),
        "native": partial(_minigrad_product, "native"),
        "torch": _torch_product,
        "jax": _jax_product,
        "autograd": _autograd_product,
    }


def _shown(found: Any) -> tuple[Any, Any]:
    """A number to show, and all to compare."""
    return found.reshape(-1)[0], found


def _compiled(f: Callable[..., Any], backend: str) -> Callable[..., Any]:
    import importlib

    import minigrad as mg
    from minigrad.compiler.backends import BACKENDS

    if not backend:
        return f
    importlib.import_module(BACKENDS[backend][1])
    return mg.compile(f, backend=backend)


def _minigrad_square(backend: str) -> Step:
    import minigrad as mg

    first, second, x, _ = _layers()
    jacobian = _compiled(mg.jacobian(_two_layers(np.tanh, first, second)), backend)
    return lambda: _shown(jacobian(x))


def _torch_square() -> Step:
    import torch

    first, second, x, _ = map(torch.tensor, _layers())
    jacobian = torch.func.jacrev(_two_layers(torch.tanh, first, second))
    return lambda: _shown(jacobian(x))


def _jax_square() -> Step:
    import jax

    jax.config.update("jax_enable_x64", True)
    first, second, x, _ = _layers()
    jacobian = jax.jit(jax.jacrev(_two_layers(jax.numpy.tanh, first, second)))
    return lambda: _shown(np.asarray(jacobian(x)))


def _autograd_square() -> Step:
    import autograd

    first, second, x, _ = _layers()
    jacobian = autograd.jacobian(_two_layers(autograd.numpy.tanh, first, second))
    return lambda: _shown(jacobian(x))


def _loss(tanh: Callable[[Any], Any], first: Any, second: Any) -> Callable[[Any], Any]:
    layers = _two_layers(tanh, first, second)
    return lambda x: (layers(x) ** 2).sum()


def _minigrad_product(backend: str) -> Step:
    import minigrad as mg

    first, second, x, v = _layers()
    loss = _loss(np.tanh, first, second)
    product = _compiled(lambda x, v: mg.hvp(loss, x, v), backend)
    return lambda: _shown(product(x, v))


def _torch_product() -> Step:
    import torch

    first, second, x, v = map(torch.tensor, _layers())
    gradient = torch.func.grad(_loss(torch.tanh, first, second))
    return lambda: _shown(torch.func.vjp(gradient, x)[1](v)[0])  # faster than its jvp


def _jax_product() -> Step:
    import jax

    jax.config.update("jax_enable_x64", True)
    first, second, x, v = _layers()
    gradient = jax.grad(_loss(jax.numpy.tanh, first, second))
    product = jax.jit(lambda x, v: jax.jvp(gradient, (x,), (v,))[1])
    return lambda: _shown(np.asarray(product(x, v)))


def _autograd_product() -> Step:
    import autograd

    first, second, x, v = _layers()
    product = autograd.hessian_vector_product(_loss(autograd.numpy.tanh, first, second))
    return lambda: _shown(product(x, v))


def tall() -> Builders:
    """A Jacobian of 1000 x 5, beside five products with it."""
    import minigrad as mg

    rng = np.random.default_rng(0)
    matrix, x, units = rng.normal(size=(ROWS, COLUMNS)), rng.normal(size=COLUMNS), np.eye(COLUMNS)

    def f(x: Any) -> Any:
        return np.tanh(matrix @ x) * np.sin(x[0])

    jacobian = mg.jacobian(f)
    return {
        "minigrad": lambda: lambda: _shown(jacobian(x)),
        "parts": lambda: lambda: _shown(np.stack([mg.jvp(f, (x,), (unit,))[1] for unit in units], 1)),
    }


def samples() -> Builders:
    """Gradients of 256 single samples of a 20-64-1 net, beside one gradient of the whole batch."""
    import minigrad as mg

    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(SAMPLES, FEATURES)), rng.normal(size=(SAMPLES, 1))
    weights = {"w": rng.normal(size=(HIDDEN, FEATURES)) / 5, "v": rng.normal(size=(1, HIDDEN)) / 8}

    def loss(weights: Any, x: Any, y: Any) -> Any:
        return ((np.tanh(x @ weights["w"].T) @ weights["v"].T - y) ** 2).sum()

    each, whole = mg.vmap(mg.grad(loss), in_axes=(None, 0, 0)), mg.grad(loss)
    return {
        "minigrad": lambda: lambda: _shown(each(weights, x, y)["v"].sum(0)),
        "parts": lambda: lambda: _shown(whole(weights, x, y)["v"]),
    }
