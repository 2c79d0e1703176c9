"""Loops of recurrent layers."""

import numpy as np
import pytest

pytest.importorskip("llvmlite", reason="machine code needs llvmlite: pip install llvmlite")
from minigrad.compiler.backends import machine
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
