"""Single operations: on scalars, where all time is overhead, and on long arrays, where none is."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np

from .peers import compiled
from .timing import Step

LENGTH = 1000
FACTOR = 1.0001
SIZE = 1_000_000


def chain(by_tensor: bool) -> dict[str, Callable[[], Step]]:
    """x * w * w * ..., with w a 0-d tensor that requires a gradient, or a Python number."""
    return {
        "minigrad": partial(_minigrad_chain, by_tensor),
        "torch": partial(_torch_chain, by_tensor),
        "autograd": partial(_autograd_chain, by_tensor),
        "mygrad": partial(_mygrad_chain, by_tensor),
    }


def _minigrad_chain(by_tensor: bool) -> Step:
    import minigrad as mg

    return _chain_step(mg.tensor, by_tensor)


def _torch_chain(by_tensor: bool) -> Step:
    import torch

    return _chain_step(torch.tensor, by_tensor)


def _chain_step(tensor: Callable[..., Any], by_tensor: bool) -> Step:
    start = tensor(1.0, requires_grad=not by_tensor)
    w = tensor(FACTOR, requires_grad=True) if by_tensor else FACTOR
    leaf = w if by_tensor else start

    def step() -> Any:
        leaf.grad = None
        x = start
        for _ in range(LENGTH):
            x = x * w
        x.backward()
        return x, leaf.grad

    return step


def _mygrad_chain(by_tensor: bool) -> Step:
    import mygrad

    start = mygrad.tensor(np.float32(1), constant=by_tensor)
    w = mygrad.tensor(np.float32(FACTOR)) if by_tensor else FACTOR
    leaf = w if by_tensor else start

    def step() -> Any:
        x = start
        for _ in range(LENGTH):
            x = x * w
        x.backward()
        return x.data, leaf.grad

    return step


def _autograd_chain(by_tensor: bool) -> Step:
    from autograd import value_and_grad

    def product(start: Any, w: Any) -> Any:
        x = start
        for _ in range(LENGTH):
            x = x * w
        return x

    with_gradient = value_and_grad(product, 1 if by_tensor else 0)
    start = np.float32(1)
    factor = np.float32(FACTOR) if by_tensor else FACTOR
    return lambda: with_gradient(start, factor)


def elementwise() -> dict[str, Callable[[], Step]]:
    """A chain of functions on an array that no cache of a core holds."""
    rng = np.random.default_rng(0)
    w, c = rng.standard_normal((2, SIZE)).astype(np.float32)
    return {
        "minigrad": partial(_minigrad_elementwise, w, c),
        "numpy": lambda: compiled(_minigrad_elementwise(w, c), "numpy"),
        "native": lambda: compiled(_minigrad_elementwise(w, c), "native"),
        "torch": partial(_torch_elementwise, w, c),
        "torch-compile": partial(_torch_elementwise, w, c, compiled=True),
        "jax": partial(_jax_elementwise, w, c),
    }


def _minigrad_elementwise(w: np.ndarray, c: np.ndarray) -> Step:
    import minigrad as mg

    def value(w: Any, c: Any) -> Any:
        return (mg.tanh(c * w + 0.5) ** 2 * mg.sigmoid(w)).sum()

    return _elementwise_step(value, mg.tensor(w, requires_grad=True), mg.tensor(c))


def _torch_elementwise(w: np.ndarray, c: np.ndarray, compiled: bool = False) -> Step:
    import torch

    def value(w: Any, c: Any) -> Any:
        return (torch.tanh(c * w + 0.5) ** 2 * torch.sigmoid(w)).sum()

    run = torch.compile(value) if compiled else value
    return _elementwise_step(run, torch.from_numpy(w.copy()).requires_grad_(), torch.from_numpy(c))


def _elementwise_step(value: Callable[..., Any], w: Any, c: Any) -> Step:
    def step() -> Any:
        w.grad = None
        z = value(w, c)
        z.backward()
        return z, w.grad

    return step


def _jax_elementwise(w: np.ndarray, c: np.ndarray) -> Step:
    import jax
    import jax.numpy as jnp

    def value(w: Any, c: Any) -> Any:
        return jnp.sum(jnp.tanh(c * w + 0.5) ** 2 * jax.nn.sigmoid(w))

    with_gradient = jax.jit(jax.value_and_grad(value))
    w, c = jnp.array(w), jnp.array(c)
    return lambda: tuple(jax.block_until_ready(with_gradient(w, c)))
