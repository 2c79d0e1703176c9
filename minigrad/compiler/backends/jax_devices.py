"""Where the arrays of a program lie: a mesh of JAX's devices, and what of a program is spread over it.

Arguments whose first axis divides by the number of devices are spread along it; everything else is on each. With
``shard`` a part of the state is on each: of each piece of weights and momenta, and of each gradient, that divides.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import jax
import numpy as np
from jax.sharding import Mesh, NamedSharding, PartitionSpec

from minigrad.compiler.backends.jax_processes import global_array, span
from minigrad.compiler.program import ARGUMENT


class Placement(NamedTuple):
    """How the inputs of a program lie on the devices, and its results."""

    inputs: tuple[Any, ...]
    results: Any
    spread: list[str]  # the names of the arguments that are


def _laid(devices: Sequence[Any]) -> tuple[Any, Any]:
    """The values that are spread over the devices, and those that each holds whole."""
    mesh = Mesh(np.array(devices), ("batch",))
    return NamedSharding(mesh, PartitionSpec("batch")), NamedSharding(mesh, PartitionSpec())


def divides(shape: tuple[int, ...], parts: int) -> bool:
    """Whether an array can be cut into this number of parts."""
    return shape[:1] > (0,) and shape[0] % parts == 0


@functools.cache
def putter(devices: tuple[Any, ...] | None, shard: bool) -> Callable[[np.ndarray], Any]:
    """What copies an array to the devices, a part to each with ``shard``: the same function for the same devices."""
    along, whole = (None, None) if devices is None else _laid(devices)

    def put(array: np.ndarray) -> Any:
        where = along if shard and divides(array.shape, len(devices or ())) else whole
        with jax.enable_x64(True):
            if span(devices):
                return global_array(array.copy(), where)
            return jax.device_put(array.copy(), where)  # JAX may keep what it gets

    return put


def placed(inputs: Sequence[Any], results: Any, devices: Sequence[Any], shard: bool) -> Placement:
    """Placements of the inputs and of the results, a tree of shapes. An input that is no value is state."""
    along, whole = _laid(devices)

    def state(x: Any) -> Any:
        return along if shard and divides(x.shape, len(devices)) else whole

    spread = [getattr(x, "kind", "") == ARGUMENT and divides(x.shape, len(devices)) for x in inputs]
    laid = [
        along if is_spread else whole if hasattr(x, "kind") else state(x)
        for x, is_spread in zip(inputs, spread, strict=True)
    ]
    names = [x.name for x, is_spread in zip(inputs, spread, strict=True) if is_spread and len(devices) > 1]
    return Placement(tuple(laid), jax.tree.map(state, results), names)
