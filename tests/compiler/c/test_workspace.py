"""Memory that is shared in time: nobody writes over what somebody still reads."""

import numpy as np

from minigrad.compiler.backends.kernel_kinds import F4
from minigrad.compiler.c.places import Block
from minigrad.compiler.c.workspace import ALIGNED, Workspace


def test_blocks_that_live_together_lie_apart():
    generator, work, alive = np.random.default_rng(0), Workspace(), {}
    most = 0
    for _ in range(500):
        if alive and generator.random() < 0.5:
            block = list(alive)[generator.integers(len(alive))]
            del alive[block]
            work.let_go(block)
            continue
        block = Block(F4, int(generator.integers(0, 200)))
        start = work.take(block)
        assert start % ALIGNED == 0
        assert start + block.nbytes <= work.size
        assert all(start + block.nbytes <= s or s + b.nbytes <= start for b, s in alive.items())
        alive[block] = start
        most = max(most, sum(-(-max(b.nbytes, 1) // ALIGNED) * ALIGNED for b in alive))
    assert work.size < 2 * most


def test_what_is_free_is_taken_again():
    work, blocks = Workspace(), [Block(F4, 16) for _ in range(4)]
    assert [work.take(block) for block in blocks] == [0, 64, 128, 192]
    work.let_go(blocks[1])
    work.let_go(blocks[2])
    assert work.take(Block(F4, 32)) == 64
    work.let_go(blocks[3])
    assert work.take(Block(F4, 48)) == 192
    assert work.size == 384
