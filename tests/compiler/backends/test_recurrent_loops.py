"""Loops of recurrent layers."""

import numpy as np
import pytest

pytest.importorskip("llvmlite", reason="machine code needs llvmlite: pip install llvmlite")
from minigrad.compiler.backends import machine, recurrent_loops
from minigrad.compiler.backends.team import TEAM
from tests.compiler.backends.test_native_networks import agrees
from tests.compiler.backends.test_native_sequences import CELLS, sequences

pytestmark = pytest.mark.native


@pytest.mark.parametrize("cell", list(CELLS))
def test_one_sequence_of_doubles_agrees_with_numpy(cell):
    assert agrees(*sequences(np.random.default_rng(8), cell, 5, 1, 5, np.float64))


def test_gates_saturate_without_a_warning():
    function, p, *rest = sequences(np.random.default_rng(9), "gru", 3, 4, 6, np.float32)
    assert agrees(function, p * np.float32(1e4), *rest)


def test_threads_share_sequences(monkeypatch):
    monkeypatch.setattr(machine, "SHARED", 0)
    monkeypatch.setattr(TEAM, "size", 3)
    monkeypatch.setattr(TEAM, "_workers", None)
    assert agrees(*sequences(np.random.default_rng(10), "lstm", 6, 11, 6, np.float32))


def test_as_many_sequences_go_together_as_come_out_even():
    assert [recurrent_loops.block_of(batch) for batch in (1, 3, 4, 5, 8, 9, 12, 16, 20, 128)] == [
        1, 3, 4, 5, 8, 4, 4, 8, 8, 8,
    ]  # fmt: skip
    assert agrees(*sequences(np.random.default_rng(12), "lstm", 3, 17, 6, np.float32))
