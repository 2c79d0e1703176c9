"""Memory that the programs of one function share."""

import gc

import numpy as np

from minigrad.compiler.arena import Arena


def test_buffers_of_one_set_are_apart_and_those_of_two_may_meet():
    arena = Arena()
    one, two = arena.claims(), arena.claims()
    a, b = one.claim(1000), one.claim(1000)
    assert not np.shares_memory(a, b)
    assert [x.nbytes for x in (a, b)] == [1000, 1000]
    assert all(x.__array_interface__["data"][0] % 64 == 0 for x in (a, b))
    two = arena.claims()
    c = two.claim(1000)
    assert np.shares_memory(c, a) or np.shares_memory(c, b)


def test_a_block_lives_as_long_as_somebody_has_it():
    arena = Arena()
    claims = arena.claims()
    claims.claim(50_000)
    assert arena.nbytes >= 50_000
    del claims
    gc.collect()
    assert arena.nbytes == 0


def test_numbers_that_fill_memory_share_it():
    arena = Arena()
    small = arena.filled(np.float32(1), 4000)
    large = arena.filled(np.float32(1), 400)
    assert np.shares_memory(small, large)
    assert (small.view("f4") == 1).all()
    assert not np.shares_memory(small, arena.filled(np.float32(2), 400))
    more = arena.filled(np.float32(1), 400_000)
    assert (more.view("f4") == 1).all()
    assert (small.view("f4") == 1).all()


def test_large_blocks_are_made_of_pages():
    claims = Arena().claims()
    block = claims.claim(3 << 20)
    block[:] = 7
    assert block.nbytes == 3 << 20
