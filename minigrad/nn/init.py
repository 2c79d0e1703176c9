"""Initial weights, each from its paper: ``f(shape, generator=None, dtype=None)`` gives an array.

``shape`` is ``(out, in)`` or ``(out, in, *kernel)``; fan_in is the number of inputs of one output,
``in * prod(kernel)``, and fan_out the number of outputs of one input, ``out * prod(kernel)``.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
from numpy.typing import DTypeLike

from minigrad.context import get_default_dtype
from minigrad.errors import HyperparameterError, ShapeError
from minigrad.random import generator_or_default

Shape = tuple[int, ...]
Initializer = Callable[[Shape, "np.random.Generator | None", DTypeLike | None], np.ndarray]


def _fans(shape: Shape) -> tuple[int, int]:
    kernel = math.prod(shape[2:])
    return max(shape[1] * kernel, 1), max(shape[0] * kernel, 1)


def _uniform(bound: float, shape: Shape, generator: np.random.Generator | None, dtype: DTypeLike | None) -> np.ndarray:
    drawn = generator_or_default(generator).uniform(-bound, bound, shape)
    return drawn.astype(dtype or get_default_dtype())


def _normal(std: float, shape: Shape, generator: np.random.Generator | None, dtype: DTypeLike | None) -> np.ndarray:
    drawn = std * generator_or_default(generator).standard_normal(shape)
    return drawn.astype(dtype or get_default_dtype())


def glorot_uniform(
    shape: Shape, generator: np.random.Generator | None = None, dtype: DTypeLike | None = None
) -> np.ndarray:
    """U(-a, a) with a = sqrt(6 / (fan_in + fan_out)), which keeps variances through tanh layers.

    Glorot and Bengio, Understanding the difficulty of training deep feedforward networks, 2010.
    """
    return _uniform(math.sqrt(6 / sum(_fans(shape))), shape, generator, dtype)


def glorot_normal(
    shape: Shape, generator: np.random.Generator | None = None, dtype: DTypeLike | None = None
) -> np.ndarray:
    """N(0, s²) with s = sqrt(2 / (fan_in + fan_out)). Glorot and Bengio, 2010."""
    return _normal(math.sqrt(2 / sum(_fans(shape))), shape, generator, dtype)


def he_uniform(
    shape: Shape, generator: np.random.Generator | None = None, dtype: DTypeLike | None = None
) -> np.ndarray:
    """U(-a, a) with a = sqrt(6 / fan_in), which keeps variances through relu layers.

    He et al., Delving deep into rectifiers, 2015.
    """
    return _uniform(math.sqrt(6 / _fans(shape)[0]), shape, generator, dtype)


def he_normal(shape: Shape, generator: np.random.Generator | None = None, dtype: DTypeLike | None = None) -> np.ndarray:
    """N(0, s²) with s = sqrt(2 / fan_in). He et al., 2015."""
    return _normal(math.sqrt(2 / _fans(shape)[0]), shape, generator, dtype)


def notebook(shape: Shape, generator: np.random.Generator | None = None, dtype: DTypeLike | None = None) -> np.ndarray:
    """N(0, 0.01²), as the notebook of "Neural Networks from Scratch" writes ``0.01 * randn``."""
    return _normal(0.01, shape, generator, dtype)


def standard_normal(
    shape: Shape, generator: np.random.Generator | None = None, dtype: DTypeLike | None = None
) -> np.ndarray:
    """N(0, 1), with which embeddings begin."""
    return _normal(1, shape, generator, dtype)


#: The initialisers by name.
INITIALIZERS: dict[str, Initializer] = {
    f.__name__: f for f in (glorot_uniform, glorot_normal, he_uniform, he_normal, notebook, standard_normal)
}


def initializer(which: str | Initializer) -> Initializer:
    """The initialiser of this name; a function is taken as it is. Raises ``HyperparameterError``."""
    if callable(which):
        return which
    if which not in INITIALIZERS:
        raise HyperparameterError(f"init={which!r} is no initialiser: expected one of {', '.join(INITIALIZERS)}")
    return INITIALIZERS[which]


def drawn(
    layer: str, which: str | Initializer, shape: Shape, generator: np.random.Generator | None, dtype: DTypeLike
) -> np.ndarray:
    """The weight that a layer begins with. Raises ``ShapeError`` for an initialiser that gives another shape."""
    weight = initializer(which)(shape, generator, dtype)
    if np.shape(weight) != shape:
        raise ShapeError(f"{layer}: init gave shape {np.shape(weight)} for a weight of shape {shape}")
    return weight
