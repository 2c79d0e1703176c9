"""The package's own random generator, for whoever passes none; the global ``np.random`` is never used."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from typing import Any

import numpy as np

from minigrad.errors import StateError

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


def generator_state(generator: np.random.Generator | None = None) -> dict[str, Any]:
    """All that decides what ``generator`` draws next: ints, strings and arrays, which ``mg.save`` saves exactly.

    None is the package's own generator. Every NumPy ``BitGenerator`` is supported. How many children have been
    made with ``spawn`` is not part of it.

    >>> import numpy as np
    >>> from minigrad.random import generator_state, set_generator_state
    >>> generator = np.random.default_rng(0)
    >>> state = generator_state(generator)
    >>> first = generator.random()
    >>> set_generator_state(state, generator)
    >>> generator.random() == first
    True
    """
    return copy.deepcopy(dict(generator_or_default(generator).bit_generator.state))


def set_generator_state(state: Mapping[str, Any], generator: np.random.Generator | None = None) -> None:
    """Let ``generator`` (None: the package's own) draw what the one that ``state`` was taken from would draw next.

    The generator stays the same object, so whoever holds it goes on from there too. Raises ``StateError``, and
    changes nothing, for the state of another kind of bit generator or one that is incomplete.
    """
    bits = generator_or_default(generator).bit_generator
    kind = type(bits)
    given = state.get("bit_generator") if isinstance(state, Mapping) else state
    if given != kind.__name__:
        raise StateError(f"the generator is a {kind.__name__}, and the state is of {given!r:.60}")
    trial = kind()
    try:
        trial.state = dict(state)  # a state that is wrong half-way would leave a generator that is neither
        complete = trial.state
    except (ValueError, TypeError, KeyError, OverflowError, AttributeError, IndexError) as error:
        raise StateError(f"this is no state of a {kind.__name__}: {error!r}") from error
    bits.state = complete
