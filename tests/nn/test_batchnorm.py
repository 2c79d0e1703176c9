"""BatchNorm: its statistics, and when they move."""

import numpy as np
import pytest

import minigrad as mg
from minigrad import nn
from minigrad.errors import ShapeError
from minigrad.nn.functional import normalisation as functional
from tests.nn.test_layers import normal


def test_batch_norm_moves_its_statistics_in_place_and_only_in_training():
    layer = nn.BatchNorm1d(3, momentum=0.25)
    mean, var, count = (buffer.data for buffer in layer.buffers())
    x = normal(5, 3) + 2
    layer(mg.tensor(x))
    layer.eval()(mg.tensor(x + 9))
    assert layer.running_mean.data is mean
    assert layer.running_var.data is var
    assert layer.num_batches_tracked.data is count
    np.testing.assert_allclose(mean, 0.25 * x.mean(0), rtol=1e-6)
    np.testing.assert_allclose(var, 0.75 + 0.25 * x.var(0, ddof=1), rtol=1e-6)
    assert (mean.dtype, var.dtype, count.dtype) == (np.float32, np.float32, np.int64)
    assert count == 1


def test_batch_norm_without_momentum_has_the_mean_of_all_batches():
    layer = nn.BatchNorm1d(2, momentum=None)
    batches = normal(4, 6, 2) + 1
    for batch in batches:
        layer(mg.tensor(batch))
    np.testing.assert_allclose(layer.running_mean.data, batches.mean((0, 1)), rtol=1e-5)
    np.testing.assert_allclose(layer.running_var.data, batches.var(1, ddof=1).mean(0), rtol=1e-5)
    assert layer.running_mean.dtype == np.float32


def test_a_failing_batch_norm_counts_and_moves_nothing():
    layer = nn.BatchNorm2d(2)
    before = layer.state_dict()
    for x in (np.ones((1, 2, 1, 1)), np.ones((2, 3, 4, 4)), np.ones((2, 2))):
        with pytest.raises(ShapeError):
            layer(mg.tensor(x))
    after = layer.state_dict()
    assert all((after[key] == before[key]).all() for key in before)


def _norm_step(size: int, backend: str | None) -> list[np.ndarray]:
    """A few steps of a normalised image under a mean, whose gradient is the same number at all places."""
    images = np.random.default_rng(0).normal(1, 3, (8, 4, size, size)).astype("f4")
    layer, x = nn.BatchNorm2d(4), mg.tensor(images, requires_grad=True)

    def step() -> mg.Tensor:
        layer.weight.grad = layer.bias.grad = x.grad = None
        loss = (mg.mean(layer(x), (2, 3)) * np.arange(4, dtype="f4")).sum() + (layer(x) ** 2 * x).mean()
        loss.backward()
        return loss

    step = step if backend is None else mg.compile(step, backend=backend)
    for _ in range(5):
        loss = step()
    parts = (x.grad, layer.weight.grad, layer.bias.grad, layer.running_mean.data, layer.running_var.data)
    return [np.array(a) for a in (loss.data, *parts)]


@pytest.mark.parametrize("backend", [None, "numpy"])
def test_large_images_take_another_way_to_the_same_numbers(backend, monkeypatch):
    got = _norm_step(24, backend)  # 18,432 numbers
    monkeypatch.setattr(functional, "LARGE", 10**9)
    want = _norm_step(24, None)
    for one, other in zip(got, want, strict=True):
        np.testing.assert_allclose(one, other, rtol=2e-4, atol=2e-5 * np.abs(other).max())
