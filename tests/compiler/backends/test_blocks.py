"""Chains in blocks give the same bits."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from minigrad.compiler.backends import blocks
from minigrad.compiler.tracing.trace_comparison import same_bits
from tests.compiler.test_random_programs import programs

pytest.importorskip("llvmlite", reason="machine code needs llvmlite: pip install llvmlite")
from tests.compiler.backends.test_loops import two

pytestmark = pytest.mark.native


@pytest.mark.parametrize("block", [1, 2, 7])
def test_blocks_give_the_same_bits(monkeypatch, block):
    monkeypatch.setattr(blocks, "BLOCK", block)
    made_of = []
    monkeypatch.setattr(blocks, "worth", lambda group: made_of.append(group) or len(group.members) > 1)

    @given(programs(), st.integers(2, 9), st.sampled_from(["float32", "float64"]), st.integers(0, 2**32 - 1))
    def check(f, n, dtype, seed):
        for expected, got in two(f, n, dtype, seed, "numpy"):
            assert same_bits(np.asarray(expected), np.asarray(got))

    check()
    assert any(len(group.members) > 2 for group in made_of)
