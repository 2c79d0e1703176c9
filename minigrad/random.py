"""The package's own random generator, for whoever passes none; the global ``np.random`` is never used."""

from __future__ import annotations

import numpy as np

_generator: list[np.random.Generator] = []  # made when it is first needed: numpy.random takes time to import


def manual_seed(seed: int) -> None:
    """Restart the package's generator, so that what is drawn from here on can be drawn again."""
    _generator[:] = [np.random.default_rng(seed)]


def generator_or_default(generator: np.random.Generator | None) -> np.random.Generator:
    """The generator that was passed, or the package's own."""
    if generator is not None:
        return generator
    if not _generator:
        _generator.append(np.random.default_rng())
    return _generator[0]
