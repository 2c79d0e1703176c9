"""Functions of NumPy and of the package under JAX."""

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings

import minigrad as mg
from minigrad.core.table import ops
from minigrad.core.trees import leaves
from minigrad.nn import functional as F
from tests.compiler.backends.test_jax import assert_close, compiled_and_eager, needs_jax
from tests.compiler.test_table import value_and_gradients
from tests.samples import samples

pytestmark = pytest.mark.jax


WEIGHT = np.array([0.5, 2.0, -1.0]), np.array([0.1, 0.0, 0.3])


def _normalised(x, weight, bias):
    """Batch norm of two images of three channels."""
    return F.batch_norm(np.stack([x, np.sin(x)]).reshape(2, 3, 2, 2), None, None, weight, bias, training=True)


FUNCTIONS = {
    "cumulative": lambda x: [np.add.accumulate(x), np.maximum.accumulate(x, 1), np.minimum.accumulate(x, axis=-1),
                             np.multiply.accumulate(x, 0)],
    "reductions": lambda x: [np.add.reduce(x), np.multiply.reduce(x, axis=(0, 1)), np.maximum.reduce(x, 1),
                             np.logical_and.reduce(x > -5), np.minimum.reduce(x, axis=None, keepdims=True),
                             np.add.reduce(x, axis=1, initial=2, where=x > 0)],
    "outer": lambda x: [np.subtract.outer(x[0], x), np.outer(x[0], x[1])],
    "several results": lambda x: [*np.modf(x), *np.divmod(x, 2), *np.split(x, 2, 1), *np.frexp(x)],
    "linear algebra": lambda x: [np.linalg.det(x @ x.T + 4 * np.eye(3)), np.linalg.norm(x), np.trace(x), x.dot(x.T),
                                 np.linalg.solve(x @ x.T + 4 * np.eye(3), x)],
    "transforms": lambda x: [np.fft.rfft(x), np.fft.fft2(x).imag, np.fft.irfft(np.fft.rfft(x), n=4)],
    "sorting": lambda x: [np.sort(x, 0), np.argsort(x, 1, kind="stable"), x.argmax(0), np.median(x, 1)],
    "shapes": lambda x: [np.moveaxis(x[None], 0, -1), np.tile(x, (2, 1)), np.roll(x, 1, 0), np.rot90(x), x.T.ravel("K"),
                         x.T.ravel("F"), np.broadcast_to(x[:1], (3, 4)), np.ravel(x.T, order="K"), x.flatten(),
                         x.T.reshape(-1, order="A"), x.reshape(2, 6, order="A"), x[:, ::2].T.ravel("A"),
                         x.T.ravel("A"),
                         x.reshape(3, 2, 2).transpose(1, 0, 2).ravel("A"),
                         np.take(x, np.array([1, 0]), 0, mode="raise")],
    "copies": lambda x: [np.copy(x.T, "C"), np.copy(x, order="F"), np.copy(x)],
    "likes": lambda x: [np.zeros_like(x), np.ones_like(x, dtype=int), np.full_like(x, 3)],
    "options": lambda x: [np.add(x, x, dtype="float64"), np.clip(x, -1, 1), x.clip(0, 1), np.round(x, 1), np.diff(x),
                          np.power(x, 2), x**2, np.abs(x) ** 0.5, np.nan_to_num(x), np.sum(x, dtype=np.float64)],
    "complex": lambda x: [np.conj(x * 1j), (x * 1j).imag, np.abs(x + 1j), np.exp(x * 1j)],
    "channels": lambda x: [_normalised(x, *WEIGHT),
                           *mg.grad(lambda *xs: (_normalised(*xs) ** 3).sum(), argnums=(0, 1, 2))(x, *WEIGHT)],
    "products": lambda x: [np.einsum("ij,kj->ik", x, x, optimize=True), np.tensordot(x, x, 2), np.vdot(x, x)],
}  # fmt: skip


@needs_jax
@pytest.mark.parametrize("name", FUNCTIONS)
def test_numpys_functions(name):
    x = np.random.default_rng(0).standard_normal((3, 4))
    compiled = mg.compile(FUNCTIONS[name], backend="jax")
    for _ in range(3):
        for one, other in zip(FUNCTIONS[name](x), compiled(x), strict=True):
            assert_close(one, other)
    assert compiled.stats()["replayed"] == 1
    assert compiled.stats()["callbacks"] == []


def _divisions(a, b):
    return [a // b, a % b, *np.divmod(a, b), np.fmod(a, b)]


@needs_jax
@pytest.mark.parametrize("dtype", ["int8", "int64", "uint8", "bool"])
def test_whole_numbers_divided_by_0(dtype):
    a, b = (np.array(x).astype(dtype) for x in ([5, -5, 0, 7, -128], [0, 0, 0, -3, -1]))
    if dtype == "bool":
        b[3:] = True
    with np.errstate(all="ignore"):
        compiled = mg.compile(_divisions, backend="jax")
        for _ in range(3):
            for one, other in zip(_divisions(a, b), compiled(a, b), strict=True):
                assert one.dtype == other.dtype
                np.testing.assert_array_equal(one, other)
    assert compiled.stats()["replayed"] == 1


def _set(x, kept):
    kept[...] = x


MADE_WHOLE = {
    "astype": lambda x, kept: x.astype(kept.dtype),
    "of a tensor": lambda x, kept: mg.tensor(x).astype(kept.dtype).data,
    "array": lambda x, kept: np.array(x, kept.dtype),
    "item": _set,
    "copyto": lambda x, kept: np.copyto(kept, x, casting="unsafe"),
    "out": lambda x, kept: np.add(x, 0, out=kept, casting="unsafe"),
    "put": lambda x, kept: np.put(kept, [0, 1, 2], x),
}


@needs_jax
@pytest.mark.parametrize(("source", "dtype"), [("float64", "int32"), ("float32", "int64"), ("float16", "uint8")])
@pytest.mark.parametrize("how", MADE_WHOLE)
def test_floats_without_a_whole_number_become_what_numpy_makes_of_them(how, source, dtype):
    kept = np.zeros(3, dtype)

    def step(x):
        made = MADE_WHOLE[how](x, kept)
        return kept.copy() if how in ("item", "copyto", "out", "put") else made

    compiled = mg.compile(step, backend="jax")
    for large in (2.5, 2.5, 99.9, 99.9, np.nan, np.inf, 6e4, 1e30, -3.5, 7.0):
        with np.errstate(all="ignore"):
            x = np.array([1.5, 2.0, large]).astype(source)
            expected = step(x).copy()
            kept[...] = 0
            np.testing.assert_array_equal(compiled(x), expected)
    assert 3 <= compiled.stats()["replayed"] <= 7


@needs_jax
@pytest.mark.parametrize(
    "draw", [lambda g: g.random(), lambda g: g.choice(5), lambda g: g.normal(), lambda g: g.integers(5)]
)
def test_a_number_that_is_drawn_is_of_the_type_that_it_has_in_numpy(draw):
    g, other = np.random.default_rng(0), np.random.default_rng(0)
    compiled = mg.compile(lambda: draw(g), backend="jax")
    for _ in range(4):
        got, expected = compiled(), draw(other)
        assert type(got) is type(expected)
        assert got == expected
    assert compiled.stats()["replayed"] == 2


OWN = [
    "conv1d", "conv2d", "conv3d", "conv_transpose2d", "unfold", "fold", "avg_pool2d", "max_pool2d", "max_pool1d",
    "window_gather", "embedding", "segment_sum", "segment_max", "segment_min", "linear_recurrence", "choose",
    "gelu", "erf", "erfc",
]  # fmt: skip


CALLED_BACK = ["median", "cummax", "index_set"]


@needs_jax
@pytest.mark.parametrize("name", [*OWN, *CALLED_BACK])
def test_the_packages_own_functions_and_their_gradients(name):
    @settings(max_examples=2, suppress_health_check=list(HealthCheck))
    @given(samples(ops[name]))
    def check(sample):
        step = value_and_gradients(ops[name], sample)
        compiled = mg.compile(step, backend="jax")
        with np.errstate(all="ignore"):
            expected = step(*sample.arrays)
            for _ in range(3):
                got = compiled(*sample.arrays)
        for (_, one), (_, other) in zip(leaves(list(expected)), leaves(list(got)), strict=True):
            assert (one is None) == (other is None)
            if one is not None:
                assert_close(one, other)
        assert compiled.stats()["replayed"] == 1
        assert name in CALLED_BACK or compiled.stats()["callbacks"] == []

    check()


@needs_jax
def test_special_functions():
    pytest.importorskip("scipy", reason="scipy is not installed: pip install scipy")
    x = mg.tensor([0.5, 1.5], dtype="float64", requires_grad=True)
    compiled = compiled_and_eager(lambda: mg.erf(x) + mg.gammaln(x) + mg.digamma(x), *[()] * 3)
    assert compiled.stats()["callbacks"] == []


@needs_jax
def test_gelu_far_out():
    compiled_and_eager(lambda x: mg.nn.functional.gelu(x), *[(np.array([-np.inf, -9.0, -1, 0, 1, 9, np.inf]),)] * 3)
