"""The table as a whole: each row is tested with its family, documented, and NumPy's where it has NumPy's name."""

import importlib

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import minigrad as mg
from minigrad.core.table import builtin, derived_ops, numpy_functions, ops, path_of
from minigrad.testing import check_gradients
from tests import operations_page
from tests.ops import composites
from tests.samples import samples
from tests.samples.builders import as_list

PRIMITIVES = sorted(name for name, f in ops.items() if name in builtin and hasattr(f, "op"))
TABLE = sorted([*PRIMITIVES, *derived_ops])
#: What has no public name: parts of gradients, and packed results (docs/api.md).
FORMULAS_ALONE = {
    "airy_part", "attention_back", "attention_logs", "banded", "bernoulli_cross_entropy", "centre",
    "channel_mean", "channel_norm", "channel_product", "channel_pullback", "channel_rms", "chi", "ci",
    "cofactors", "cofactors_along", "contract", "convolution", "convolution_kernel", "convolution_transpose",
    "det_phase", "deviance", "eliminated", "ellipj_part", "euclidean_norm", "fresnel_c", "fresnel_s",
    "gelu_slope", "gelu_tanh_share", "gelu_tanh_slope", "getitem", "inverse_rms", "keep", "log_betainc",
    "log_gammainc", "log_gammaincc", "log_stdtr", "logabsdet", "logistic", "lyapunov", "max_pool", "mish_slope",
    "one_less_square", "p_norm", "packed_eig", "packed_eigh", "packed_qr", "packed_svd", "pad_constant", "per_length",
    "put_diagonal", "recursive", "rms_scale", "row_mean", "row_norm", "row_product", "row_pullback", "row_rms",
    "run_cumsum", "scatter_rows", "shares", "shi", "si", "silu_slope", "softmax_error", "sort_by", "sparse_product",
    "sparse_solution", "stirling", "student_density", "substituted", "sylvester", "take_rows", "tanh_softplus",
    "unsort_by", "vector_product", "window_columns", "window_gather", "window_share", "window_spread", "window_sum",
    "window_uncolumns",
}  # fmt: skip
HOMES = (mg, mg.linalg, mg.fft, mg.special, mg.nn.functional)


@pytest.mark.parametrize("module", [m for m in operations_page.modules() if operations_page.names_in(m)])
def test_rows_of_a_file_are_checked_in_the_test_file_of_its_name(module):
    """``check_primitive`` on each: values, gradients of two orders, dtypes, layouts, ownership."""
    room, name = module.__name__.removeprefix("minigrad.").rsplit(".", 1)
    test = importlib.import_module(f"tests.{room}.test_{name}").test_properties
    (marker,) = test.pytestmark
    assert marker.args == ("name", operations_page.names_in(module))


def test_each_row_is_in_one_file():
    assert sorted(name for module in operations_page.modules() for name in operations_page.names_in(module)) == TABLE


def test_rows_are_documented_and_public():
    assert [name for name in TABLE if not ops[name].__doc__] == []
    public = {name for name in TABLE if any(hasattr(home, name) for home in HOMES)}
    assert set(TABLE) - public == FORMULAS_ALONE


def numpy_cases():
    """(NumPy's function, ours) for every function of NumPy that tensors answer."""
    faces = {"concatenate": as_list, "stack": as_list}  # functions of a sequence in front of ops of any number
    return [
        pytest.param(function, ours, faces.get(ours.__name__), id=path_of(function))
        for function, ours in numpy_functions.items()
        if function in builtin and not isinstance(function, str) and path_of(function).startswith("numpy")
    ]


@pytest.mark.parametrize(("function", "ours", "call"), numpy_cases())
def test_np_f_of_a_tensor_has_numpys_value_and_dtype(function, ours, call):
    exact = hasattr(ours, "op") or call is not None

    @given(samples(ops[ours.__name__]))
    def check(sample):
        arrays, options = sample.arrays, sample.options
        # The memory of the array itself: of other strides NumPy's loops round otherwise.
        tensors = [mg.Tensor(x).requires_grad_() if x.dtype.kind == "f" else x for x in arrays]
        if function is np.reshape:  # NumPy 2.0 calls the shape newshape
            arrays, tensors, options = [*arrays, options["shape"]], [*tensors, options["shape"]], {}
        if function is getattr(np, "astype", None):
            arrays, tensors, options = [*arrays, options["dtype"]], [*tensors, options["dtype"]], {}
        one = (call or sample.call)(function, tensors, options)
        two = (call or sample.call)(function, arrays, options)
        for got, want in zip(*[z if isinstance(z, (tuple, list)) else [z] for z in (one, two)], strict=True):
            values = got.data if isinstance(got, mg.Tensor) else np.asarray(got)
            assert values.shape == np.shape(want)
            assert values.dtype == want.dtype
            if exact:
                np.testing.assert_array_equal(values, want)
            else:
                np.testing.assert_allclose(values, want, rtol=1e-10, atol=1e-12)

    check()


@pytest.mark.parametrize("name", sorted(composites.PLAIN))
def test_fused_equals_its_composite_in_value_and_both_gradients(name):
    op = ops[name]

    @given(samples(op))
    def check(sample):
        arrays, options, _ = sample

        def derivatives(f):
            xs = [mg.tensor(x, requires_grad=True) for x in arrays]
            z = f(*xs, **options)
            weights = mg.tensor(np.cos(np.arange(z.size)).reshape(z.shape))
            first = mg.autograd.grad((z * weights).sum(), xs, create_graph=True)
            total = sum((g * np.sin(1 + np.arange(g.size)).reshape(g.shape)).sum() for g in first)
            second = mg.autograd.grad(total, xs, allow_unused=True)
            return [z, *first, *[mg.zeros_like(x) if g is None else g for g, x in zip(second, xs, strict=True)]]

        for got, want in zip(derivatives(op), derivatives(composites.PLAIN[name]), strict=True):
            np.testing.assert_allclose(got.data, want.data, rtol=1e-9, atol=1e-9)

    check()


INF = float("inf")


def test_values_at_the_edges_come_without_a_warning():
    assert mg.sigmoid(mg.tensor([-1000.0, 1000.0])).data.tolist() == [0, 1]
    assert mg.logsumexp(mg.tensor([-INF, -INF])).item() == -INF
    assert mg.softmax(mg.tensor([1e300, -1e300], dtype=float)).data.tolist() == [1, 0]
    big = mg.tensor([[3e38, -3e38]], requires_grad=True)
    loss = mg.softmax_cross_entropy(big, np.array([0]))
    loss.backward()
    assert loss.item() == 0
    assert big.grad.tolist() == [[0, 0]]


@pytest.mark.parametrize("f", [lambda x: x * 2, lambda x: x + 1.5, lambda x: 1 / x, lambda x: x**2, lambda x: 2.0**x])
@pytest.mark.parametrize("shape", [(), (2,)])
def test_python_numbers_are_weak(f, shape):
    x = mg.tensor(np.full(shape, 2, "f4"), requires_grad=True)
    z = f(x)
    z.sum().backward()
    assert z.dtype == x.grad.dtype == np.float32


def test_numpy_on_either_side_of_an_operator_gives_a_tensor():
    x, a = mg.tensor([1.0, 2.0], requires_grad=True), np.array([3.0, 4.0], "f4")
    pair = (3.0, 4.0)
    for z in (a * x, x * a, a + x, a - x, a / x, a**x, a @ x, [3.0, 4.0] * x, x + pair, np.float32(2) * x):
        assert isinstance(z, mg.Tensor)
        assert z.requires_grad
    assert (a - x).data.tolist() == [2, 2]


def test_comparisons_and_searches_answer_with_plain_arrays():
    x = mg.tensor([1.0, 3.0, 2.0], requires_grad=True)
    assert (x > 1.5).tolist() == [False, True, True]
    assert (x == 3).tolist() == [False, True, False]
    assert (x != 3).tolist() == [True, False, True]
    assert (x >= 2).tolist() == [False, True, True]
    assert (x <= mg.tensor([1.0, 2.0, 2.0])).tolist() == [True, False, True]
    assert (x < 2).tolist() == [True, False, False]
    assert x.argmax() == np.argmax(x) == 1
    assert x.argmin() == 0
    assert np.shape(x) == (3,)
    assert np.isfinite(x).all()


def test_python_protocols():
    x = mg.tensor([[1.0, 2.0], [3.0, 4.0]])
    assert len(x) == 2
    assert [row.tolist() for row in x] == [[1, 2], [3, 4]]
    assert x[1, 0].item() == float(x[1, 0]) == 3
    assert int(x[1, 0]) == 3
    assert f"{x[0, 1]:.2f}" == "2.00"
    assert f"{x}" == repr(x)
    assert x.T.tolist() == [[1, 3], [2, 4]]
    assert [1, 2, 3][mg.tensor(np.array(1))] == 2
    assert bool(mg.tensor(1.0))
    assert (+x).tolist() == x.tolist()
    assert not np.shares_memory((+x).data, x.data)
    assert abs(-x).tolist() == x.tolist()
    assert x.numpy() is not None
    assert np.asarray(x).dtype == np.float32
    assert {x: 1}[x] == 1


def test_repr_shows_dtype_and_place_in_the_graph():
    x = mg.tensor([1.0], requires_grad=True)
    assert repr(x) == "tensor([1.], requires_grad=True)"
    assert repr(x * 2) == "tensor([2.], op=multiply)"
    assert repr(mg.tensor([1.0], dtype="f8")) == "tensor([1.], dtype=float64)"


def test_methods_are_the_ops_of_the_same_name():
    x = mg.tensor([[0.5, 2.0], [1.0, 3.0]])
    for method in ("sum", "mean", "max", "min", "var", "std", "exp", "log", "sqrt", "square", "abs", "relu", "sigmoid"):
        np.testing.assert_array_equal(getattr(x, method)().data, getattr(mg, method)(x.data))
    for method in ("tanh", "softmax", "log_softmax", "logsumexp", "squeeze"):
        np.testing.assert_array_equal(getattr(x, method)().data, getattr(mg, method)(x.data))
    assert x.reshape(4).shape == x.reshape((4,)).shape == x.ravel().shape == (4,)
    assert x.transpose(1, 0).tolist() == x.transpose((1, 0)).tolist() == x.transpose().tolist() == x.T.tolist()
    assert x.swapaxes(0, 1).tolist() == x.T.tolist()
    assert x.clip(1, 2).tolist() == [[1, 2], [1, 2]]
    assert x.dot(x).tolist() == (x @ x).tolist()
    assert x.astype("f8").dtype == np.float64
    assert mg.tensor(np.zeros((0, 3))).ravel().shape == (0,)


def test_dot_is_numpys_for_every_pair_of_dimensions():
    rng = np.random.default_rng(0)
    for a_shape, b_shape in [((), (3,)), ((3,), (3,)), ((2, 3), (3,)), ((2, 3), (3, 4)), ((2, 5, 3), (6, 3, 4))]:
        a, b = rng.standard_normal(a_shape), rng.standard_normal(b_shape)
        check_gradients(mg.dot, a, b)
        np.testing.assert_allclose(np.dot(mg.tensor(a), mg.tensor(b)).data, np.dot(a, b), rtol=1e-12)


@given(st.data())
def test_a_tensor_may_be_an_index(data):
    rows = data.draw(st.lists(st.integers(-3, 2), min_size=1, max_size=4))
    x = mg.tensor(np.arange(6.0).reshape(3, 2), requires_grad=True)
    picked = x[mg.tensor(np.array(rows)), 1]
    picked.sum().backward()
    assert picked.tolist() == [x.data[r, 1] for r in rows]
    assert x.grad[:, 1].tolist() == [sum(r % 3 == i for r in rows) for i in range(3)]


def test_creation():
    assert mg.zeros(2).tolist() == mg.zeros_like(mg.ones(2)).tolist() == [0, 0]
    assert mg.ones((1, 2)).tolist() == mg.ones_like([[5.0, 5.0]]).tolist() == [[1, 1]]
    assert mg.full(2, 3).tolist() == [3, 3]
    assert mg.eye(2).tolist() == [[1, 0], [0, 1]]
    assert mg.arange(3).tolist() == mg.arange(0, 3).tolist() == [0, 1, 2]
    assert mg.linspace(0, 1, 3).tolist() == [0, 0.5, 1]
    for made in (mg.zeros(2), mg.ones(2), mg.full(2, 3), mg.eye(2), mg.arange(3), mg.linspace(0, 1)):
        assert made.dtype == np.float32
    assert mg.zeros(2, requires_grad=True).requires_grad


def test_default_dtype():
    mg.set_default_dtype("float64")
    try:
        assert mg.tensor([1, 2]).dtype == mg.zeros(1).dtype == mg.nn.Linear(1, 1).weight.dtype == np.float64
    finally:
        mg.set_default_dtype("float32")
    assert mg.tensor([1, 2]).dtype == np.float32
    assert mg.tensor(np.array([1, 2])).dtype == np.int64
    assert mg.tensor([np.float64(1)]).dtype == np.float64
    assert mg.tensor([True]).dtype == bool
    with pytest.raises(mg.errors.DTypeError, match="float32"):
        mg.set_default_dtype(int)


def test_tensor_copies_and_detach_shares():
    a = np.ones(2)
    x = mg.tensor(a)
    a[0] = 5
    assert x.tolist() == [1, 1]
    assert np.shares_memory(mg.Tensor(a).data, a)
    assert np.shares_memory(x.detach().data, x.data)
    y = mg.tensor(2.0)
    y.data[...] = 3  # a 0-d tensor's data can be written too
    assert y.item() == 3
