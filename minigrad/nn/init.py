"""Initial weights, each from its paper: ``f(shape, generator=None, dtype=None)`` gives an array.

``shape`` is ``(out, in)`` or ``(out, in, *kernel)``; fan_in is the number of inputs of one output,
``in * prod(kernel)``, and fan_out the number of outputs of one input, ``out * prod(kernel)``. Of a complex dtype the
real and the imaginary part have half the variance each.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import DTypeLike

from minigrad.core.conversion import dtype_or_default
from minigrad.errors import HyperparameterError, ShapeError
from minigrad.random import generator_or_default
from minigrad.support.idioms import missing_from

__all__ = ["glorot_normal", "glorot_uniform", "he_normal", "he_uniform", "lecun_normal"]
__all__ += ["lecun_uniform", "notebook", "orthogonal", "standard_normal", "truncated_normal"]

Shape = tuple[int, ...]
Initializer = Callable[[Shape, "np.random.Generator | None", DTypeLike | None], np.ndarray]


def _fans(shape: Shape) -> tuple[int, int]:
    if len(shape) < 2:
        raise ShapeError(
            f"an initialiser that counts inputs and outputs takes a shape (out, in, *kernel), got {tuple(shape)}: give "
            "both, or take one that does not count them (standard_normal, truncated_normal)"
        )
    kernel = math.prod(shape[2:])
    return max(shape[1] * kernel, 1), max(shape[0] * kernel, 1)


def _uniform(bound: float, shape: Shape, generator: np.random.Generator | None, dtype: DTypeLike | None) -> np.ndarray:
    generator = generator_or_default(generator)
    return _drawn(lambda: generator.uniform(-bound, bound, shape), dtype)


def _normal(std: float, shape: Shape, generator: np.random.Generator | None, dtype: DTypeLike | None) -> np.ndarray:
    generator = generator_or_default(generator)
    return _drawn(lambda: std * generator.standard_normal(shape), dtype)


def _drawn(draw: Callable[[], np.ndarray], dtype: DTypeLike | None) -> np.ndarray:
    """What is drawn, in this dtype; of complex numbers the real parts first."""
    kind = dtype_or_default(dtype)
    if kind.kind != "c":
        return np.asarray(draw()).astype(kind)
    return ((draw() + 1j * draw()) / math.sqrt(2)).astype(kind)


def glorot_uniform(
    shape: Shape, generator: np.random.Generator | None = None, dtype: DTypeLike | None = None
) -> np.ndarray:
    """U(-a, a) with a = sqrt(6 / (fan_in + fan_out)), which keeps variances through tanh layers.

    Glorot and Bengio, Understanding the difficulty of training deep feedforward networks, 2010.

    >>> weight = nn.init.glorot_uniform((3, 2), generator=np.random.default_rng(0))
    >>> bool(abs(weight).max() <= np.sqrt(6 / 5))
    True
    """
    return _uniform(math.sqrt(6 / sum(_fans(shape))), shape, generator, dtype)


def glorot_normal(
    shape: Shape, generator: np.random.Generator | None = None, dtype: DTypeLike | None = None
) -> np.ndarray:
    """N(0, s²) with s = sqrt(2 / (fan_in + fan_out)). Glorot and Bengio, 2010.

    >>> nn.init.glorot_normal((3, 2), generator=np.random.default_rng(0)).shape
    (3, 2)
    """
    return _normal(math.sqrt(2 / sum(_fans(shape))), shape, generator, dtype)


def he_uniform(
    shape: Shape, generator: np.random.Generator | None = None, dtype: DTypeLike | None = None
) -> np.ndarray:
    """U(-a, a) with a = sqrt(6 / fan_in), which keeps variances through relu layers.

    He et al., Delving deep into rectifiers, 2015.

    >>> weight = nn.init.he_uniform((3, 2), generator=np.random.default_rng(0))
    >>> bool(abs(weight).max() <= np.sqrt(6 / 2))
    True
    """
    return _uniform(math.sqrt(6 / _fans(shape)[0]), shape, generator, dtype)


def he_normal(shape: Shape, generator: np.random.Generator | None = None, dtype: DTypeLike | None = None) -> np.ndarray:
    """N(0, s²) with s = sqrt(2 / fan_in). He et al., 2015.

    >>> nn.init.he_normal((8, 3, 5, 5), generator=np.random.default_rng(0)).shape
    (8, 3, 5, 5)
    """
    return _normal(math.sqrt(2 / _fans(shape)[0]), shape, generator, dtype)


def lecun_uniform(
    shape: Shape, generator: np.random.Generator | None = None, dtype: DTypeLike | None = None
) -> np.ndarray:
    """U(-a, a) with a = sqrt(3 / fan_in): the variance 1 / fan_in. LeCun et al., Efficient backprop, 1998.

    >>> weight = nn.init.lecun_uniform((3, 2), generator=np.random.default_rng(0))
    >>> bool(abs(weight).max() <= np.sqrt(3 / 2))
    True
    """
    return _uniform(math.sqrt(3 / _fans(shape)[0]), shape, generator, dtype)


def lecun_normal(
    shape: Shape, generator: np.random.Generator | None = None, dtype: DTypeLike | None = None
) -> np.ndarray:
    """N(0, s²) with s = sqrt(1 / fan_in), which ``SELU`` layers take (Klambauer et al., 2017). LeCun et al., 1998.

    >>> nn.init.lecun_normal((3, 2), generator=np.random.default_rng(0)).dtype
    dtype('float32')
    """
    return _normal(math.sqrt(1 / _fans(shape)[0]), shape, generator, dtype)


def orthogonal(
    shape: Shape, generator: np.random.Generator | None = None, dtype: DTypeLike | None = None
) -> np.ndarray:
    """A random matrix (out, in * prod(kernel)) whose rows, or columns if these are fewer, are orthonormal.

    The Q of the QR decomposition of a normal matrix, with the signs (or phases) of R's diagonal, without which not all
    orthogonal matrices would be equally likely (Mezzadri, 2007). Saxe, McClelland and Ganguli, Exact solutions to the
    nonlinear dynamics of learning in deep linear neural networks, 2013.

    >>> weight = nn.init.orthogonal((3, 3), generator=np.random.default_rng(0))
    >>> bool(np.allclose(weight @ weight.T, np.eye(3), atol=1e-6))
    True
    """
    inputs, _ = _fans(shape)
    tall = (max(shape[0], inputs), min(shape[0], inputs))
    generator = generator_or_default(generator)
    kind = dtype_or_default(dtype)
    wide = np.result_type(kind, np.float64)
    q, r = np.linalg.qr(_drawn(lambda: generator.standard_normal(tall), wide))
    q = q * np.sign(np.diagonal(r))
    weight: np.ndarray = (q if shape[0] >= inputs else q.T).reshape(shape)
    return weight.astype(kind)


def truncated_normal(
    shape: Shape, generator: np.random.Generator | None = None, dtype: DTypeLike | None = None, std: float = 0.02
) -> np.ndarray:
    """N(0, std²), drawn again where it is farther than 2 std from 0, which leaves a standard deviation of 0.88 std.

    As the weights and embeddings of BERT begin (Devlin et al., 2018). For another std:
    ``functools.partial(nn.init.truncated_normal, std=0.1)``.

    >>> bool(abs(nn.init.truncated_normal((100, 8), generator=np.random.default_rng(0))).max() <= 0.04)
    True
    """
    generator = generator_or_default(generator)

    def draw() -> np.ndarray:
        drawn = generator.standard_normal(shape)
        while (far := np.abs(drawn) > 2).any():
            drawn[far] = generator.standard_normal(np.count_nonzero(far))
        return std * drawn

    return _drawn(draw, dtype)


def notebook(shape: Shape, generator: np.random.Generator | None = None, dtype: DTypeLike | None = None) -> np.ndarray:
    """N(0, 0.01²), as the notebook of "Neural Networks from Scratch" writes ``0.01 * randn``.

    >>> bool(abs(nn.init.notebook((64, 2), generator=np.random.default_rng(0))).max() < 0.1)
    True
    """
    return _normal(0.01, shape, generator, dtype)


def standard_normal(
    shape: Shape, generator: np.random.Generator | None = None, dtype: DTypeLike | None = None
) -> np.ndarray:
    """N(0, 1), with which embeddings begin.

    >>> nn.init.standard_normal((100, 8), generator=np.random.default_rng(0)).shape
    (100, 8)
    """
    return _normal(1, shape, generator, dtype)


#: The initialisers by name.
INITIALIZERS: dict[str, Initializer] = {
    f.__name__: f
    for f in (
        glorot_uniform,
        glorot_normal,
        he_uniform,
        he_normal,
        lecun_uniform,
        lecun_normal,
        orthogonal,
        truncated_normal,
        notebook,
        standard_normal,
    )
}

#: What other frameworks call them.
_ELSEWHERE = {"xavier": "glorot", "kaiming": "he"}


def initializer(which: str | Initializer) -> Initializer:
    """The initialiser of this name; a function is taken as it is. Raises ``HyperparameterError``."""
    if callable(which):
        return which
    if not isinstance(which, str) or which not in INITIALIZERS:
        author, _, kind = str(which).partition("_")
        here = f"{_ELSEWHERE.get(author)}_{kind}"
        hint = f"; {which!r} is called {here!r} here" if here in INITIALIZERS else ""
        raise HyperparameterError(f"init={which!r} is no initialiser: expected one of {', '.join(INITIALIZERS)}{hint}")
    return INITIALIZERS[which]


def drawn(
    layer: str, which: str | Initializer, shape: Shape, generator: np.random.Generator | None, dtype: DTypeLike
) -> np.ndarray:
    """The weight that a layer begins with, in an array of its own. Raises ``ShapeError`` for one of another shape."""
    weight = initializer(which)(shape, generator, dtype)
    if np.shape(weight) != shape:
        raise ShapeError(f"{layer}: init gave shape {np.shape(weight)} for a weight of shape {shape}")
    return np.array(weight, dtype)


if not TYPE_CHECKING:
    __getattr__ = missing_from(__name__)
    __path__ = ()  # where an import looks for what is missing, so that it gives this answer too
