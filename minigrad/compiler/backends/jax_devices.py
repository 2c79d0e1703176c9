"""Where the arrays of a program lie: a mesh of JAX's devices, and what of a program is spread over it.

Arguments whose first axis divides by the number of devices are spread along it; everything else is on each.
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


@functools.cache
def putter(devices: tuple[Any, ...] | None) -> Callable[[np.ndarray], Any]:
    """What copies an array to the devices: the same function for the same devices."""
    where = None if devices is None else NamedSharding(Mesh(np.array(devices), ("batch",)), PartitionSpec())

    def put(array: np.ndarray) -> Any:
        with jax.enable_x64(True):
            if span(devices):
                return global_array(array.copy(), where)
            return jax.device_put(array.copy(), where)  # JAX may keep what it gets

    return put


def placed(values: Sequence[Any], devices: Sequence[Any]) -> Placement:
    """Where the values that come in lie, and what comes out; what is no value is on each device."""
    mesh = Mesh(np.array(devices), ("batch",))
    along, whole = NamedSharding(mesh, PartitionSpec("batch")), NamedSharding(mesh, PartitionSpec())
    n = len(devices)
    divided = [
        getattr(value, "kind", "") == ARGUMENT and value.shape[:1] > (0,) and value.shape[0] % n == 0
        for value in values
    ]
    names = [value.name for value, divides in zip(values, divided, strict=True) if divides and n > 1]
    return Placement(tuple([along if divides else whole for divides in divided]), whole, names)
