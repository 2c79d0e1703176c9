"""Random generators of all kinds: NumPy's old and new ones, Python's, and what new ones are spawned from."""

from __future__ import annotations

import functools
import random
from collections.abc import Mapping
from typing import Any

import numpy as np

from minigrad.errors import StateError
from minigrad.random import generator_state, set_generator_state

GENERATORS = (np.random.Generator, np.random.RandomState, random.Random, np.random.BitGenerator, np.random.SeedSequence)


def _owner(method: Any) -> Any:
    """The generator that a function of Python or NumPy draws from."""
    return method.__self__


#: What Python's own functions draw from, as NumPy's draw from another; a checkpoint has both anyhow.
PYTHON: random.Random = _owner(random.random)


@functools.cache
def global_generators() -> frozenset[int]:
    """The ids of those that NumPy's and Python's own functions draw from."""
    return frozenset({id(PYTHON), id(_owner(np.random.rand))})


def state_of(generator: Any) -> dict[str, Any]:
    """The state of a generator of any kind, in the form that ``mg.save`` saves."""
    if isinstance(generator, random.Random):
        version, internal, gauss = generator.getstate()
        return {"version": version, "state": np.array(internal, np.uint32), "gauss": gauss}
    if isinstance(generator, np.random.RandomState):
        return dict(generator.get_state(legacy=False))
    state = {"children": _children(generator)}
    if isinstance(generator, np.random.SeedSequence):
        return state
    if isinstance(generator, np.random.BitGenerator):
        generator = np.random.Generator(generator)
    return {**generator_state(generator), **state}


def _seeds(generator: Any) -> Any:
    """The seed from which ``spawn`` makes new generators."""
    if isinstance(generator, np.random.SeedSequence):
        return generator
    return getattr(generator, "bit_generator", generator).seed_seq


def _children(generator: Any) -> int:
    return getattr(_seeds(generator), "n_children_spawned", 0)


def set_state_of(generator: Any, state: Mapping[str, Any], spawn: bool = True) -> None:
    """Let it go on from there; with ``spawn`` it has made as many children, too.

    Raises ``StateError`` where it has made more: that cannot be taken back.
    """
    if isinstance(generator, random.Random):
        generator.setstate((state["version"], tuple(state["state"].tolist()), state["gauss"]))
    elif isinstance(generator, np.random.RandomState):
        generator.set_state(dict(state))
    else:
        missing = state.get("children", 0) - _children(generator)
        if spawn and missing < 0:
            raise StateError(
                f"a {type(generator).__name__} has made {-missing} more generators by spawn() than it had at the "
                "checkpoint, which cannot be taken back: go on in a new process"
            )
        if spawn and missing:
            _seeds(generator).spawn(missing)
        if not isinstance(generator, np.random.SeedSequence):
            bits = isinstance(generator, np.random.BitGenerator)
            known = {name: value for name, value in state.items() if name != "children"}
            set_generator_state(known, np.random.Generator(generator) if bits else generator)
