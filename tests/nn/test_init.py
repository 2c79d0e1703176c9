"""Initialisers: shape, dtype, spread, and the generator that they draw from."""

import math

import numpy as np
import pytest

from minigrad import nn
from minigrad.errors import DTypeError, HyperparameterError, ShapeError
from minigrad.nn import init

SHAPE = (60, 40, 5)  # out, in, kernel
INPUTS, OUTPUTS = 40 * 5, 60 * 5
SPREAD = {
    "glorot_uniform": math.sqrt(2 / (INPUTS + OUTPUTS)),
    "glorot_normal": math.sqrt(2 / (INPUTS + OUTPUTS)),
    "he_uniform": math.sqrt(2 / INPUTS),
    "he_normal": math.sqrt(2 / INPUTS),
    "lecun_uniform": math.sqrt(1 / INPUTS),
    "lecun_normal": math.sqrt(1 / INPUTS),
    "orthogonal": math.sqrt(1 / INPUTS),
    "truncated_normal": 0.88 * 0.02,
    "notebook": 0.01,
    "standard_normal": 1.0,
}


def test_all_are_here():
    assert set(SPREAD) == set(init.INITIALIZERS)


@pytest.mark.parametrize("name", SPREAD)
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_spread_shape_and_dtype(name, dtype):
    w = init.INITIALIZERS[name](SHAPE, np.random.default_rng(0), dtype)
    assert (w.shape, w.dtype) == (SHAPE, dtype)
    assert w.std() == pytest.approx(SPREAD[name], rel=0.03)
    assert abs(w.mean()) < 0.05 * SPREAD[name]
    np.testing.assert_array_equal(w, init.INITIALIZERS[name](SHAPE, np.random.default_rng(0), dtype))


@pytest.mark.parametrize("shape", [(3, 8), (8, 3), (4, 4)])
def test_orthogonal_rows_or_columns(shape):
    w = init.orthogonal(shape, np.random.default_rng(0), "float64")
    product = w @ w.T if shape[0] <= shape[1] else w.T @ w
    np.testing.assert_allclose(product, np.eye(min(shape)), atol=1e-12)


def test_truncated_is_within_two_deviations():
    assert np.abs(init.truncated_normal((300, 100), np.random.default_rng(0), "float64", 0.5)).max() <= 1


@pytest.mark.parametrize("name", ["he_normal", "glorot_uniform", "orthogonal"])
def test_a_shape_without_inputs_is_refused(name):
    with pytest.raises(ShapeError, match=r"takes a shape \(out, in, \*kernel\), got \(3,\)"):
        init.INITIALIZERS[name]((3,))


@pytest.mark.parametrize(
    ("given", "match"), [("xavier_normal", "called 'glorot_normal' here"), ("zeros", "expected one of")]
)
def test_other_names_are_refused(given, match):
    with pytest.raises(HyperparameterError, match=match):
        init.initializer(given)


def test_a_function_of_ones_own_must_give_the_shape():
    own = lambda shape, generator, dtype: np.ones(shape, dtype)  # noqa: E731
    assert init.initializer(own) is own
    assert init.drawn("Linear", own, (2, 3), None, np.dtype("f4")).sum() == 6
    with pytest.raises(ShapeError, match=r"Linear: init gave shape \(1,\) for a weight of shape \(2, 3\)"):
        init.drawn("Linear", lambda *_: np.ones(1), (2, 3), None, np.dtype("f4"))


@pytest.mark.parametrize("name", init.INITIALIZERS)
def test_complex_weights_have_the_variance_of_real_ones(name):
    """Half of it in each part; of ``orthogonal`` the columns are those of a unitary matrix."""
    make = init.INITIALIZERS[name]
    real = make((120, 90), np.random.default_rng(0), "float64")
    w = make((120, 90), np.random.default_rng(1), "complex128")
    assert make((3, 2), None, "complex64").dtype == "complex64"
    for part in (w.real, w.imag):
        np.testing.assert_allclose(part.var(), real.var() / 2, rtol=0.1)
        assert abs(part.mean()) < 0.05 * real.std()
    assert abs((w**2).mean()) < 0.05 * real.var()
    if name == "orthogonal":
        np.testing.assert_allclose(np.conj(w.T) @ w, np.eye(90), atol=1e-12)


@pytest.mark.parametrize("layer", [lambda **o: nn.Linear(3, 2, **o), lambda **o: nn.Embedding(3, 2, **o)])
def test_what_is_no_initialiser_or_dtype_is_refused_by_name(layer):
    for which in ([], {}, None, 3, "none"):
        with pytest.raises(HyperparameterError, match="is no initialiser"):
            layer(init=which)
    for dtype in ("abc", [], 3, object):
        with pytest.raises(DTypeError, match="dtype"):
            layer(dtype=dtype)
