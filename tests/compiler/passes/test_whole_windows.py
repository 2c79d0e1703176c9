"""Windows that see all of an image, as sums and copies."""

import numpy as np
import pytest

import minigrad as mg
from minigrad.compiler.passes.whole_windows import with_whole_windows
from minigrad.kernels.image_layout import new_images
from minigrad.kernels.windows import Window, window_spread, window_sum
from minigrad.nn import functional as F
from minigrad.nn.functional.windows import window_of
from tests.compiler.passes.test_norms import program_of


def images(shape, dtype="float64"):
    x = new_images(shape, dtype, np.empty)
    x[...] = np.random.default_rng(0).standard_normal(shape)
    return x


def parts_of(*call, escapes=False):
    """The functions in place of a call, after a look at what they give."""
    program, arrays, (((value, wanted),),) = program_of(call)
    if not escapes:
        program.outputs = None
    calls = with_whole_windows(program.calls, program)
    found = {**arrays}
    for part in calls:
        args = [found.get(x, x) if not isinstance(x, tuple) else x for x in part.args]
        found[part.results[0]] = part.function(*args, **part.kwargs)
    np.testing.assert_allclose(found[value], wanted, rtol=1e-13)
    return [call.function for call in calls]


@pytest.mark.parametrize("sizes", [(5,), (5, 4), (3, 4, 2)], ids=str)
def test_global_windows_are_sums_and_copies(sizes):
    x, window = images((6, 3, *sizes)), window_of(len(sizes), sizes, sizes)
    assert parts_of(window_sum, x, window) == [np.sum]
    g = window_sum(x, window)
    assert parts_of(window_spread, g, window, sizes) == [np.broadcast_to, np.positive]
    assert parts_of(window_spread, g, window, sizes, escapes=True) == [window_spread]


@pytest.mark.parametrize(
    "window",
    [
        Window((2, 2), (2, 2), ((0, 0), (0, 0)), (1, 1)), Window((4, 4), (4, 4), ((0, 0), (0, 1)), (1, 1)),
        Window((2, 4), (2, 4), ((0, 0), (0, 0)), (3, 1)),
    ],
)  # fmt: skip
def test_other_windows_stay(window):
    assert parts_of(window_sum, images((6, 3, 4, 4)), window) == [window_sum]


def test_sums_of_integers_stay():
    assert parts_of(window_sum, np.ones((2, 3, 4, 4), int), window_of(2, 4, 4)) == [window_sum]


@pytest.mark.native
def test_global_pooling_is_compiled_to_loops():
    pytest.importorskip("llvmlite", reason="machine code needs llvmlite: pip install llvmlite")
    x = mg.tensor(np.random.default_rng(1).standard_normal((8, 6, 9, 7)).astype("float32"), requires_grad=True)

    def step():
        h = mg.relu(mg.transpose(mg.transpose(x, (2, 1, 3, 0)) * 2.0, (3, 1, 0, 2)))
        loss = (F.adaptive_avg_pool2d(h, 1) ** 2).sum()
        x.grad = None
        loss.backward()
        return loss

    wanted, slope = step().item(), x.grad.copy()
    compiled = mg.compile(step, backend="native")
    for _ in range(3):
        assert abs(compiled().item() - wanted) < 1e-5 * wanted
        np.testing.assert_allclose(x.grad, slope, rtol=1e-5)
