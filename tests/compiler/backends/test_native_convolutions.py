"""Loops of the backend "native" for convolutions and their gradients agree with the NumPy functions, of every kind."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from minigrad.kernels.convolution import convolution as _convolution
from minigrad.kernels.convolution import convolution_kernel as _convolution_kernel
from minigrad.kernels.convolution import convolution_transpose as _convolution_transpose
from minigrad.kernels.windows import Window
from minigrad.nn.functional.windows import window_of

pytest.importorskip("llvmlite", reason="machine code needs llvmlite: pip install llvmlite")
from minigrad.compiler.backends import machine
from minigrad.compiler.backends.team import TEAM
from tests.compiler.backends.test_native_networks import agrees, images, loop_of

pytestmark = pytest.mark.native


def all_agree(rng, batch, channels, outputs, sizes, window, groups=1, dtype="float32", lie=True, bias=False):
    """Whether the convolution and its two gradients have loops, each of which agrees with NumPy."""
    x = images(rng, (batch, channels, *sizes), dtype, lie)
    weight = rng.standard_normal((outputs, channels // groups, *window.kernel)).astype(dtype)
    g = images(rng, (batch, outputs, *window.counts(sizes)), dtype, lie)
    shifts = [rng.standard_normal(n).astype(dtype) if bias else None for n in (outputs, channels)]
    return (
        agrees(_convolution, x, weight, shifts[0], window, groups),
        agrees(_convolution_transpose, g, weight, shifts[1], window, sizes, groups),
        agrees(_convolution_kernel, x, g, window, groups),
    )


KINDS = {
    "plain": ((16, 5, 9, (9, 8)), ((3, 3), (1, 1), ((1, 1), (1, 1)), (1, 1)), 1),
    "one row": ((64, 3, 4, (40,)), ((5,), (1,), ((2, 2),), (1,)), 1),
    "three axes": ((16, 3, 4, (7, 6, 5)), ((2, 3, 3), (1, 2, 1), ((0, 1), (1, 1), (1, 0)), (1, 1, 1)), 1),
    "stride": ((16, 5, 9, (12, 17)), ((3, 3), (2, 2), ((1, 1), (1, 1)), (1, 1)), 1),
    "a stride wider than the window": ((16, 3, 4, (13, 19)), ((2, 2), (3, 4), ((0, 0), (1, 2)), (1, 1)), 1),
    "stride and distance": ((16, 3, 4, (15, 23)), ((3, 4), (2, 3), ((2, 0), (0, 3)), (3, 2)), 1),
    "distance": ((16, 3, 4, (12, 14)), ((3, 3), (1, 1), ((2, 2), (2, 2)), (2, 2)), 1),
    "groups": ((16, 6, 9, (12, 11)), ((3, 3), (1, 1), ((1, 1), (1, 1)), (1, 1)), 3),
    "depthwise": ((16, 7, 7, (12, 11)), ((3, 3), (1, 1), ((1, 1), (1, 1)), (1, 1)), 7),
    "depthwise with a stride": ((16, 7, 14, (12, 23)), ((3, 3), (2, 2), ((1, 1), (1, 1)), (1, 1)), 7),
    "one image": ((1, 3, 5, (20, 37)), ((3, 3), (1, 1), ((1, 1), (1, 1)), (1, 1)), 1),
    "one image, stride": ((1, 3, 5, (31, 64)), ((7, 7), (2, 2), ((3, 3), (3, 3)), (1, 1)), 1),
    "padding wider than the window": ((16, 3, 5, (9, 9)), ((3, 3), (1, 1), ((4, 0), (5, 4)), (1, 1)), 1),
    "one element, groups": ((16, 4, 4, (40, 12)), ((1, 1), (1, 1), ((0, 0), (0, 0)), (1, 1)), 2),
    "lines with a rest": ((3, 3, 4, (30, 29)), ((3, 3), (1, 1), ((0, 0), (1, 0)), (1, 1)), 1),
}


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_of_window_has_loops(kind, monkeypatch):
    sizes, window, groups = KINDS[kind]
    monkeypatch.setattr("minigrad.compiler.backends.native_convolutions.LEAST", 1)
    rng = np.random.default_rng(0)
    assert all_agree(rng, *sizes, Window(*window), groups, bias=True) == (True, True, True)
    if kind in ("stride", "lines with a rest"):
        assert all(all_agree(rng, *sizes, Window(*window), groups, dtype="float64", lie=False))


@st.composite
def windows(draw):
    """A window of one to three axes, sizes, channels, outputs, groups."""
    axes, groups = draw(st.integers(1, 3)), draw(st.sampled_from([1, 1, 2, 5]))
    kernel, stride, dilation = (tuple([draw(st.integers(1, 3)) for _ in range(axes)]) for _ in "123")
    padding = tuple([(draw(st.integers(0, 3)), draw(st.integers(0, 3))) for _ in range(axes)])
    window = Window(kernel, stride, padding, dilation)
    reach = zip(window.extents(), padding, strict=True)
    sizes = tuple([max(1, n - sum(pads)) + draw(st.integers(0, 8)) for n, pads in reach])
    channels, outputs = (groups * draw(st.sampled_from([1, 2, 7])) for _ in "12")
    return window, sizes, channels, outputs, groups


@pytest.mark.slow
@settings(deadline=None, max_examples=30)
@given(windows(), st.sampled_from([1, 3, 16, 33]), st.sampled_from(["float32", "float64"]), st.booleans(), st.data())
def test_convolutions_agree_with_numpy(case, batch, dtype, lie, data):
    window, sizes, channels, outputs, groups = case
    rng = np.random.default_rng(data.draw(st.integers(0, 2**32 - 1)))
    all_agree(rng, batch, channels, outputs, sizes, window, groups, dtype, lie, data.draw(st.booleans()))


def test_threads_share_rows_and_weights(monkeypatch):
    monkeypatch.setattr(machine, "SHARED", 0)
    monkeypatch.setattr(TEAM, "size", 3)
    monkeypatch.setattr(TEAM, "_workers", None)
    rng = np.random.default_rng(2)
    assert all(all_agree(rng, 64, 2, 6, (7, 9), window_of(2, (3, 3), 1, 1)))
    assert all(all_agree(rng, 64, 4, 6, (7, 9), window_of(2, (3, 3), 2, 1), 2))


def test_infinities_spoil_what_sees_them_and_no_more():
    rng = np.random.default_rng(3)
    window = window_of(2, (3, 3), 1, 1)
    x = images(rng, (7, 3, 12, 30), "float32")
    x[5, 1, 4, 29], x[6, 2, 3, 0] = np.inf, np.nan
    weight = rng.standard_normal((4, 3, 3, 3)).astype("float32")
    wanted, loop = loop_of(_convolution, x, weight, None, window, 1)
    np.testing.assert_array_equal(np.isfinite(loop(x, weight, None, window, 1)), np.isfinite(wanted))
    g = images(rng, wanted.shape, "float32")
    x[:, 0] = 1.0
    wanted, loop = loop_of(_convolution_kernel, x, g, window, 1)
    np.testing.assert_array_equal(np.isfinite(loop(x, g, window, 1)), np.isfinite(wanted))


# -- what stays with NumPy ------------------------------------------------------------------------


@pytest.mark.parametrize("change", [{"kernel": (1, 1)}, {"dtype": "complex64"}, {"batch": 0}, {"width": 3, "batch": 1}])
def test_convolutions_of_other_kinds_stay_with_numpy(change):
    kind = {"batch": 64, "kernel": (3, 3), "dtype": "float32", "width": 14} | change
    window = Window(kind["kernel"], (1, 1), ((0, 0), (0, 0)), (1, 1))
    x = np.ones((kind["batch"], 4, 14, kind["width"]), kind["dtype"])
    weight = np.ones((6, 4, *kind["kernel"]), kind["dtype"])
    z, loop = loop_of(_convolution, x, weight, None, window, 1)
    assert loop is None
    assert loop_of(_convolution_transpose, z, weight, None, window, x.shape[2:], 1)[1] is None
    assert loop_of(_convolution_kernel, x, z, window, 1)[1] is None


@pytest.mark.parametrize(("channels", "size", "has_loop"), [(100, 5, False), (100, 20, True), (192, 20, False)])
def test_many_channels_have_loops_where_they_are_faster(channels, size, has_loop):
    """Of few places the weights are not laid anew; of many channels tiles make fewer products."""
    x, window = images(np.random.default_rng(4), (2, channels, size, size), "float32"), window_of(2, (3, 3), 1, 1)
    weight = np.ones((channels, channels, 3, 3), "float32")
    for function, *args in (
        (_convolution, x, weight, None, window, 1),
        (_convolution_transpose, x, weight, None, window, (size, size), 1),
        (_convolution_kernel, x, x, window, 1),
    ):
        assert (loop_of(function, *args)[1] is not None) is has_loop, function


def test_short_sums_of_a_weight_stay_with_numpy():
    x, window = np.ones((4, 8, 7, 7), "float32"), window_of(2, (3, 3), 1, 1)
    assert loop_of(_convolution_kernel, x, x, window, 1)[1] is None


def test_a_gradient_that_nothing_reaches_stays_with_numpy():
    window = Window((1,), (5,), ((3, 0),), (1,))
    g, weight = np.ones((16, 2, 1), "float32"), np.ones((2, 1, 1), "float32")
    assert loop_of(_convolution_transpose, g, weight, None, window, (2,), 1)[1] is None
