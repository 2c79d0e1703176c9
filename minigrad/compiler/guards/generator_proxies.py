"""Generators that a step draws from by itself, ``rng.normal(...)``: what stands for one while the step is recorded.

NumPy's class is written in C, and nobody can listen at an object of it. So wherever a name leads to one, another with
the same stream stands in its place, of which the methods are noted as draws: they happen in each replay. What it does
not note (drawing into an array, shuffling a list) is found by how far the stream has come, and is refused.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import numpy as np

from minigrad.core.context import recorder
from minigrad.core.conversion import NumberStand, Stand
from minigrad.random import drawn

#: Methods that give new numbers, and change nothing but the stream.
METHODS = (
    "beta", "binomial", "chisquare", "choice", "dirichlet", "exponential", "f", "gamma", "geometric", "gumbel",
    "hypergeometric", "integers", "laplace", "logistic", "lognormal", "logseries", "multinomial", "multivariate_normal",
    "negative_binomial", "noncentral_chisquare", "normal", "pareto", "permutation", "poisson", "power", "random",
    "rayleigh", "standard_cauchy", "standard_exponential", "standard_gamma", "standard_normal", "standard_t",
    "triangular", "uniform", "vonmises", "wald", "weibull", "zipf",
)  # fmt: skip

_PLAIN = (int, float, bool, str, type(None), np.generic, np.dtype, type, NumberStand, Stand)


def is_stream(x: Any) -> bool:
    """Whether it is a generator of NumPy's very class."""
    return type(x).__name__ == "Generator" and type(x).__module__ == "numpy.random._generator"


def stand_for(generator: Any) -> Any:
    """What stands for a generator while a step is recorded."""
    made = _kind()(generator.bit_generator)
    made.original = generator
    return made


def original_of(generator: Any) -> Any:
    """The generator that something stands for, or itself."""
    return getattr(generator, "original", generator)


@functools.cache
def _kind() -> Any:
    """Made when it is needed: numpy.random takes time to import."""
    members: dict[str, Any] = {name: _drawing(name) for name in METHODS}
    members["spawn"] = lambda self, n_children: self.original.spawn(n_children)  # it makes objects of its own class
    members["__reduce__"] = lambda self: self.original.__reduce__()
    return type("Generator", (np.random.Generator,), members)


def _drawing(name: str) -> Callable[..., Any]:
    def method(self: Any, *args: Any, **options: Any) -> Any:
        recording = recorder()
        if recording is None or "out" in options or not _is_plain((args, *options.values())):
            return getattr(self.original, name)(*args, **options)
        return recording.draw(drawn, self.original, (name, *args), options)

    return method


def _is_plain(x: Any) -> bool:
    return all(map(_is_plain, x)) if type(x) is tuple else isinstance(x, _PLAIN)
