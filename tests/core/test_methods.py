"""NumPy's methods on Tensors: the function of the name, with its options and gradients."""

import operator

import numpy as np
import pytest

import minigrad as mg
from minigrad.errors import GraphError

X = np.random.default_rng(0).normal(size=(2, 3, 4))
CALLS = {
    "sum": lambda x: x.sum(1, keepdims=True),
    "mean": lambda x: x.mean((0, 2)),
    "max": lambda x: x.max(axis=-1),
    "min": lambda x: x.min(),
    "var": lambda x: x.var(0, ddof=1),
    "std": lambda x: x.std(1),
    "prod": lambda x: x.prod(2),
    "cumsum": lambda x: x.cumsum(1),
    "cumprod": lambda x: x.cumprod(0),
    "trace": lambda x: x.trace(1, 0, 2),
    "reshape": lambda x: x.reshape(4, -1),
    "reshape of a tuple": lambda x: x.reshape((3, 8)),
    "transpose": lambda x: x.transpose(2, 0, 1),
    "transpose of none": lambda x: x.transpose(),
    "swapaxes": lambda x: x.swapaxes(0, 2),
    "squeeze": lambda x: x.reshape(2, 1, 12).squeeze(1),
    "ravel": lambda x: x.ravel(),
    "flatten": lambda x: x.flatten(),
    "repeat": lambda x: x.repeat(2, axis=1),
    "take": lambda x: x.take([0, 2, 2], axis=2),
    "compress": lambda x: x.compress([True, False], axis=0),
    "diagonal": lambda x: x.diagonal(0, 1, 2),
    "copy": lambda x: x.copy(),
    "astype": lambda x: x.astype("float32"),
    "clip": lambda x: x.clip(-0.5, 0.5),
}


@pytest.mark.parametrize("name", CALLS)
def test_values_are_numpy_s_and_gradients_flow(name):
    x = mg.tensor(X, requires_grad=True)
    z = CALLS[name](x)
    expected = CALLS[name](X)
    assert (z.shape, z.dtype) == (expected.shape, expected.dtype)
    np.testing.assert_allclose(z.data, expected, rtol=1e-12)
    z.sum().backward()
    h, direction = 1e-6, np.random.default_rng(1).normal(size=X.shape)
    slope = (CALLS[name](X + h * direction).sum() - CALLS[name](X - h * direction).sum()) / (2 * h)
    tolerance = 2e-1 if name == "astype" else 1e-5
    np.testing.assert_allclose((x.grad * direction).sum(), slope, rtol=tolerance, atol=tolerance)


@pytest.mark.parametrize("method", ["sum", "mean", "max", "min", "var", "std", "prod"])
def test_dim_is_refused_with_axis(method):
    with pytest.raises(TypeError, match="axis="):
        getattr(mg.tensor(X), method)(dim=1)


PLAIN = {
    "argsort": lambda x: x.argsort(0),
    "argsort of all": lambda x: x.argsort(None),
    "argpartition": lambda x: np.sort(x.argpartition(1, -1)[..., :2]),
    "argmin": lambda x: x.argmin(1, keepdims=True),
    "searchsorted": lambda x: x.reshape(-1).searchsorted([0.5, 9.0], "right"),
    "nonzero": lambda x: x.nonzero(),
    "all": lambda x: x.all(0),
    "any": lambda x: x.any(1, keepdims=True),
    "divmod": lambda x: divmod(x, 3.0)[1],
    "divmod from the left": lambda x: divmod(7.0, x + 1)[0],
}


@pytest.mark.parametrize("name", PLAIN)
def test_a_plain_answer_is_numpys(name):
    x = np.array([[0.0, 3.0, 1.5], [2.0, 0.5, 4.0]])
    expected, got = PLAIN[name](x), PLAIN[name](mg.tensor(x))
    np.testing.assert_array_equal(np.asarray(got), np.asarray(expected))


IN_PLACE = {
    "sort": ((), "mg.sort"),
    "partition": ((1,), "mg.partition"),
    "fill": ((1.0,), r"x\[\.\.\.\] = value"),
    "put": (([0], [1.0]), r"x\[index\] = values"),
    "resize": ((3, 2), "mg.resize"),
}


@pytest.mark.parametrize("name", IN_PLACE)
def test_what_numpy_does_in_place_says_what_to_write(name):
    given, line = IN_PLACE[name]
    x = mg.tensor([[0.0, 3.0], [2.0, 0.5]])
    before = x.data.copy()
    with pytest.raises(GraphError, match=line):
        getattr(x, name)(*given)
    np.testing.assert_array_equal(x.data, before)


@pytest.mark.parametrize("name", ["floordiv", "mod", "pow", "matmul", "truediv", "sub"])
def test_an_operator_in_place_is_the_operator(name):
    x = np.array([[5.0, 3.0], [2.0, 7.5]])
    t = x + mg.tensor(0.0)
    view, y = t[0], x.copy()
    t = getattr(operator, f"i{name}")(t, mg.tensor([[2.0, 0.5], [1.5, 3.0]], dtype=np.float64))
    expected = getattr(operator, name)(y, np.array([[2.0, 0.5], [1.5, 3.0]]))
    np.testing.assert_allclose(t.data, expected, rtol=1e-15)
    np.testing.assert_array_equal(view.data, t.data[0])
