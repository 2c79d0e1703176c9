"""Gradients lie as what their formulas look at, so that a step and its program add up in one order."""

import numpy as np
import pytest

import minigrad as mg
from minigrad import nn
from minigrad.core.layout import LARGE, laid_out
from minigrad.nn import functional as F

SHAPE = (8, 4, 6, 5)


def lying(order, shape=SHAPE):
    """An array with its axes in this order in memory, the longest step first."""
    x = np.arange(np.prod(shape), dtype=np.float64).reshape([shape[axis] for axis in order])
    return x.transpose(np.argsort(order))


@pytest.mark.parametrize("order", [(0, 1, 2, 3), (3, 1, 2, 0), (0, 2, 3, 1)])
def test_a_gradient_gets_the_order_of_the_first_array_of_its_shape(order):
    g, x = lying((0, 1, 2, 3)), lying(order)
    moved = laid_out(g, (x[0], 3.0, x, lying((3, 2, 1, 0))))
    np.testing.assert_array_equal(moved, g)
    assert moved.strides == x.strides
    assert (moved is g) == (order == (0, 1, 2, 3))


def test_what_does_not_contradict_stays():
    x = lying((3, 1, 2, 0))
    for g in (x.copy("K"), np.broadcast_to(1.0, SHAPE), np.broadcast_to(np.ones((4, 1, 1)), SHAPE), x[:, :, ::2]):
        assert laid_out(g, (x,)) is g
    g = np.broadcast_to(np.ones((8, 4, 1, 1)), SHAPE)  # the members after the channels, and in x before
    assert laid_out(g, (x,)).strides == x.strides
    assert laid_out(g, ()) is g


ACTIVATIONS = [nn.SiLU, nn.GELU, nn.ELU, nn.Mish, nn.Softplus, nn.Sigmoid, nn.Tanh]


@pytest.mark.parametrize("kind", ACTIVATIONS, ids=lambda kind: kind.__name__)
@pytest.mark.parametrize("layers", [[], [nn.BatchNorm2d], [lambda n: nn.GroupNorm(2, n)], [lambda n: nn.PReLU(n)]])
def test_a_program_has_the_bits_of_the_step_where_arrays_are_large(layers, kind):
    """A convolution lays the images of a batch side by side, and the gradient comes from a mean, image by image."""
    rng = np.random.default_rng(0)
    model = nn.Sequential(nn.Conv2d(8, 8, 3, padding=1, generator=rng), *[layer(8) for layer in layers], kind())
    x = mg.tensor(rng.standard_normal((16, 8, 28, 28), np.float32), requires_grad=True)
    assert x.data.nbytes > LARGE

    def step():
        for p in (*model.parameters(), x):
            p.grad = None
        loss = (F.avg_pool2d(model(x), 2).mean((2, 3)) ** 2).sum()
        loss.backward()
        return loss

    compiled = mg.compile(step, backend="numpy", check=True)
    for _ in range(4):
        compiled()
    assert compiled.stats()["replayed"] == 2
