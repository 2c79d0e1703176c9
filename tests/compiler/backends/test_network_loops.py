"""Loops of pooling: threads that share them."""

import numpy as np
import pytest

from minigrad.kernels.pooling import max_pool as _max_pool
from minigrad.kernels.pooling import window_share as _window_share
from minigrad.nn.functional.windows import window_of

pytest.importorskip("llvmlite", reason="machine code needs llvmlite: pip install llvmlite")
from minigrad.compiler.backends import machine
from minigrad.compiler.backends.team import TEAM
from tests.compiler.backends.test_native_networks import agrees, images

pytestmark = pytest.mark.native


def test_threads_share_rows(monkeypatch):
    monkeypatch.setattr(machine, "SHARED", 0)
    monkeypatch.setattr(TEAM, "size", 3)
    monkeypatch.setattr(TEAM, "_workers", None)
    rng = np.random.default_rng(2)
    x, window = images(rng, (64, 2, 10, 8), "float32"), window_of(2, 2, 2)
    assert agrees(_max_pool, x, window)
    assert agrees(_window_share, images(rng, (64, 2, 5, 4), "float32"), x, _max_pool(x, window), window)
