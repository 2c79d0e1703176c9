"""Complex tensors: each function gives NumPy's value, or the right one, or says by name that it is of real numbers."""

import inspect
import math

import numpy as np
import pytest
from hypothesis import HealthCheck, assume, given, settings

import minigrad as mg
from minigrad.core.table import builtin, derived_ops, numpy_functions, ops
from minigrad.errors import DTypeError
from minigrad.ops import complex_numbers as rows
from minigrad.testing import check_gradients
from tests.ops.families import properties_of
from tests.samples import samples

test_properties = properties_of(rows)

F = mg.nn.functional
RNG = np.random.default_rng(5)


def normal(*shape):
    return RNG.normal(size=shape) + 1j * RNG.normal(size=shape)


def values(z):
    return [p.data if isinstance(p, mg.Tensor) else np.asarray(p) for p in (z if isinstance(z, tuple) else (z,))]


def same(f, x, rtol=1e-9, real=False):
    """NumPy's value, shape and dtype; ``real`` where NumPy 2.0 had complex numbers for real ones."""
    expected = [want.real if real else want for want in values(f(x))]
    for got, want in zip(values(f(mg.Tensor(x))), expected, strict=True):
        assert got.shape == want.shape
        assert got.dtype == want.dtype
        np.testing.assert_allclose(got, want, rtol=rtol, atol=1e-12)


# -- functions of their own ---------------------------------------------------------------------

#: What has no counterpart in NumPy and yet a meaning for complex numbers, beside the ``holomorphic`` rows.
ANSWERS = {
    "adaptive_avg_pool1d", "adaptive_avg_pool2d", "avg_pool1d", "avg_pool2d", "avg_pool3d", "conv1d",
    "conv2d", "conv3d", "conv_transpose1d", "conv_transpose2d", "conv_transpose3d", "embedding", "fold", "glu",
    "index_add", "keep", "logit", "p_norm", "packed_eigh", "packed_qr", "packed_svd", "segment_mean", "unfold",
    "window_gather",
    "block_diag", "cho_factor", "cho_solve", "circulant", "companion", "coshm", "cosm", "fractional_matrix_power",
    "hankel", "khatri_rao", "lu", "polygrid2d", "polyval2d", "sinhm", "sinm", "solve_banded", "solve_circulant",
    "solve_continuous_lyapunov", "solve_discrete_lyapunov", "solve_sylvester", "solve_toeplitz", "solve_triangular",
    "solveh_banded", "tanhm", "tanm", "toeplitz",
    "cumulative_prod", "cumulative_sum", "matvec", "unstack", "vecmat",  # NumPy has them since 2.1 and 2.2
}  # fmt: skip

#: What refuses, of which the formula would hold and mean nothing: x * x where |x|² is meant, or an order of numbers.
REFUSES = [
    "attention_weights", "cosine_similarity", "elu", "gelu", "gelu_tanh", "group_norm", "hardshrink", "instance_norm",
    "inverse_rms", "layer_norm", "leaky_relu", "masked_softmax", "max_pool2d", "mish", "normalize", "prelu", "relu",
    "relu6", "rms_norm", "rms_scale", "scaled_dot_product_attention", "selu", "sigmoid_cross_entropy",
    "softmax_cross_entropy", "softplus", "threshold",
]  # fmt: skip

WITH_NUMPY = {f.__name__ for key, f in numpy_functions.items() if getattr(key, "__module__", "").startswith("numpy")}
WITH_NUMPY |= {f.__name__ for key, f in numpy_functions.items() if isinstance(key, np.ufunc)}
OWN = sorted(name for name in ops if name in builtin and name not in WITH_NUMPY)


@pytest.mark.parametrize("name", OWN)
@pytest.mark.filterwarnings("ignore:.*encountered", "ignore:Casting complex")
def test_a_function_of_real_numbers_refuses_complex_tensors_by_name(name):
    found = []

    @settings(max_examples=8, deadline=None, suppress_health_check=list(HealthCheck))
    @given(samples(ops[name]))
    def check(sample):
        floats = [x.dtype.kind == "f" for x in sample.arrays]
        assume(any(x.size for x in sample.arrays if x.dtype.kind == "f"))
        for requires_grad in (False, True):
            tensors = [
                mg.tensor(x, requires_grad=requires_grad) * (1 + 2j) if is_float else x
                for x, is_float in zip(sample.arrays, floats, strict=True)
            ]
            try:
                sample.call(ops[name], tensors, sample.options)
                found.append("answers")
            except DTypeError:
                found.append("refuses" if not requires_grad else "refuses a gradient")

    check()
    assert found
    declared = name in ANSWERS or getattr(getattr(ops[name], "op", None), "holomorphic", False)
    declared = declared and name not in REFUSES
    assert ("answers" in found) == declared, found


def test_what_answers_is_there():
    assert set(OWN) | set(derived_ops) >= ANSWERS


ARGUMENTS = {
    "embedding": None, "accuracy": None,
    "softmax_cross_entropy": (np.array([0, 1]),), "cross_entropy": (np.array([0, 1]),), "nll_loss": (np.array([0, 1]),),
    "multi_margin_loss": (np.array([0, 1]),), "categorical_cross_entropy": (np.array([0, 1]),),
    "hinge_embedding_loss": (np.ones((2, 3)),),
}  # fmt: skip
LOSSES = [
    "mse_loss", "huber_loss", "smooth_l1_loss", "kl_div", "binary_cross_entropy", "binary_cross_entropy_with_logits",
    "cross_entropy", "nll_loss", "multi_margin_loss", "categorical_cross_entropy", "hinge_embedding_loss",
]  # fmt: skip


@pytest.mark.parametrize("name", LOSSES)
def test_losses_are_of_real_numbers(name):
    loss, x = getattr(F, name), normal(2, 3)
    arguments = ARGUMENTS.get(name, (np.ones((2, 3)),))
    with pytest.raises(DTypeError, match=f"{name} is of real numbers.*complex"):
        loss(mg.Tensor(x), *arguments)
    if name not in ARGUMENTS:
        with pytest.raises((DTypeError, mg.errors.TargetError)):
            loss(mg.Tensor(np.abs(x) / 9), x)


def test_the_absolute_error_is_of_complex_numbers_too():
    x, y = normal(2, 3), normal(2, 3)
    assert F.l1_loss(mg.Tensor(x), y).item() == pytest.approx(np.abs(x - y).mean())
    assert F.l1_loss(mg.Tensor(x), mg.Tensor(y), "sum").item() == pytest.approx(np.abs(x - y).sum())
    check_gradients(lambda a, b: F.l1_loss(a + 1j * b, y), x.real, x.imag)
    with pytest.raises(DTypeError, match="target is complex"):
        F.l1_loss(mg.Tensor(x.real), y)


@pytest.mark.parametrize(
    "layer",
    [
        mg.nn.LayerNorm(4), mg.nn.RMSNorm(4), mg.nn.BatchNorm1d(4), mg.nn.BatchNorm1d(4).eval(), mg.nn.GELU(),
        mg.nn.ReLU(), mg.nn.ELU(), mg.nn.Softplus(), mg.nn.PReLU(), mg.nn.Hardswish(), mg.nn.GroupNorm(2, 4),
    ],
    ids=lambda layer: type(layer).__name__,
)  # fmt: skip
def test_layers_of_real_numbers(layer):
    with pytest.raises(DTypeError, match="real numbers"):
        layer(mg.Tensor(normal(3, 4)))


# -- linear algebra -----------------------------------------------------------------------------

SINGULAR = np.outer(normal(3), normal(3))
HERMITIAN = normal(3, 3) + (z := normal(3, 3)) + np.conj(z.T)
HERMITIAN = HERMITIAN + np.conj(HERMITIAN.T)
MATRICES = {
    "square": normal(3, 3), "hermitian": HERMITIAN, "tall": normal(4, 2), "wide": normal(2, 4), "one": normal(1, 1),
    "stack": normal(2, 3, 3), "singular": SINGULAR, "zero": np.zeros((2, 2)), "complex64": normal(3, 3).astype("c8"),
    "empty": np.zeros((0, 0)), "no rows": np.zeros((0, 3)), "no columns": np.zeros((3, 0), complex),
    "stack of empty": np.zeros((2, 0, 0)), "empty stack": np.zeros((0, 2, 2)),
}  # fmt: skip
#: The orders that are the smallest of something, of which there is nothing.
SMALLEST = {"no rows": (-2, -math.inf), "no columns": (-2, -1)}
ORDERS = (None, "fro", "nuc", 2, -2, 1, -1, math.inf, -math.inf)


@pytest.mark.parametrize("order", ORDERS)
@pytest.mark.parametrize("name", MATRICES)
def test_norms_and_conditions_are_numpys(name, order):
    x = MATRICES[name]
    rtol = 1e-4 if x.dtype == np.complex64 else 1e-9
    if 0 in x.shape[-2:]:  # as NumPy has it since 2.3
        with pytest.raises(np.linalg.LinAlgError, match="without elements"):
            np.linalg.cond(mg.Tensor(x), order)
        if order in SMALLEST.get(name, (-2, -1, -math.inf)):  # the smallest of nothing
            with pytest.raises(ValueError, match="zero-size"):
                np.linalg.norm(mg.Tensor(x), order, (-2, -1))
        else:
            assert np.array_equal(np.linalg.norm(mg.Tensor(x), order, (-2, -1)).data, np.zeros(x.shape[:-2]))
        return
    same(lambda x: np.linalg.norm(x, order, (-2, -1)), x, rtol, real=True)
    same(lambda x: np.linalg.matrix_norm(x, ord=order or "fro", keepdims=True), x, rtol, real=True)
    if order in (None, 2, -2):
        if name != "singular":  # 1e16, of no digit
            same(lambda x: np.linalg.cond(x, order), x, rtol, real=True)
    elif name in ("square", "hermitian", "stack", "one"):
        same(lambda x: np.linalg.cond(x, order), x, rtol, real=True)


@pytest.mark.parametrize("order", [None, 2, 1, 3, 0.5, 0, math.inf])
def test_norms_of_no_elements_are_0(order):
    for x in (np.zeros(0), np.zeros((2, 0)), np.zeros((0, 2), complex)):
        for axis in range(x.ndim):
            shape = x.sum(axis).shape  # NumPy 2.0 raises for the largest of nothing
            assert np.array_equal(np.linalg.norm(mg.Tensor(x), order, axis).data, np.zeros(shape))
        assert np.linalg.vector_norm(mg.Tensor(x), ord=2 if order is None else order).item() == 0


@pytest.mark.parametrize("side", ["L", "U"])
@pytest.mark.parametrize("name", ["square", "hermitian", "stack", "complex64", "one", "empty"])
def test_one_triangle_of_a_hermitian_matrix(name, side):
    x = MATRICES[name]
    same(lambda x: np.linalg.eigvalsh(x, side), x, 1e-4 if name == "complex64" else 1e-9)
    w, v = (z.data for z in np.linalg.eigh(mg.Tensor(x), side))
    triangle = np.tril(x, -1) if side == "L" else np.triu(x, 1)
    whole = triangle + np.conj(triangle.swapaxes(-1, -2)) + np.real(x) * np.eye(x.shape[-1])
    np.testing.assert_allclose((v * w[..., None, :]) @ np.conj(v.swapaxes(-1, -2)), whole, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("f", [np.cov, np.corrcoef, lambda x: np.cov(x, bias=True), lambda x: np.cov(x, rowvar=False)])
def test_covariances_take_the_conjugate(f):
    for x in (normal(3, 5), normal(4), normal(2, 3)):
        same(f, x)
    x = normal(2, 4)
    check_gradients(lambda a, b: f(a + 1j * b), x.real, x.imag)


def test_weighted_covariances_take_the_conjugate():
    weights = np.array([1.0, 2.0, 0.5, 3.0])
    same(lambda x: np.cov(x, aweights=weights, fweights=[1, 2, 1, 3]), normal(3, 4))


def test_least_squares_and_determinants():
    a, b = normal(4, 2), normal(4)
    same(lambda a: np.linalg.lstsq(a, b, rcond=None), a)
    x = normal(3, 3)
    same(np.linalg.slogdet, x)
    check_gradients(lambda p, q: mg.table.ops["logabsdet"](p + 1j * q), x.real, x.imag)
    check_gradients(lambda p, q: np.linalg.slogdet(p + 1j * q)[0], x.real, x.imag)  # the phase turns too


def test_gammaln_at_minus_infinity_is_scipys():
    assert mg.gammaln(mg.tensor([-np.inf])).data[0] == -np.inf
    assert "-inf" in inspect.getdoc(mg.gammaln)


@pytest.mark.parametrize(
    "function",
    [
        np.i0,
        lambda z: np.quantile(z, 0.5),
        lambda z: np.percentile(z, 50),
        lambda z: np.nanquantile(z, 0.5),
        lambda z: np.nanpercentile(z, 50),
        lambda z: np.quantile(z, 0.5, weights=[1, 2], method="inverted_cdf"),
    ],
)
def test_what_numpy_refuses_for_complex_numbers_is_refused(function):
    for requires_grad in (False, True):
        with pytest.raises(DTypeError, match="of real numbers"):
            function(mg.tensor([1 + 2j, 3j], requires_grad=requires_grad))
