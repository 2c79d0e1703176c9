"""The package's own random generator, for whoever passes none; the global ``np.random`` is never used."""

from __future__ import annotations

import numpy as np

_generator: list[np.random.Generator] = [np.random.default_rng()]


def manual_seed(seed: int) -> None:
    """Restart the package's generator, so that what is drawn from here on can be drawn again."""
    _generator[0] = np.random.default_rng(seed)


def generator_or_default(generator: np.random.Generator | None) -> np.random.Generator:
    """The generator that was passed, or the package's own."""
    return _generator[0] if generator is None else generator
