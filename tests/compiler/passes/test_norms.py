"""Normalised channels by parts: sums and elementwise steps, in place of the functions that go over images in pieces."""

import operator

import numpy as np
import pytest

import minigrad as mg
from minigrad import nn
from minigrad.compiler.passes.norms import by_parts
from minigrad.compiler.program import ARGUMENT, RESULT, Call, Out, Program, Value
from minigrad.kernels import normalisation as kernels
from minigrad.kernels import row_norms
from minigrad.kernels.image_layout import new_images


def images(rng, shape, dtype="float64", scale=1.0, shift=0.0):
    """Images in the order of memory."""
    x = new_images(shape, dtype, np.empty)
    x[...] = rng.standard_normal(shape) * scale + shift
    return x


def program_of(*calls):
    """A program of functions with arrays, each (function, *arguments); and the values of its results."""
    program, known, results = Program(), {}, []

    def value(x):
        if isinstance(x, np.ndarray) and id(x) not in known:
            known[id(x)] = program.new(ARGUMENT, x, len(known)), x
        return known[id(x)][0] if isinstance(x, np.ndarray) else x

    for function, *args in calls:
        made = function(*args)
        made = made if isinstance(made, tuple) else (made,)
        results.append([(program.new(RESULT, x), x) for x in made])
        program.calls.append(Call(function, tuple(map(value, args)), {}, [v for v, _ in results[-1]], []))
    program.outputs = [Out(False, v) for made in results for v, _ in made]
    return program, dict(known.values()), results


def run(calls, arrays):
    """What all values are after these calls."""
    found = dict(arrays)

    def real(x):
        return found[x] if isinstance(x, Value) else x

    for call in calls:
        made = call.function(*map(real, call.args), **call.kwargs)
        (target,) = call.results
        assert (made.shape, made.dtype) == (target.shape, target.dtype)
        assert all(n == 1 or a == b for n, a, b in zip(made.shape, made.strides, target.strides, strict=True))
        found[target] = made
    return found


def checked(rtol, *calls):
    """The calls by parts, which give what the functions give."""
    program, arrays, results = program_of(*calls)
    parts = by_parts(program.calls, program)
    with np.errstate(all="ignore"):
        found = run(parts, arrays)
    for made in results:
        for value, wanted in made:
            assert value.root is value  # the recording is as it was, for a second program of it
            np.testing.assert_allclose(found[value], wanted, rtol=rtol, atol=rtol * np.abs(wanted).max())
    return [call.function for call in parts]


OWN = {kernels.channel_moments, kernels.channel_norm, kernels.channel_product, kernels.channel_pullback}


@pytest.mark.parametrize("shape", [(5, 3, 4), (5, 3, 4, 6), (4, 2, 3, 4, 5)], ids=str)
@pytest.mark.parametrize(("has_weight", "has_bias"), [(True, True), (True, False), (False, True), (False, False)])
def test_parts_give_what_the_functions_give(shape, has_weight, has_bias):
    rng = np.random.default_rng(0)
    x, y = images(rng, shape, shift=3.0), images(rng, shape)
    weight = rng.standard_normal(shape[1]) if has_weight else None
    bias = rng.standard_normal(shape[1]) if has_bias else None
    _, mean, rms = kernels.channel_norm(x, weight, bias, 1e-5)
    functions = checked(
        1e-12,
        (kernels.channel_norm, x, weight, bias, 1e-5),
        (kernels.channel_moments, x),
        (kernels.channel_product, y, x, mean, rms),
        (kernels.channel_pullback, y, x, mean, rms, weight),
    )
    assert OWN.isdisjoint(functions)
    assert functions.count(np.sum) == 5  # two for the moments and one for what is left of the mean, two for gradients


@pytest.mark.parametrize(
    ("scale", "shift"), [(1, 1e4), (1e-12, 0), (1e18, 0), (1e30, 0), (0, 7)], ids=["far", "small", "large", "huge", "0"]
)
def test_extreme_channels_are_normalised_alike(scale, shift):
    rng = np.random.default_rng(1)
    x, y = images(rng, (16, 3, 8, 8), "float32", scale, shift), images(rng, (16, 3, 8, 8), "float32")
    with np.errstate(all="ignore"):
        _, mean, rms = kernels.channel_norm(x, None, None, 1e-5)
        checked(2e-6, (kernels.channel_norm, x, None, None, 1e-5))
        checked(2e-5, (kernels.channel_pullback, y, x, mean, rms, None))


def test_no_eps_and_tiny_variances():
    x = images(np.random.default_rng(2), (16, 3, 8, 8), "float32", 1e-25)
    checked(2e-6, (kernels.channel_norm, x, None, None, 0.0))


def test_arrays_of_another_kind_stay():
    rng = np.random.default_rng(3)
    x, empty = images(rng, (4, 3, 5)), np.zeros((0, 3, 5))
    for call in (
        (kernels.channel_norm, x, np.ones(3, "float32"), None, 1e-5),
        (kernels.channel_moments, empty),
        (operator.neg, x),
    ):
        program, _, _ = program_of(call)
        assert by_parts(program.calls, program) == program.calls


@pytest.mark.native
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_a_relu_and_a_residual_join_the_steps(dtype):
    pytest.importorskip("llvmlite", reason="machine code needs llvmlite: pip install llvmlite")
    rng = np.random.default_rng(4)
    x = mg.tensor(np.ascontiguousarray(rng.standard_normal((16, 8, 12, 12)).astype(dtype)))
    found = []
    for backend in (None, "native"):
        norm = nn.BatchNorm2d(8, dtype=dtype)
        weight = mg.tensor(np.linspace(0.5, 2, 8).astype(dtype).reshape(8, 1, 1), requires_grad=True)

        def step(x, norm=norm, weight=weight):
            h = x * weight
            loss = (mg.relu(norm(h) + h) ** 3).mean()
            norm.zero_grad()
            weight.grad = None
            loss.backward()
            return loss

        run = step if backend is None else mg.compile(step, backend=backend)
        losses = [run(x).item() for _ in range(4)]
        found.append(
            [losses, weight.grad, *[p.grad for p in norm.parameters()], *[np.asarray(b) for b in norm.buffers()]]
        )
    for mine, other in zip(*found, strict=True):
        np.testing.assert_allclose(mine, other, rtol=2e-5 if dtype == "float32" else 1e-11)
    assert run.stats()["calls in loops"] > 3 * run.stats()["loops"]


@pytest.mark.parametrize(("shape", "axes", "parameter"), [((6, 5, 8), 1, (8,)), ((2, 3, 2, 4, 5), 3, (3, 2, 1, 1))])
@pytest.mark.parametrize(("has_weight", "has_bias"), [(True, True), (True, False), (False, True), (False, False)])
def test_rows_by_parts(shape, axes, parameter, has_weight, has_bias):
    rng = np.random.default_rng(4)
    x, y = rng.standard_normal((2, *shape)) + 3
    weight, bias = rng.standard_normal((2, *parameter))
    weight, bias = weight if has_weight else None, bias if has_bias else None
    _, mean, rms = row_norms.row_norm(x, weight, bias, axes, 1e-5)
    functions = checked(
        1e-12,
        (row_norms.row_norm, x, weight, bias, axes, 1e-5),
        (row_norms.row_product, y, x, mean, rms, axes, parameter),
        (row_norms.row_pullback, y, x, mean, rms, weight, axes),
    )
    assert {row_norms.row_norm, row_norms.row_product, row_norms.row_pullback}.isdisjoint(functions)
    assert functions.count(np.sum) == 5


def test_rows_whose_squares_would_vanish_stay():
    program, _, _ = program_of((row_norms.row_norm, np.arange(12.0).reshape(3, 4), None, None, 1, 0.0))
    assert by_parts(program.calls, program) == program.calls


@pytest.mark.native
def test_a_step_whose_squares_overflow_runs_eagerly():
    layer = nn.LayerNorm(512)
    step = mg.compile(lambda x: layer(x).sum(-1), backend="native", audit=False)
    x = np.random.default_rng(5).standard_normal((64, 512)).astype("f4")
    for _ in range(3):
        step(x)
    large = x * np.float32(1e25)
    np.testing.assert_array_equal(step(large).data, layer(mg.tensor(large)).sum(-1).data)
    assert step.stats()["eager"] or step.stats()["recorded"] > 2
