"""Freed memory is kept for the next array, instead of going back to the system and coming again page by page.

A training step makes and frees the same arrays each time. The C library of Linux gives freed memory back at once until
it has seen a large block come and go; from then on it keeps up to twice that size. A third of a small transformer's
step was spent on pages that had just been given back. The block is never written to, so it costs no memory; with other
C libraries nothing changes.
"""

from __future__ import annotations

import numpy as np

BLOCK = (32 << 20) - (8 << 10)  # just below 32 MB, the largest block that counts


def keep_freed_memory() -> None:
    """Let a large block come and go."""
    np.empty(BLOCK, np.uint8)
