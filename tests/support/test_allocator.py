"""The block of memory that comes and goes at the import costs nothing that stays."""

from minigrad.support.allocator import BLOCK, keep_freed_memory
from tests.memory import allocations


def test_the_block_is_given_back():
    with allocations() as traced:
        before = traced()[0]
        keep_freed_memory()
        now, peak = traced()
    assert now - before < 10_000
    assert peak - before >= BLOCK
    assert BLOCK < 32 << 20  # the largest that counts
