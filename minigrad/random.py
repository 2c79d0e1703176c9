"""The package's own random generator, for whoever passes none; the global ``np.random`` is never used."""

from __future__ import annotations

import functools
import importlib
import threading
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import DTypeLike

from minigrad.core.batches import active, inside, refuse_in_body
from minigrad.core.checks import whole
from minigrad.core.context import own_reads, recorder
from minigrad.errors import HyperparameterError, StateError
from minigrad.support.forking import whole_at_fork
from minigrad.support.idioms import missing_from

__all__ = ["default_generator", "generator_state", "manual_seed", "set_generator_state"]

#: Held while the package's generator is drawn from, and by a compiled function that draws twice to audit itself.
turns = whole_at_fork(threading.RLock())

package_generator: list[np.random.Generator] = []  # made when it is first needed: numpy.random takes time to import


def manual_seed(seed: int) -> None:
    """Restart the package's generator, so that what is drawn from here on can be drawn again.

    >>> mg.manual_seed(0)
    >>> first = mg.nn.Linear(2, 3).weight
    >>> mg.manual_seed(0)
    >>> bool((mg.nn.Linear(2, 3).weight == first).all())
    True
    """
    package_generator[:] = [np.random.default_rng(whole("manual_seed", "seed", seed, 0))]


def default_generator() -> np.random.Generator:
    """The package's own generator: what it draws next is its ``bit_generator.state``, to be saved and set again.

    >>> type(mg.random.default_generator()).__name__
    'Generator'
    """
    if not package_generator:
        with own_reads():  # it has a state from then on
            package_generator.append(np.random.default_rng())
    return package_generator[0]


def generator_or_default(generator: np.random.Generator | None) -> np.random.Generator:
    """The generator that was passed, or the package's own. Raises ``HyperparameterError`` for what is none."""
    if generator is None:
        return default_generator()
    if not isinstance(generator, np.random.Generator):
        raise HyperparameterError(
            f"generator is a numpy.random.Generator, got {generator!r:.60}: write np.random.default_rng(seed)"
        )
    return generator


def drawing(function: Callable[..., Any]) -> Callable[..., Any]:
    """A function that draws an array from the generator that is its first argument, given shapes and numbers.

    With None for a generator it gets the package's own. In a compiled step it runs at each replay, where what is drawn
    otherwise is refused.

    >>> from minigrad.random import drawing
    >>> @drawing
    ... def noise(generator, shape, scale):
    ...     return generator.standard_normal(shape, np.float32) * np.float32(scale)
    >>> noise(np.random.default_rng(0), (2,), 0.1)
    array([ 0.1117622, -0.1387125], dtype=float32)
    """

    @functools.wraps(function)
    def draw(generator: np.random.Generator | None, *args: Any) -> Any:
        refuse_in_body("random numbers are drawn", "draw those of all steps outside, and pass them as xs")
        if active():
            return _for_members(draw, generator, args)
        recording = recorder()
        if recording is not None:
            return recording.draw(draw, generator, args)
        if generator is None:
            with turns:
                return function(default_generator(), *args)
        return function(generator_or_default(generator), *args)

    return draw


def _for_members(draw: Callable[..., Any], generator: np.random.Generator | None, args: tuple[Any, ...]) -> Any:
    """The draws for each member of the current batches of ``vmap``, in the order of a loop over them."""
    batches = active()
    rules = importlib.import_module("minigrad.batching.rules")  # imported by now: a program without vmap does without
    with inside(()):
        if all(batch.size for batch in batches):
            return rules.by_all_members(batches, functools.partial(draw, generator), args)
        return rules.by_all_members(batches, functools.partial(draw, np.random.default_rng(0)), args)  # to see a shape


@drawing
def mask(generator: np.random.Generator, shape: tuple[int, ...], keep: float, dtype: DTypeLike) -> Any:
    """An array of 1 / keep with probability ``keep``, else 0: its mean is 1. All that dropout draws is drawn here.

    ``generator`` may be None for the package's own; ``keep`` is in [0, 1].
    """
    is_kept = generator.random(shape, np.float32) < keep
    return is_kept * np.asarray(1 / keep if keep else 0, dtype)


@drawing
def drawn(generator: np.random.Generator, method: str, *args: Any, **options: Any) -> Any:
    """The result of a method of a generator."""
    return getattr(generator, method)(*args, **options)


def generator_state(generator: np.random.Generator | None = None) -> dict[str, Any]:
    """All that decides what ``generator`` draws next: ints, strings and arrays, which ``mg.save`` saves exactly.

    None is the package's own generator. Every NumPy ``BitGenerator`` is supported. How many children have been
    made with ``spawn`` is not part of it.

    >>> from minigrad.random import generator_state, set_generator_state
    >>> generator = np.random.default_rng(0)
    >>> state = generator_state(generator)
    >>> first = generator.random()
    >>> set_generator_state(state, generator)
    >>> generator.random() == first
    True
    """
    return dict(generator_or_default(generator).bit_generator.state)  # NumPy makes it anew for each call


def set_generator_state(state: Mapping[str, Any], generator: np.random.Generator | None = None) -> None:
    """Let ``generator`` (None: the package's own) draw what the one that ``state`` was taken from would draw next.

    The generator stays the same object, so whoever holds it goes on from there too. Raises ``StateError``, and
    changes nothing, for the state of another kind of bit generator or one that is incomplete.

    >>> generator = np.random.default_rng(0)
    >>> state = mg.random.generator_state(generator)
    >>> first = generator.random()
    >>> mg.random.set_generator_state(state, generator)
    >>> generator.random() == first
    True
    """
    bits = generator_or_default(generator).bit_generator
    bits.state = _state_of(state, type(bits))


def generator_from(state: Mapping[str, Any], like: np.random.Generator) -> np.random.Generator:
    """A new generator of the kind of ``like`` in that state."""
    bits = type(like.bit_generator)()
    bits.state = _state_of(state, type(bits))
    return np.random.Generator(bits)


def _state_of(state: Any, kind: type[np.random.BitGenerator]) -> dict[str, Any]:
    """The state as such a bit generator has it; a wrong one, set half-way, would leave one that is neither."""
    name = state.get("bit_generator") if isinstance(state, Mapping) else state
    if not isinstance(name, str) or name != kind.__name__:
        raise StateError(f"the generator is a {kind.__name__}, and the state is of {name!r:.60}")
    trial = kind()
    try:
        trial.state = dict(state)
        return dict(trial.state)
    except (ValueError, TypeError, KeyError, OverflowError, AttributeError, IndexError) as error:
        raise StateError(f"this is no state of a {kind.__name__}: {error!r}") from error


if not TYPE_CHECKING:
    __getattr__ = missing_from(__name__)
    __path__ = ()  # where an import looks for what is missing, so that it gives this answer too
