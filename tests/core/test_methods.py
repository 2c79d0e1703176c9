"""NumPy's methods on Tensors: the function of the name, with its options and gradients."""

import operator

import numpy as np
import pytest

import minigrad as mg
from minigrad.errors import DTypeError, GraphError

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


_MASK = np.array([True, False, True])


@pytest.mark.parametrize(
    "call",
    [
        lambda a: a.sum(axis=0, dtype="f4", keepdims=True, initial=1.0, where=_MASK),
        lambda a: a.mean(axis=1, dtype="f4", where=_MASK),
        lambda a: a.max(axis=0, initial=3.0, where=_MASK),
        lambda a: a.min(axis=1, initial=2.0),
        lambda a: a.prod(axis=0, dtype="f8", keepdims=True, initial=2.0, where=_MASK),
        lambda a: a.std(axis=0, ddof=1, mean=a.mean(0, keepdims=True)),
        lambda a: a.var(axis=1, where=_MASK, keepdims=True),
        lambda a: a.cumsum(axis=0, dtype="f4"),
        lambda a: a.cumprod(1, dtype="f8"),
        lambda a: a.trace(offset=1, dtype="f8"),
        lambda a: a.reshape((3, 2), order="F"),
        lambda a: a.reshape(-1, order="F"),
        lambda a: a.ravel("F"),
        lambda a: a.T.ravel(order="F"),
        lambda a: a.flatten("F"),
        lambda a: a.copy(order="F"),
        lambda a: a.astype("f4", order="F", casting="same_kind", copy=False),
        lambda a: a.round(decimals=1),
        lambda a: a.dot(b=a.T),
        lambda a: a[a[:, 0].argsort(kind="stable", stable=None)],
        lambda a: a.item(0, 1) * a + a.item(3),
    ],
)  # fmt: skip
def test_methods_have_the_options_of_numpys(call):
    a = np.array([[1.25, 2.5, -3.5], [4.75, 5.5, 6.25]])
    expected, found = call(a), mg.vmap(call)(a[None])[0] if "item" not in call.__code__.co_names else call(a)
    np.testing.assert_array_equal(found, expected)
    leaf = mg.tensor(a, requires_grad=True)
    z = call(leaf)
    np.testing.assert_array_equal(z.data, expected)
    assert z.dtype == expected.dtype
    if "mean" not in call.__code__.co_names:
        assert z.data.flags.f_contiguous == expected.flags.f_contiguous
    z.backward(np.ones(z.shape, z.dtype))
    steps = [[(call(a + e) - call(a - e)).sum() / 2**-9 for e in 2**-10 * np.eye(6).reshape(6, 2, 3)]]
    tolerance = {"rtol": 2e-3, "atol": 2e-3} if z.dtype == np.float32 else {"rtol": 1e-5, "atol": 1e-5}
    numbers = [0.0] * 6 if "round" in call.__code__.co_names else None
    if "item" not in call.__code__.co_names:  # a Python number has no gradient
        np.testing.assert_allclose(leaf.grad.ravel(), numbers or steps[0], **tolerance)


@pytest.mark.parametrize("dtype", ["f8", "f4", int])
@pytest.mark.parametrize("order", ["C", "F", "K", "A", "f"])
@pytest.mark.parametrize("as_leaf", [False, True])
def test_a_cast_without_a_copy_is_the_very_array_where_numpys_is(dtype, order, as_leaf):
    """A write into what came back did not reach the tensor, without a word."""
    for a in (np.ones((2, 3)), np.ones((3, 2)).T, np.ones((4, 3))[::2]):
        x = mg.Tensor(a, requires_grad=as_leaf)
        if as_leaf and dtype is int:
            continue
        is_same = x.data.astype(dtype, order, copy=False) is x.data
        assert (x.astype(dtype, order, copy=False) is x) == is_same
        if not as_leaf:
            x.astype(dtype, order, copy=False)[...] = 5
            assert (x.data == (5 if is_same else 1)).all()


def test_what_a_cast_refuses():
    x = mg.tensor([1.5], requires_grad=True)
    with pytest.raises(DTypeError, match="by the rule 'safe'"):
        x.astype("f2", casting="safe")
    with pytest.raises(ValueError, match="order must be one of 'C', 'F', 'A', or 'K'"):
        x.astype(x.dtype, order="Z", copy=False)
    with pytest.raises(DTypeError, match="has no gradient"):
        x.astype(int)
    for dtype in ("datetime64[s]", object, str, [("a", float)]):
        with pytest.raises(DTypeError, match="a tensor holds numbers"):
            x.detach().astype(dtype)
