"""Loops of the backend "native" for convolutions, pooling and recurrent layers agree with the NumPy functions."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import minigrad as mg
from minigrad import nn, optim
from minigrad.compiler.program import Value
from minigrad.kernels.convolution import new_images as _room
from minigrad.kernels.pooling import max_pool as _max_pool
from minigrad.kernels.pooling import window_share as _window_share
from minigrad.nn.functional.windows import window_of

pytest.importorskip("llvmlite", reason="machine code needs llvmlite: pip install llvmlite")

from minigrad.compiler.backends import native_networks
from minigrad.compiler.backends.cache import Compiler

pytestmark = pytest.mark.native

TOLERANCE = {"float32": 2e-6, "float64": 1e-14}


def loop_of(function, *args):
    """(what the NumPy function gives, its loop or None)."""
    wanted = function(*args)
    values = [Value(0, "result", x) if isinstance(x, np.ndarray) else x for x in args]
    first = wanted[0] if isinstance(wanted, tuple) else wanted
    return wanted, native_networks.OWN[function](Compiler(), Value(0, "result", first), *values)


def agrees(function, *args):
    """Whether there is a loop, with the same result in the same layout: into new memory, and into a place."""
    wanted, loop = loop_of(function, *args)
    if loop is None:
        return False
    places = [None]
    if loop.takes_out:
        places.append(np.full_like(wanted, np.nan))
    for place in places:
        made = loop(*args) if place is None else loop(*args, out=place)
        assert place is None or made is place
        assert (made.shape, made.dtype) == (wanted.shape, wanted.dtype)
        lines = zip(made.strides, wanted.strides, wanted.shape, strict=True)
        assert all(n == 1 or mine == other for mine, other, n in lines)
        bound = TOLERANCE[str(wanted.dtype)] * max(1, np.abs(wanted[np.isfinite(wanted)]).max(initial=0))
        np.testing.assert_allclose(made, wanted, rtol=0, atol=bound)
    return True


def images(rng, shape, dtype, batch_last=True):
    """Random images, in the order of memory or as NumPy lays them."""
    array = rng.standard_normal(shape).astype(dtype)
    if not batch_last:
        return array
    room = _room(shape, dtype, np.empty)
    room[...] = array
    return room


# -- pooling --------------------------------------------------------------------------------------


@st.composite
def pools(draw):
    """Images with ties and the like, their gradient after pooling, and a window."""
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    kernel = draw(st.sampled_from([(2, 2), (3,)]))
    counts = tuple([draw(st.integers(2, 4)) for _ in kernel])  # of one place each, NumPy takes its own layout
    shape = (draw(st.integers(32, 40)), draw(st.integers(1, 3)), *[k * n for k, n in zip(kernel, counts, strict=True)])
    x = np.round(images(rng, shape, draw(st.sampled_from(["float32", "float64"]))))
    for special in draw(st.lists(st.sampled_from([np.nan, np.inf, -np.inf]), max_size=3)):
        x[tuple(rng.integers(0, shape))] = special
    g = images(rng, (*shape[:2], *counts), x.dtype, draw(st.booleans()))
    return x, g, window_of(len(kernel), kernel, kernel)


@pytest.mark.slow
@settings(deadline=None, max_examples=40)
@given(pools())
def test_pooling_agrees_with_numpy(case):
    x, g, window = case
    top = _max_pool(x, window)
    assert agrees(_max_pool, x, window)
    assert agrees(_window_share, g, x, top, window)


def test_windows_that_overlap_are_pooled_in_a_loop():
    x = images(np.random.default_rng(3), (32, 2, 7, 8), "float32")
    assert agrees(_max_pool, x, window_of(2, (3, 2), (2, 1), 0, (1, 2)))


# -- what stays with NumPy ------------------------------------------------------------------------


def test_pooling_of_three_axes_stays_with_numpy():
    x = np.ones((32, 2, 4, 4, 4), "float32")
    assert loop_of(_max_pool, x, window_of(3, 2, 2))[1] is None


@pytest.mark.parametrize(
    ("shape", "options"),
    [((32, 2, 6, 6), (2, 2, 1)), ((8, 2, 6, 6), (2, 2, 0)), ((32, 2, 6, 6), (5, 5, 0)), ((32, 0, 6, 6), (2, 2, 0))],
    ids=["padding", "few images", "large windows", "no channels"],
)  # fmt: skip
def test_pools_of_other_kinds_stay_with_numpy(shape, options):
    x, window = images(np.random.default_rng(4), shape, "float32"), window_of(2, *options)
    top, loop = loop_of(_max_pool, x, window)
    assert loop is None
    assert loop_of(_window_share, np.ones_like(top), x, top, window)[1] is None


def test_pooling_of_numpys_own_layout_stays_with_numpy():
    x, window = np.ones((32, 2, 4, 4), "float32"), window_of(2, 2, 2)
    top, loop = loop_of(_max_pool, x, window)
    assert loop is None
    assert loop_of(_window_share, np.ones_like(top), x, top, window)[1] is None


@pytest.mark.parametrize("options", [(2, 1), (3, 3)], ids=["overlap", "a rest"])
def test_shares_of_windows_that_do_not_tile_stay_with_numpy(options):
    x, window = images(np.random.default_rng(5), (32, 2, 8, 8), "float32"), window_of(2, *options)
    top = _max_pool(x, window)
    assert loop_of(_window_share, np.ones_like(top), x, top, window)[1] is None


# -- recurrent layers -----------------------------------------------------------------------------


# -- whole steps ----------------------------------------------------------------------------------


def steps_of(make, inputs, labels, rounds=5):
    """Losses and weights of the same training, as it is written and compiled, and the compiled step."""
    found = []
    for backend in (None, "native"):
        model = make()
        optimizer, loss_fn = optim.SGD(model.parameters(), lr=0.05), nn.CrossEntropyLoss()

        def step(x, y, model=model, optimizer=optimizer, loss_fn=loss_fn):
            loss = loss_fn(model(x), y)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            return loss

        run = step if backend is None else mg.compile(step, backend=backend)
        losses = [run(inputs, labels).item() for _ in range(rounds)]
        found.append((losses, [p.data.copy() for p in model.parameters()]))
    return (*found, run)


@pytest.mark.slow
def test_a_convolutional_network_trains_alike():
    def make():
        rng = np.random.default_rng(6)
        return nn.Sequential(
            nn.Conv2d(1, 3, 5, padding=2, generator=rng), nn.ReLU(), nn.MaxPool2d(2),
            nn.Conv2d(3, 4, 3, padding=1, generator=rng), nn.ReLU(), nn.MaxPool2d(2),
            nn.Flatten(), nn.Linear(4 * 4 * 4, 10, generator=rng),
        )  # fmt: skip

    rng = np.random.default_rng(7)
    x, y = mg.tensor(rng.standard_normal((64, 1, 16, 16)).astype("float32")), rng.integers(0, 10, 64)
    (losses, weights), (compiled_losses, compiled_weights), run = steps_of(make, x, y)
    np.testing.assert_allclose(compiled_losses, losses, rtol=1e-5)
    for mine, other in zip(compiled_weights, weights, strict=True):
        np.testing.assert_allclose(mine, other, rtol=0, atol=2e-5)
    texts = "\n".join(kernel.text for kernel in run.profile(x, y).kernels)
    assert "convolution(" in texts  # the table has the program's own names
    assert run.stats()["replayed"] == 3


@pytest.mark.parametrize("kind", ["GRU", "LSTM", "RNN"])
@pytest.mark.slow
def test_a_recurrent_network_trains_alike(kind):
    class Model(nn.Module):
        def __init__(self):
            self.layer = getattr(nn, kind)(3, 6, generator=np.random.default_rng(13))
            self.head = nn.Linear(6, 5, generator=np.random.default_rng(14))

        def forward(self, x):
            return self.head(self.layer(x)[0][-1])

    rng = np.random.default_rng(15)
    x, y = mg.tensor(rng.standard_normal((5, 8, 3)).astype("float32")), rng.integers(0, 5, 8)
    (losses, weights), (compiled_losses, compiled_weights), run = steps_of(Model, x, y)
    np.testing.assert_allclose(compiled_losses, losses, rtol=1e-5)
    for mine, other in zip(compiled_weights, weights, strict=True):
        np.testing.assert_allclose(mine, other, rtol=0, atol=2e-5)
    assert run.stats()["replayed"] == 3


# -- zeros ----------------------------------------------------------------------------------------


def profile_of(function, *arrays):
    """The profile of a function that is compiled, and gives what it gives as it is written."""
    compiled = mg.compile(function, backend="native")
    results = [compiled(*arrays) for _ in range(4)]
    for result in results:
        np.testing.assert_array_equal(result.data, function(*arrays).data)
    return compiled.profile(*arrays)


def test_relu_compares_with_a_number():
    x = mg.tensor(images(np.random.default_rng(16), (33, 3, 5, 7), "float32"))
    profile = profile_of(lambda x: mg.relu(mg.transpose(x, (1, 0, 2, 3))), x)
    assert not any(kernel.text.startswith("zeros_like =") for kernel in profile.kernels)


def test_zeros_that_are_more_than_an_operand_stay():
    def function(x):
        zeros = np.zeros_like(x)
        return np.maximum(x, zeros) + np.where(x > 1, x, zeros)

    x = mg.tensor(np.random.default_rng(17).standard_normal((33, 5)).T.astype("float32"))
    profile_of(function, x)
