"""What each process says, told to all of them: bytes, through JAX."""

from __future__ import annotations

import importlib
from typing import Any

import numpy as np

from minigrad.distributed.reporting import meeting
from minigrad.distributed.variables import size

_FRAME = 1024  # bytes that go in the first exchange; what is longer takes a second one


def gathered(payload: bytes, what: str = "an agreement") -> list[bytes]:
    """The payload of each rank, in their order. All ranks must call it."""
    if size() == 1:
        return [payload]
    head = len(payload).to_bytes(8, "little") + payload[: _FRAME - 8]
    heads = _exchanged(head, _FRAME, what)
    lengths = [int.from_bytes(one[:8], "little") for one in heads]
    if max(lengths) <= _FRAME - 8:
        return [one[8 : 8 + length] for one, length in zip(heads, lengths, strict=True)]
    # Frames are powers of 2 long: an exchange of each length is compiled once.
    whole = _exchanged(payload, 1 << (max(lengths) - 1).bit_length(), what)
    return [one[:length] for one, length in zip(whole, lengths, strict=True)]


def _exchanged(payload: bytes, length: int, what: str) -> list[bytes]:
    frame = np.zeros(length, np.uint8)
    frame[: len(payload)] = np.frombuffer(payload, np.uint8)
    with meeting(what):
        frames = _multihost().process_allgather(frame)
    return [row.tobytes() for row in np.asarray(frames)]


def gathered_rows(rows: np.ndarray) -> np.ndarray:
    """The rows of all ranks below each other; each rank has the same number."""
    with meeting("rows of the others"):
        all_rows = _multihost().process_allgather(rows, tiled=True)
    return np.asarray(all_rows)


def _multihost() -> Any:
    return importlib.import_module("jax.experimental.multihost_utils")
