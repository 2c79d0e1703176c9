"""Every function of the table, its value and its gradients, in a compiled step: the same bits as eager."""

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import minigrad as mg
from minigrad.compiler.tracing.trace_comparison import same_bits
from minigrad.core.table import builtin, derived_ops, ops
from minigrad.core.trees import leaves
from minigrad.nn import functional as F
from tests.samples import samples

TABLE = sorted({*[name for name, f in ops.items() if name in builtin and hasattr(f, "op")], *derived_ops})


def value_and_gradients(op, sample):
    """The results of a call, and the gradient of their weighted sum for each array of floats."""
    floats = [x.dtype.kind == "f" for x in sample.arrays]
    # Some samples put NaN into the arrays; the places are where the compiled function finds them too.
    held = [cell.cell_contents for cell in getattr(sample.call, "__closure__", None) or ()]

    def step(*given):
        assert held is not None
        xs = [mg.tensor(x, requires_grad=True) if is_float else x for x, is_float in zip(given, floats, strict=True)]
        made = [z for _, z in leaves(sample.call(op, xs, sample.options))]
        total = 0
        for z in made:
            if isinstance(z, mg.Tensor) and z.requires_grad:
                for part in [mg.real(z), mg.imag(z)] if z.dtype.kind == "c" else [z]:
                    total = total + (part * np.cos(np.arange(z.size)).reshape(z.shape)).sum()
        wanted = [x for x in xs if isinstance(x, mg.Tensor)]
        found = mg.autograd.grad(total, wanted, allow_unused=True) if isinstance(total, mg.Tensor) else []
        return made, list(found)

    return step


@pytest.mark.parametrize("name", TABLE)
@pytest.mark.slow
def test_value_and_gradients_are_those_of_eager(name):
    @settings(max_examples=4, suppress_health_check=list(HealthCheck))
    @given(samples(ops[name]))
    def check(sample):
        step = value_and_gradients(ops[name], sample)
        with np.errstate(all="ignore"):
            expected = step(*sample.arrays)
            compiled = mg.compile(step)
            for _ in range(3):
                got = compiled(*[x.copy("K") for x in sample.arrays])
        for (_, one), (_, other) in zip(leaves(list(expected)), leaves(list(got)), strict=True):
            assert (one is None) == (other is None)
            if one is not None:
                one, other = np.asarray(_data(one)), np.asarray(_data(other))  # noqa: PLW2901
                # NumPy's complex product has two loops, chosen by alignment, which differ in the sign of a zero.
                zero = one.dtype.type(0) if "fft" in name else None
                assert same_bits(one, other) if zero is None else same_bits(one + zero, other + zero)
        assert compiled.stats()["replayed"] == 1

    check()


def _data(x):
    return x.data if isinstance(x, mg.Tensor) else x


def functions_of(compiled):
    return [getattr(call.function, "__name__", call.function) for call in compiled._latest.program.calls]


def test_a_function_of_our_own_is_one_call():
    w = mg.tensor(np.random.default_rng(0).standard_normal((4, 3, 3, 3)).astype("float32"), requires_grad=True)

    @mg.compile
    def step(x):
        w.zero_grad()
        loss = F.max_pool2d(F.conv2d(x, w, padding=1), 2).sum()
        loss.backward()
        return loss

    x = np.random.default_rng(1).standard_normal((2, 3, 8, 8)).astype("float32")
    for _ in range(3):
        step(x)
    names = functions_of(step)
    for name in ("convolution", "max_pool", "window_share", "convolution_kernel"):
        assert names.count(name) == 1
    assert len(names) < 20


@given(st.integers(0, 2**32 - 1))
def test_ties_come_and_go(seed):
    """What is done to equal elements looks at the data: the bits, and the layout of what comes out, must not change."""
    generator = np.random.default_rng(seed)
    functions = [mg.sort, mg.median, mg.cummax, lambda x, axis: mg.max(x, axis), mg.partition]

    @mg.compile
    def step(x):
        found = []
        for f in functions:
            x = mg.tensor(x.detach() if isinstance(x, mg.Tensor) else x, requires_grad=True)
            z = f(x, 2, 0) if f is mg.partition else f(x, axis=0)
            found += [z, *mg.autograd.grad((z * z).sum(), [x])]
        return found, [z.sum() for z in found]

    for round_ in range(6):
        x = np.asfortranarray(generator.integers(0, 3 + 100 * (round_ % 2), (5, 4)).astype("float32"))
        for one, other in zip(*map(leaves, (step.function(x), step(x))), strict=True):
            assert same_bits(np.asarray(one[1].data), np.asarray(other[1].data))
    assert step.stats()["replayed"] == 4


@pytest.mark.parametrize("read", [lambda x: x[np.array([0, 0, -1])], lambda x: np.repeat(x, 2, 0)])
def test_an_index_that_is_an_argument(read):
    @mg.compile
    def step(x, i):
        x = mg.tensor(x, requires_grad=True)
        z = read(x)[i] + np.take(x, i, 0, mode="wrap") + mg.index_set(x, (i,), 2.0)[i]
        return z, mg.autograd.grad((z * z).sum(), [x])[0]

    x = np.float32([[1, 2], [3, 4], [5, 6]])
    for i in ([0, 2, 0], [1, 1, -1], [2, 0, 1], [-3, -3, -3]):
        for one, other in zip(step.function(x, np.array(i)), step(x, np.array(i)), strict=True):
            assert same_bits(one.data, other.data)
    assert step.stats()["replayed"] == 2
    with pytest.raises(IndexError):
        step(x, np.array([0, 1, 3]))


def test_a_count_that_is_an_argument_is_refused():
    for count in (lambda x, n: np.repeat(x, n), lambda x, n: x.data.repeat(n), lambda x, n: np.repeat(x, repeats=n)):
        with pytest.raises(mg.errors.CompileError, match="depends on the numbers"):
            mg.compile(count)(mg.tensor([1.0, 2.0]), np.array([1, 2]))


@pytest.mark.parametrize("backend", ["numpy", "native"])
def test_a_determinant_whose_matrix_becomes_singular(backend):
    """Which way its gradient takes depends on the matrix: eager takes singular values there, and so does a replay."""
    slope = mg.grad(lambda x: mg.linalg.det(x))
    step = mg.compile(slope, backend=backend, audit=False)
    regular = np.array([[3.0, 1.0], [0.5, 2.0]])
    for x in (regular, regular * 2, regular * 3, np.array([[1.0, 2.0], [2.0, 4.0]]), 0 * regular, regular):
        np.testing.assert_allclose(step(x), [[x[1, 1], -x[1, 0]], [-x[0, 1], x[0, 0]]], rtol=1e-12, atol=1e-12)
    assert step.stats()["replayed"] == 4
