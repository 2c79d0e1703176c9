"""Convolutions, whichever way the sizes choose: windows as views or copies, rows apart or side by side, phases."""

from typing import Any

import numpy as np
import pytest

from minigrad.kernels import convolution as kernels
from minigrad.kernels import depthwise
from minigrad.kernels.windows import Window
from minigrad.kernels.winograd import is_tiled


def _case(seed: int) -> tuple[Any, ...]:
    """A random window of one to three axes, images that it fits, and groups."""
    rng = np.random.default_rng(seed)
    axes, groups = int(rng.integers(1, 4)), int(rng.choice([1, 1, 1, 2, 3]))
    channels, outputs = (groups * int(n) for n in rng.integers(1, 14, 2))
    kernel, stride, dilation = (tuple(map(int, rng.integers(1, high, axes))) for high in (5, 4, 4))
    padding = tuple((int(low), int(high)) for low, high in rng.integers(0, 4, (axes, 2)))
    window = Window(kernel, stride, padding, dilation)
    room = rng.integers(0, 6, axes)
    size = tuple(max(1, e + int(n) - sum(p)) for e, n, p in zip(window.extents(), room, padding, strict=True))
    batch = int(rng.choice([1, 3, 20]))
    x = rng.normal(size=(batch, channels, *size))
    weight = rng.normal(size=(outputs, channels // groups, *kernel))
    y = rng.normal(size=(batch, outputs, *window.counts(size)))
    return x, weight, y, window, size, groups


def _depthwise_case(seed: int) -> tuple[Any, ...]:
    """A random window over groups of one channel and one or two results, or the other way round."""
    x, _, _, window, size, _ = _case(seed)
    rng = np.random.default_rng(seed)
    groups = int(rng.integers(2, 6))
    outputs, channels = ((1, 1), (2, 1), (1, 2))[int(rng.integers(0, 3))]
    batch = int(rng.choice([1, 2, 40]))
    x = rng.normal(size=(batch, groups * channels, *size))
    weight = rng.normal(size=(groups * outputs, channels, *window.kernel))
    y = rng.normal(size=(batch, groups * outputs, *window.counts(size)))
    return x, weight, y, window, size, groups


def _by_definition(x: Any, weight: Any, window: Window, groups: int) -> Any:
    """The sum over the elements of the kernel, one after the other."""
    counts = window.counts(x.shape[2:])
    padded = np.pad(x, ((0, 0), (0, 0), *window.padding))
    parts = padded.reshape(len(x), groups, -1, *padded.shape[2:])
    weights = weight.reshape(groups, -1, *weight.shape[1:])
    z = np.zeros((len(x), groups, weights.shape[1], *counts), np.float64)
    for offset, place in window.places(counts):
        z += np.einsum("ngc...,goc->ngo...", parts[place], weights[(..., *offset)])
    return z.reshape(len(x), -1, *counts)


@pytest.mark.parametrize("chunk", [kernels.CHUNK, 2000])
@pytest.mark.parametrize("seed", range(60))
def test_the_product_is_that_of_the_definition_and_the_others_are_its_adjoints(
    seed: int, chunk: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(kernels, "CHUNK", chunk)
    _check_adjoints(*_case(seed))


@pytest.mark.parametrize("short", [depthwise.SHORT, 1, 10**9])
@pytest.mark.parametrize("seed", range(40))
def test_groups_of_a_channel_or_two(seed: int, short: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(depthwise, "SHORT", short)
    monkeypatch.setattr(depthwise, "RUN", 50)
    _check_adjoints(*_depthwise_case(seed))


@pytest.mark.parametrize("sizes", [(70,), (8, 9), (4, 5, 6)])
@pytest.mark.parametrize(("groups", "channels", "outputs"), [(1, 3, 5), (2, 6, 8)])
@pytest.mark.parametrize("order", ["C", "F"])
def test_windows_of_one_element(sizes: Any, groups: int, channels: int, outputs: int, order: Any) -> None:
    """Of images one by one, and of others."""
    rng = np.random.default_rng(0)
    ones = (1,) * len(sizes)
    window = Window(ones, ones, ((0, 0),) * len(sizes), ones)
    x = np.array(rng.normal(size=(4, channels, *sizes)), order=order)
    weight = rng.normal(size=(outputs, channels // groups, *ones))
    y = rng.normal(size=(4, outputs, *sizes))
    _check_adjoints(x, weight, y, window, sizes, groups)
    if order == "C":
        assert kernels.convolution(x, weight, None, window, groups).flags.c_contiguous  # nothing is turned


def _check_adjoints(x: Any, weight: Any, y: Any, window: Window, size: Any, groups: int) -> None:
    z = kernels.convolution(x, weight, None, window, groups)
    np.testing.assert_allclose(z, _by_definition(x, weight, window, groups), atol=1e-10)
    form = np.vdot(z, y)
    back = kernels.convolution_transpose(y, weight, None, window, size, groups)
    assert back.shape == x.shape
    np.testing.assert_allclose(np.vdot(back, x), form, rtol=1e-9, atol=1e-9)
    kernel = kernels.convolution_kernel(x, y, window, groups)
    assert kernel.shape == weight.shape
    np.testing.assert_allclose(np.vdot(kernel, weight), form, rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("seed", range(60))
def test_both_ways_back_to_the_images_agree(seed: int) -> None:
    """Which one is taken depends on the channels: each of them is right for all."""
    _, weight, y, window, size, groups = _case(seed)
    arguments = (y, weight, window, size, groups)
    np.testing.assert_allclose(kernels._by_phases(*arguments), kernels._added_up(*arguments), atol=1e-10)


@pytest.mark.parametrize("groups", [1, 6])
@pytest.mark.parametrize("name", ["convolution", "convolution_transpose", "convolution_kernel"])
def test_float16_is_that_of_float32_rounded_once(name: str, groups: int) -> None:
    rng = np.random.default_rng(0)
    window = Window((3, 3), (1, 1), ((1, 1), (1, 1)), (1, 1))
    x, y, weight = (rng.normal(size=s).astype("f2") for s in ((2, 6, 9, 9), (2, 6, 9, 9), (6, 6 // groups, 3, 3)))
    arguments = {
        "convolution": (x, weight, None, window, groups),
        "convolution_transpose": (y, weight, None, window, (9, 9), groups),
        "convolution_kernel": (x, y, window, groups),
    }[name]
    wide = [a.astype("f4") if isinstance(a, np.ndarray) else a for a in arguments]
    got, want = getattr(kernels, name)(*arguments), getattr(kernels, name)(*wide)
    assert got.dtype == np.float16
    np.testing.assert_array_equal(got, want.astype("f2"))


@pytest.mark.parametrize("groups", [1, 2])
def test_windows_of_one_element_of_no_images(groups: int) -> None:
    x, y = np.ones((0, 4, 16, 16), "f4"), np.ones((0, 6, 16, 16), "f4")
    window = Window((1, 1), (1, 1), ((0, 0), (0, 0)), (1, 1))
    kernel = kernels.convolution_kernel(x, y, window, groups)
    np.testing.assert_array_equal(kernel, np.zeros((6, 4 // groups, 1, 1), "f4"), strict=True)
    assert kernels.convolution(x, kernel, None, window, groups).shape == y.shape


def test_infinity_spoils_no_more_than_the_windows_that_see_it() -> None:
    rng = np.random.default_rng(0)
    x = rng.normal(size=(16, 64, 10, 10)).astype("f4")
    weight = (1 + np.abs(rng.normal(size=(64, 64, 3, 3)))).astype("f4")
    x[0, 0, 4, 4] = np.inf
    window = Window((3, 3), (1, 1), ((1, 1), (1, 1)), (1, 1))
    assert is_tiled(window, x, 64, x.dtype, 1)
    z = kernels.convolution(x, weight, None, window)
    seen = np.zeros_like(z, bool)
    seen[0, :, 3:6, 3:6] = True
    np.testing.assert_array_equal(z == np.inf, seen)
    assert np.isfinite(z[~seen]).all()
    kernel = kernels.convolution_kernel(x, np.ones_like(z), window)
    assert (kernel[:, 0] == np.inf).all()
    assert np.isfinite(kernel[:, 1:]).all()
