"""The block of memory that comes and goes at the import costs nothing that stays."""

import tracemalloc

from minigrad.core.allocator import BLOCK, keep_freed_memory


def test_the_block_is_given_back():
    tracemalloc.start()
    try:
        before = tracemalloc.get_traced_memory()[0]
        keep_freed_memory()
        now, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert now - before < 10_000
    assert peak - before >= BLOCK
    assert BLOCK < 32 << 20  # the largest that counts
