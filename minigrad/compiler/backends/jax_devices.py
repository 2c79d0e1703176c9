"""Where the arrays of a program lie: a mesh of JAX's devices, and what of a program is spread over it.

Arguments whose first axis divides by the number of devices are spread along it; everything else is on each.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from jax.sharding import Mesh, NamedSharding, PartitionSpec

from minigrad.compiler.program import ARGUMENT, Value


class Placement(NamedTuple):
    """How the inputs of a program lie on the devices, and its results."""

    inputs: tuple[Any, ...]
    results: Any
    spread: list[str]  # the names of the arguments that are


def placed(values: Sequence[Value], devices: Sequence[Any]) -> Placement:
    """Where the values that come in lie, and what comes out."""
    mesh = Mesh(np.array(devices), ("batch",))
    along, whole = NamedSharding(mesh, PartitionSpec("batch")), NamedSharding(mesh, PartitionSpec())
    n = len(devices)
    divided = [value.kind == ARGUMENT and value.shape[:1] > (0,) and value.shape[0] % n == 0 for value in values]
    names = [value.name for value, divides in zip(values, divided, strict=True) if divides and n > 1]
    return Placement(tuple([along if divides else whole for divides in divided]), whole, names)
