"""Kinds of functions whose form and sizes are drawn, in float64: each is written once, for minigrad, PyTorch and JAX.

``f(lib, *arrays)`` finds ``lib.exp``, ``lib.linalg`` and the like; what they spell differently is in ``spellings``.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise
from types import SimpleNamespace
from typing import Any

import numpy as np

from .drawn_models import Rng, one


@dataclass(frozen=True)
class Function:
    """What is asked of ``f`` is its ``gradient`` in the first ``count`` arrays, its ``jacobian``, or its ``hvp``.

    Of a Hessian-vector product the last array is the vector.
    """

    title: str
    f: Callable[..., Any]
    arrays: tuple[np.ndarray, ...]
    count: int = 1
    asked: str = "gradient"


def spellings(name: str) -> Any:
    """The names that a function uses, of one framework."""
    if name == "minigrad":
        import minigrad as mg

        lib, triangular, where = mg, lambda a, b: mg.linalg.solve_triangular(a, b, lower=True), mg.where
    elif name == "torch":
        import torch

        lib, triangular = torch, lambda a, b: torch.linalg.solve_triangular(a, b, upper=False)
        where = torch.where
    else:
        import jax

        lib, triangular = jax.numpy, lambda a, b: jax.scipy.linalg.solve_triangular(a, b, lower=True)
        where = jax.numpy.where
    names = {name: getattr(lib, name) for name in ("exp", "log", "tanh", "sin", "sqrt", "stack", "linalg")}
    return SimpleNamespace(**names, where=where, triangular=triangular)


def _turned(a: Any) -> Any:
    return a.swapaxes(-1, -2)


def gaussian_process(rng: Rng) -> Function:
    """The negative logarithm of the evidence, in three parameters: by a Cholesky factor, or by solve and slogdet."""
    n, d, kernel = one(rng, 30, 60, 120, 240), one(rng, 1, 2, 5), one(rng, "squares", "Matern")
    form = one(rng, "cholesky", "solve")

    def f(lib: Any, scale: Any, width: Any, noise: Any, apart: Any, eye: Any, y: Any) -> Any:
        r = apart * lib.exp(-width)
        shape = lib.exp(-0.5 * r * r) if kernel == "squares" else (1 + 3**0.5 * r) * lib.exp(-(3**0.5) * r)
        covariance = lib.exp(2 * scale) * shape + (lib.exp(2 * noise) + 1e-6) * eye
        if form == "solve":
            return 0.5 * (y * lib.linalg.solve(covariance, y)).sum() + 0.5 * lib.linalg.slogdet(covariance)[1]
        factor = lib.linalg.cholesky(covariance)
        z = lib.triangular(factor, y)
        return 0.5 * (z * z).sum() + lib.log((factor * eye).sum(-1)).sum()

    x = rng.uniform(0, 3, (n, d))
    apart = np.sqrt(((x[:, None] - x[None]) ** 2).sum(-1))
    arrays = (np.array(0.1), np.array(-0.3), np.array(-1.0), apart, np.eye(n), np.sin(x.sum(1, keepdims=True)))
    return Function(f"{n} points of {d}, {kernel}, {form}", f, arrays, 3)


def linear_algebra(rng: Rng) -> Function:
    """A number from a stack of symmetric positive definite matrices, or of others."""
    n, batch = one(rng, 5, 20, 60, 150), one(rng, 1, 1, 8, 32)
    form = one(rng, "inv", "solve", "slogdet", "cholesky", "eigvalsh", "eigh", "svdvals", "qr", "det")

    def f(lib: Any, a: Any, b: Any, eye: Any) -> Any:
        s = a @ _turned(a) / n + eye
        if form in ("eigvalsh", "cholesky", "inv", "det"):
            z = getattr(lib.linalg, form)(s)
        elif form == "svdvals":
            z = lib.linalg.svd(a, full_matrices=False)[1]
        elif form == "slogdet":
            z = lib.linalg.slogdet(s)[1]
        elif form == "solve":
            z = lib.linalg.solve(s, b)
        elif form == "qr":
            z = lib.linalg.qr(a)[1]
        else:
            values, vectors = lib.linalg.eigh(s)
            z = (vectors * lib.sqrt(values)[..., None, :]) @ _turned(vectors)
        return (lib.tanh(z) * z).sum()

    arrays = (rng.standard_normal((batch, n, n)), rng.standard_normal((batch, n, 3)), np.eye(n))
    return Function(f"{form} of {batch} x {n} x {n}", f, arrays)


def ode(rng: Rng) -> Function:
    """A loop of steps of Euler or Runge and Kutta, and the gradient of where it ends in all that it depends on."""
    steps, form, method = one(rng, 10, 30, 60), one(rng, "prey", "pendulum", "network"), one(rng, "Euler", "RK4")
    size = one(rng, 4, 20) if form == "network" else 2

    def slope(lib: Any, y: Any, p: Any) -> Any:
        if form == "network":
            return lib.tanh(p @ y)
        if form == "prey":
            return lib.stack([y[0] * (p[0] - p[1] * y[1]), y[1] * (p[2] * y[0] - p[3])])
        return lib.stack([y[1], -p[0] * lib.sin(y[0]) - p[1] * y[1]])

    def f(lib: Any, y: Any, p: Any) -> Any:
        h = 1.0 / steps
        for _ in range(steps):
            k1 = slope(lib, y, p)
            if method == "Euler":
                y = y + h * k1
                continue
            k2 = slope(lib, y + h / 2 * k1, p)
            k3 = slope(lib, y + h / 2 * k2, p)
            y = y + h / 6 * (k1 + 2 * k2 + 2 * k3 + slope(lib, y + h * k3, p))
        return (y * y).sum()

    p = rng.standard_normal((size, size)) / size**0.5 if form == "network" else rng.uniform(0.5, 1.5, 4)
    return Function(f"{method} {steps} steps of {form}, {size} variables", f, (rng.uniform(0.5, 1, size), p), 2)


def _network(rng: Rng) -> tuple[list[int], Callable[..., Any], tuple[np.ndarray, ...]]:
    sizes = [one(rng, 5, 20, 50), one(rng, 16, 64), one(rng, 3, 20, 50)]

    def layers(lib: Any, x: Any, first: Any, second: Any) -> Any:
        return second @ lib.tanh(first @ x)

    weights = [rng.standard_normal((m, n)) / n**0.5 for n, m in pairwise(sizes)]
    arrays = (rng.standard_normal(sizes[0]), *weights)
    return sizes, layers, arrays


def jacobian(rng: Rng) -> Function:
    """The Jacobian of a network of two layers."""
    sizes, layers, arrays = _network(rng)
    return Function("-".join(map(str, sizes)) + " tanh", layers, arrays, asked="jacobian")


def hvp(rng: Rng) -> Function:
    """The Hessian of a network's mean square times a vector: of the first layer's weights, or of the inputs."""
    sizes, layers, (x, first, second) = _network(rng)
    by_weights = one(rng, True, False)

    def f(lib: Any, changed: Any, other: Any, second: Any) -> Any:
        z = layers(lib, other, changed, second) if by_weights else layers(lib, changed, other, second)
        return (z * z).mean()

    changed, other = (first, x) if by_weights else (x, first)
    title = "-".join(map(str, sizes)) + f" tanh, by {changed.size} {'weights' if by_weights else 'inputs'}"
    return Function(title, f, (changed, other, second, rng.standard_normal(changed.shape)), asked="hvp")


FUNCTIONS: dict[str, Callable[[Rng], Function]] = {
    "gaussian_process": gaussian_process,
    "linear_algebra": linear_algebra,
    "ode": ode,
    "jacobian": jacobian,
    "hvp": hvp,
}
