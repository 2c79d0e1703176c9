"""Locks and ``os.fork``: a process is copied while nobody holds one of these locks.

A child has one thread, and a lock that another one held in the parent is never let go there. So whoever forks waits for
these locks first, and what they guard is whole on both sides.
"""

from __future__ import annotations

import os
import threading
import weakref
from typing import Any

#: Seconds to wait for one lock, at most: its thread may wait for the one that forks.
_PATIENCE = 10.0

_first = threading.RLock()
_locks: weakref.WeakSet[Any] = weakref.WeakSet()
_held: list[Any] = []


def whole_at_fork(lock: Any) -> Any:
    """The lock, which is free in a child unless the thread that forks holds it."""
    _locks.add(lock)
    return lock


def _before() -> None:
    _held.extend(lock for lock in (_first, *sorted(_locks, key=id)) if lock.acquire(timeout=_PATIENCE))


def _after() -> None:
    while _held:
        _held.pop().release()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(before=_before, after_in_parent=_after, after_in_child=_after)
