"""Loops of convolutions: tiles, and threads that share them."""

import numpy as np
import pytest

from minigrad.kernels.convolution import convolution as _convolution
from minigrad.kernels.convolution import convolution_kernel as _convolution_kernel
from minigrad.kernels.convolution import convolution_transpose as _convolution_transpose
from minigrad.kernels.windows import Window
from minigrad.nn.functional.windows import window_of

pytest.importorskip("llvmlite", reason="machine code needs llvmlite: pip install llvmlite")
from minigrad.compiler.backends import machine
from minigrad.compiler.backends.team import TEAM
from tests.compiler.backends.test_native_networks import agrees, images

pytestmark = pytest.mark.native


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_gradients_of_kernels_agree_where_windows_reach_over_the_edge(dtype):
    rng = np.random.default_rng(0)
    window = Window((4, 3), (1, 1), ((3, 1), (2, 0)), (1, 1))
    x, g = images(rng, (64, 3, 5, 9), dtype), images(rng, (64, 5, *window.counts((5, 9))), dtype)
    assert agrees(_convolution_kernel, x, g, window, 1)


def test_tiles_cover_long_lines():
    rng = np.random.default_rng(1)
    window = window_of(2, (3, 3), 1, 1)
    x = images(rng, (300, 2, 4, 9), "float32")  # 2700 numbers in a line
    assert agrees(_convolution, x, rng.standard_normal((6, 2, 3, 3)).astype("float32"), None, window, 1)


def test_threads_share_rows_and_weights(monkeypatch):
    monkeypatch.setattr(machine, "SHARED", 0)
    monkeypatch.setattr(TEAM, "size", 3)
    monkeypatch.setattr(TEAM, "_workers", None)
    rng = np.random.default_rng(2)
    window = window_of(2, (3, 3), 1, 1)
    x, g = images(rng, (64, 2, 7, 9), "float32"), images(rng, (64, 6, 7, 9), "float32")
    weight = rng.standard_normal((6, 2, 3, 3)).astype("float32")
    assert agrees(_convolution, x, weight, None, window, 1)
    assert agrees(_convolution_transpose, g, weight, None, window, (7, 9), 1)
    assert agrees(_convolution_kernel, x, g, window, 1)
