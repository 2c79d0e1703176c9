"""Programs whose devices belong to several processes: each puts in its own part, and all get the same results.

An argument that is spread needs only the rows of this process' devices to be there; what is whole must be the same in
all processes.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import jax
import numpy as np

from minigrad.distributed.reporting import meeting
from minigrad.errors import CompileError


def span(devices: Sequence[Any] | None) -> bool:
    """Whether devices belong to several processes. Raises ``CompileError`` where this process has none of them."""
    if devices is None or len({device.process_index for device in devices}) == 1:
        return False
    if all(device.process_index != jax.process_index() for device in devices):
        raise CompileError("mg.compile: none of devices= is of this process: pass jax.devices(), those of all")
    return True


def global_array(array: Any, sharding: Any) -> Any:
    """An array of all processes, from what this one has of it."""
    if isinstance(array, jax.Array) and not array.is_fully_addressable:
        return array
    whole = np.asarray(array)
    return jax.make_array_from_callback(whole.shape, sharding, lambda index: whole[index])


def check_callbacks(devices: int, names: Sequence[str]) -> None:
    """Raise ``CompileError`` where a program of several devices calls NumPy: they would wait for each other forever."""
    if devices > 1 and names:
        raise CompileError(
            f"mg.compile: JAX has no {', '.join(sorted(set(names)))} as it is called here. NumPy's own would run on "
            "the host in the middle of the program, which several devices cannot wait for: leave it out of the step, "
            "or use one device"
        )


def together(compiled: Callable[..., Any], shardings: Sequence[Any]) -> Callable[..., Any]:
    """A program as all processes call it."""

    def run(*inputs: Any) -> Any:
        placed = [global_array(x, sharding) for x, sharding in zip(inputs, shardings, strict=True)]
        with meeting():
            return jax.block_until_ready(compiled(*placed))

    return run
