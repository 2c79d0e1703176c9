"""The processes join: JAX learns of the others, and its devices are those of all of them."""

from __future__ import annotations

import importlib
import importlib.util
import math
from typing import Any

from minigrad.distributed.reporting import AT_THE_END, meeting, report_to
from minigrad.distributed.variables import Place, place
from minigrad.errors import StateError

_joined: list[Place] = []


def start() -> bool:
    """Join the other processes, if ``python -m minigrad launch`` started this one; returns whether there are others.

    A script that the launcher starts has already joined. A process that was started in another way, with the
    environment variables ``MINIGRAD_RANK``, ``MINIGRAD_WORLD_SIZE`` and ``MINIGRAD_COORDINATOR``, calls this function
    before it asks JAX for devices; a ``Trainer`` with ``backend="jax"`` calls it too. If this is the only process,
    nothing happens.

    Raises ``StateError`` if JAX has been used before, and ``ImportError`` if it is not installed.

    >>> mg.distributed.start()  # this process is alone
    False
    """
    own = place()
    if own is not None:
        report_to(own)
    if own is None or own.size == 1:
        return False
    if not _joined:
        _join(own)
        _joined.append(own)
    return True


def _join(own: Place) -> None:
    if importlib.util.find_spec("jax") is None:
        raise ImportError(f"{own.size} processes train together through JAX, which is not installed: pip install jax")
    jax: Any = importlib.import_module("jax")
    if jax.distributed.is_initialized():
        return
    # Between CPUs; other devices have their own ways.
    jax.config.update("jax_cpu_collectives_implementation", "gloo")
    limit = math.ceil(own.limit) + 60  # the launcher is quicker, and says more
    try:
        with meeting("the beginning"):
            jax.distributed.initialize(
                own.coordinator,
                own.size,
                own.rank,
                initialization_timeout=limit,
                heartbeat_timeout_seconds=limit,
                shutdown_timeout_seconds=limit,
                coordinator_bind_address=own.coordinator if own.coordinator.startswith("127.") else None,
            )
    except RuntimeError as error:
        if "before" not in str(error):
            raise
        raise StateError(
            "the processes join before JAX computes anything or is asked for its devices: call "
            "minigrad.distributed.start() first"
        ) from error


def leave() -> None:
    """Wait until all have come to their end."""
    if _joined:
        with meeting(AT_THE_END):
            importlib.import_module("jax").distributed.shutdown()
