"""Functions behind ``functools.lru_cache``: what they have kept is found by calling them, and by no other name.

While a step is recorded, another stands in the place of such a function. What it gives for plain arguments is computed
as it is written, since the cache keeps it, and is watched: before each replay the cache must give the very same object.
"""

from __future__ import annotations

import functools
from collections.abc import Iterator
from types import MethodType
from typing import TYPE_CHECKING, Any

import numpy as np

from minigrad.compiler.guards.read_tracking import Reads
from minigrad.compiler.tracing.numeric_arguments import taken
from minigrad.core.context import ModeContext, is_recording, recorder
from minigrad.core.graph import Node
from minigrad.core.stands import Stand
from minigrad.core.tensor import Tensor
from minigrad.core.trees import flat

if TYPE_CHECKING:
    from minigrad.compiler.guards.reachable import Reach


class _Paused(ModeContext):
    """Inside, nothing is recorded in the program."""

    def changed(self, _: Any) -> Any:
        """The mode inside: a graph is recorded if it is outside."""
        return Node if is_recording() else None


class Cached:
    """What stands for a cached function; ``reach`` watches what the function gives."""

    def __init__(self, original: Any, name: str, reach: Reach) -> None:
        self._original, self._name, self._reach = original, name, reach

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """What the function gives; numbers of the step are those of this call."""
        recording = recorder()
        if recording is None or any(isinstance(x, (Tensor, Stand)) for x in flat((args, kwargs))):
            return self._original(*args, **kwargs)
        args, kwargs = taken(args), {key: taken(x) for key, x in kwargs.items()}
        with _Paused():
            result = self._original(*args, **kwargs)
            is_kept = self._original(*args, **kwargs) is result
        if not is_kept:  # as much a part of the step as a function without a cache
            return result
        if any(isinstance(x, Tensor) and x._node is not None for x in flat(result)):
            raise recording.refusal(
                f"{self._name} keeps a tensor with its graph from one call to the next, where a program has none",
                "let it give x.detach(), or compute it in the step",
            )
        again, name = functools.partial(self._original, *args, **kwargs), f"what {self._name} keeps"
        self._reach.guards.add(name, "result", again, id(again), result)
        self._reach.look(result, name)
        for x in flat(result):
            data = x._array if isinstance(x, Tensor) else x
            if isinstance(data, np.ndarray):
                self._reach.names.setdefault(id(data), name)
        return result

    def __get__(self, instance: Any, owner: type | None = None) -> Any:
        return self if instance is None else MethodType(self, instance)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._original, name)


def cached(reach: Reach) -> Iterator[tuple[Reads, Any]]:
    """Where each cached function in reach lies, and what stands for it."""
    for x in reach.seen():
        if isinstance(x, functools._lru_cache_wrapper) and id(x) in reach.holders:
            name = getattr(x, "__name__", "a cached function")
            yield Reads(name, x, reach.holders[id(x)]), Cached(x, name, reach)
