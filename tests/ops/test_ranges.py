"""Numbers that leave the range of their dtype on the way: small integers, float16, squares of the large and small."""

import numpy as np
import pytest

import minigrad as mg
from minigrad import nn
from minigrad.core.table import ops
from minigrad.errors import HyperparameterError
from minigrad.nn import functional as F

RNG = np.random.default_rng(0)


def both_ways(f, x, dtype):
    """The value and gradient of f in this dtype, and those in float64 of the same numbers."""
    x = np.asarray(x, dtype)
    found = []
    for kind in (dtype, np.float64):
        leaf = mg.tensor(x.astype(kind), requires_grad=True)
        z = f(leaf)
        assert z.dtype == kind
        weights = np.linspace(0.5, 1.5, z.size).reshape(z.shape).astype(np.float16).astype(kind)
        z.backward(weights)
        found.append((z.data, leaf.grad))
    return zip(*found, strict=True)


def compare(f, x, dtype, units=64):
    for got, want in both_ways(f, x, dtype):
        scale = np.abs(want).max()
        assert scale > 0
        np.testing.assert_allclose(got / scale, want / scale, rtol=0, atol=units * np.finfo(dtype).eps)


# -- integers -----------------------------------------------------------------------------------

IMAGE = np.array([[[[200, 201, 202, 255], [203, 204, 205, 255], [0, 255, 255, 1], [9, 255, 7, 255]]]], np.uint8)
COLUMNS = np.full((1, 4, 9), 200, np.uint8)

MEANS = {
    "avg_pool1d": lambda x: F.avg_pool1d(x[:, 0], 2),
    "avg_pool1d, padding": lambda x: F.avg_pool1d(x[:, 0], 3, 2, 1, count_include_pad=False),
    "avg_pool2d": lambda x: F.avg_pool2d(x, 2),
    "avg_pool2d, divisor": lambda x: F.avg_pool2d(x, 3, 1, divisor_override=2),
    "avg_pool2d, ceil_mode": lambda x: F.avg_pool2d(x, 3, 2, ceil_mode=True),
    "avg_pool3d": lambda x: F.avg_pool3d(x[:, None], (1, 2, 2)),
    "adaptive_avg_pool1d": lambda x: F.adaptive_avg_pool1d(x[:, 0], 2),
    "adaptive_avg_pool1d, uneven": lambda x: F.adaptive_avg_pool1d(x[:, 0], 3),
    "adaptive_avg_pool2d": lambda x: F.adaptive_avg_pool2d(x, 2),
    "adaptive_avg_pool2d, uneven": lambda x: F.adaptive_avg_pool2d(x, 3),
    "normalize": lambda x: F.normalize(x, axis=-1),
    "normalize, p": lambda x: F.normalize(x, 3.0, axis=-1),
    "cosine_similarity": lambda x: F.cosine_similarity(x, x[:, :, ::-1], axis=-1),
    "layer_norm": lambda x: F.layer_norm(x, 4),
    "rms_norm": lambda x: F.rms_norm(x, 4, eps=1e-5),
    "group_norm": lambda x: F.group_norm(x, 1),
    "instance_norm": lambda x: F.instance_norm(x),
    "batch_norm": lambda x: F.batch_norm(x, training=True),
    "segment_mean": lambda x: mg.segment_mean(x[0, 0], [0, 0, 0, 1]),
    "norm": lambda x: mg.linalg.norm(x[0, 0], axis=1),
    "norm, 3": lambda x: mg.linalg.norm(x[0, 0], 3, axis=1),
    "std": lambda x: mg.std(x, -1),
    "corrcoef": lambda x: mg.corrcoef(x[0, 0]),
    "logsumexp": lambda x: mg.logsumexp(x),
    "softmax": lambda x: F.softmax(x),
}  # fmt: skip

SUMS = {
    "conv1d": lambda x: F.conv1d(x[:, 0], np.ones((2, 4, 3), x.dtype)),
    "conv2d": lambda x: F.conv2d(x, np.full((1, 1, 3, 3), 3, x.dtype), padding="same"),
    "conv2d, groups": lambda x: F.conv2d(np.concatenate([x, x], 1), np.full((2, 1, 2, 2), 2, x.dtype), groups=2),
    "conv_transpose2d": lambda x: F.conv_transpose2d(x, np.full((1, 1, 3, 3), 2, x.dtype)),
    "linear": lambda x: F.linear(x, np.full((2, 4), 2, x.dtype), np.ones(2, x.dtype)),
    "linear, without bias": lambda x: F.linear(x[0, 0], np.full((2, 4), 2, x.dtype)),
    "fold": lambda x: F.fold(COLUMNS.astype(x.dtype), (4, 4), 2),
    "scatter_rows": lambda x: ops["scatter_rows"](x[0, 0], np.array([0, 0, 1, 1]), 2),
    "segment_sum": lambda x: mg.segment_sum(x[0, 0], [0, 0, 1, 1]),
    "linear_recurrence": lambda x: mg.linear_recurrence(x[0, 0], np.ones(4, x.dtype)),
    "run_cumsum": lambda x: mg.table.ops["run_cumsum"](x[0, 0], np.zeros((4, 4), x.dtype)),
}  # fmt: skip


@pytest.mark.parametrize("dtype", [np.uint8, np.int8, np.int32, bool])
@pytest.mark.parametrize("name", MEANS)
def test_means_of_integers_are_those_of_the_same_floats(name, dtype):
    x = (IMAGE % 128 if dtype is np.int8 else IMAGE).astype(dtype) if dtype is not bool else IMAGE % 3 == 0
    z = MEANS[name](x)
    assert z.dtype == np.float64, "as NumPy's mean has it"
    np.testing.assert_allclose(z, MEANS[name](x.astype(np.float64)), rtol=1e-14)


@pytest.mark.parametrize("dtype", [np.uint8, np.int16, bool])
@pytest.mark.parametrize("name", SUMS)
def test_sums_of_integers_do_not_wrap(name, dtype):
    x = IMAGE.astype(dtype)
    z = SUMS[name](x)
    assert z.dtype == np.sum(x).dtype, "as NumPy's sum has it"
    if dtype is bool:  # whose sums count
        return
    np.testing.assert_array_equal(z, SUMS[name](x.astype(np.float64)))


def test_the_maximum_of_bools():
    x = (IMAGE % 3 == 0)[:, 0]
    assert F.max_pool1d(x, 2, padding=1).tolist() == (F.max_pool1d(x.astype(float), 2, padding=1) == 1).tolist()


def test_an_image_of_bytes_and_a_signed_kernel():
    edges = np.array([[[[-1, 0, 1]] * 3]], np.int8)
    np.testing.assert_array_equal(F.conv2d(IMAGE, edges), F.conv2d(IMAGE.astype(float), edges.astype(float)))
    assert F.conv2d(IMAGE, edges).dtype == np.int64
    assert F.conv2d(IMAGE, edges.astype(np.float32)).dtype == np.float32


# -- cosine similarity --------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("x", "y", "axis", "want"),
    [
        ([[3.0, 4.0]], [[1.0]], 1, [7 / (5 * 2**0.5)]),
        ([[3.0, 4.0]], [1.0, 1.0], 1, [7 / (5 * 2**0.5)]),
        ([[1.0], [0.0]], [[1.0, 2.0], [1.0, 2.0]], 1, [3 / (2**0.5 * 5**0.5), 0]),
        ([1.0, 0.0], [[3.0, 4.0], [0.0, 5.0]], -1, [0.6, 0]),
        ([1.0, 0.0], [[3.0, 4.0], [0.0, 5.0]], 0, [3 / (3 * 2**0.5), 0]),
    ],
)
def test_lengths_are_those_of_the_vectors_that_meet(x, y, axis, want):
    np.testing.assert_allclose(F.cosine_similarity(np.array(x), np.array(y), axis=axis), want, rtol=1e-14)


def test_the_gradient_comes_back_in_the_shape_before_broadcasting():
    x = mg.tensor(np.array([[3.0, 4.0]]), requires_grad=True)
    y = mg.tensor(np.array([[1.0]]), requires_grad=True)
    F.cosine_similarity(x, y).sum().backward()
    assert (x.grad.shape, y.grad.shape) == ((1, 2), (1, 1))
    np.testing.assert_allclose(y.grad, [[0]], atol=1e-15)  # its size has no say


# -- very large and very small ------------------------------------------------------------------

SPREAD = RNG.normal(size=(4, 6))

#: Functions of any size: with f(c x) = c f(x), or = f(x).
SCALED = {
    "std": lambda x: mg.std(x, 1),
    "std, all": lambda x: mg.std(x),
    "std, ddof": lambda x: mg.std(x, 0, ddof=1, keepdims=True),
    "nanstd": lambda x: mg.nanstd(x, 1),
    "norm": lambda x: mg.linalg.norm(x, axis=1),
    "Frobenius": lambda x: mg.linalg.norm(x),
    "norm, 3": lambda x: mg.linalg.norm(x, 3, axis=1),
    "norm, -2": lambda x: mg.linalg.norm(x, -2, axis=0),
    "norm, 0.5": lambda x: mg.linalg.norm(x, 0.5, axis=1),
    "hypot": lambda x: mg.hypot(x[0], x[1]),
    "corrcoef": mg.corrcoef,
    "layer_norm, eps=0": lambda x: F.layer_norm(x, 6, eps=0),
    "rms_norm, eps=0": lambda x: F.rms_norm(x, 6, eps=0),
    "instance_norm, eps=0": lambda x: F.instance_norm(x.reshape(2, 2, 6), eps=0),
}  # fmt: skip

NORMALISED = {
    "layer_norm": lambda x: F.layer_norm(x, 6),
    "layer_norm, weight": lambda x: F.layer_norm(x, 6, np.arange(6, dtype=x.dtype), np.ones(6, x.dtype)),
    "rms_norm": lambda x: F.rms_norm(x, 6, eps=1e-6),
    "group_norm": lambda x: F.group_norm(x, 2),
    "instance_norm": lambda x: F.instance_norm(x.reshape(2, 2, 6)),
    "batch_norm": lambda x: F.batch_norm(x, training=True),
    "normalize": lambda x: F.normalize(x, axis=0),
    "cosine_similarity": lambda x: F.cosine_similarity(x, x[::-1] + x, axis=1),
}  # fmt: skip


@pytest.mark.parametrize("scale", [1e20, 1e-25, 1.0])
@pytest.mark.parametrize("name", SCALED)
def test_float32_of_any_size(name, scale):
    compare(SCALED[name], SPREAD * scale, np.float32)


@pytest.mark.parametrize("name", SCALED)
@pytest.mark.parametrize("scale", [2.0**600, 2.0**-620])
def test_float64_of_any_size(name, scale):
    """The value moves with the scale, or stays; the gradient is one power below."""
    f = SCALED[name]
    one, other = (mg.tensor(SPREAD * s, requires_grad=True) for s in (1.0, scale))
    z, scaled = f(one), f(other)
    z.backward(np.ones(z.shape))
    scaled.backward(np.ones(z.shape))
    moves = np.abs(scaled.data).max() / np.abs(z.data).max()
    power = scale if abs(np.log2(moves)) > 300 else 1.0
    np.testing.assert_allclose(scaled.data / power, z.data, rtol=1e-12)
    np.testing.assert_allclose(other.grad * (scale / power), one.grad, rtol=1e-9, atol=1e-13)


@pytest.mark.parametrize("scale", [1e20, 1e19, 1e-25])
@pytest.mark.parametrize("name", NORMALISED)
def test_norm_layers_of_any_size(name, scale):
    compare(NORMALISED[name], SPREAD * scale, np.float32)


def test_an_eps_below_0_is_only_a_number_to_the_row_and_a_slip_to_the_layer():
    x = SPREAD * 10
    want = x / np.sqrt(np.mean(x * x, 1, keepdims=True) - 0.5)
    np.testing.assert_allclose(ops["rms_scale"](x, None, None, (1,), -0.5), want, rtol=1e-14)
    with pytest.raises(HyperparameterError, match="eps is a finite number of at least 0"):
        F.rms_norm(x, 6, eps=-0.5)


def test_rows_of_every_size_side_by_side():
    x = SPREAD * np.array([[1e20], [1.0], [1e-25], [0.0]])
    for f in (lambda x: F.layer_norm(x, 6), lambda x: F.rms_norm(x, 6, eps=1e-30), lambda x: mg.std(x, 1)):
        for got, want in both_ways(f, x, np.float32):
            for row, expected in zip(got, want, strict=True):
                scale = np.abs(expected).max() or 1.0
                np.testing.assert_allclose(row / scale, expected / scale, rtol=0, atol=1e-5)


def test_the_second_order_of_norm_layers_of_any_size():
    def curvature(x, dtype):
        leaf = mg.tensor(x.astype(dtype), requires_grad=True)
        z = F.rms_norm(leaf, 6, eps=1e-6)
        (g,) = mg.autograd.grad((z * np.arange(6, dtype=dtype)).sum(), leaf, create_graph=True)
        return mg.autograd.grad((g * g).sum(), leaf)[0].data

    x = (SPREAD * 1e10).astype(np.float32)
    got, want = curvature(x, np.float32), curvature(x, np.float64)
    np.testing.assert_allclose(got / np.abs(want).max(), want / np.abs(want).max(), atol=1e-5)


# -- float16 ------------------------------------------------------------------------------------

HALF = {
    **NORMALISED,
    "var": lambda x: mg.var(x, 1),
    "nanvar": lambda x: mg.nanvar(x, 1),
    "std": lambda x: mg.std(x, 1),
    "nanstd": lambda x: mg.nanstd(x, 1),
    "norm": lambda x: mg.linalg.norm(x, axis=1),
    "norm, 3": lambda x: mg.linalg.norm(x, 3, axis=1),
    "corrcoef": mg.corrcoef,
    "mse_loss": lambda x: F.mse_loss(x, x.data * 0) / 64,
    "huber_loss": lambda x: F.huber_loss(x, x.data * 0, delta=1e4),
    "smooth_l1_loss": lambda x: F.smooth_l1_loss(x, x.data * 0, beta=1e3),
    "multi_margin_loss": lambda x: F.multi_margin_loss(x, [0, 1, 2, 3], p=2) / 4,
    "avg_pool1d": lambda x: F.avg_pool1d((x * 100).reshape(1, 4, 6), 3),
    "adaptive_avg_pool2d": lambda x: F.adaptive_avg_pool2d((x * 100).reshape(1, 1, 4, 6), 1),
    "segment_mean": lambda x: mg.segment_mean(x * 100, [0, 0, 0, 0]),
    "batch_norm, running": lambda x: F.batch_norm(x, np.zeros(6, x.dtype), np.full(6, 6e4, x.dtype)),
}  # fmt: skip


@pytest.mark.parametrize("name", HALF)
def test_squares_and_sums_of_float16_have_room(name):
    compare(HALF[name], SPREAD * 150, np.float16, 8)


@pytest.mark.parametrize(
    "mask", [None, np.tri(4, dtype=bool), np.zeros((4, 4), np.float16)], ids=["", "bool", "float16"]
)
def test_scores_of_attention_in_float16_have_room(mask):
    """Queries of 150 with 64 numbers have products of 180,000 after scaling, of which the weights are 0 and 1."""
    rng = np.random.default_rng(0)
    q = (rng.choice([-1.0, 1.0], (4, 64)) * 150).astype(np.float16)
    values = rng.standard_normal((4, 3)).astype(np.float16)
    x = mg.tensor(q, requires_grad=True)
    got = F.scaled_dot_product_attention(x, q, values, mask)
    assert got.dtype == np.float16
    np.testing.assert_array_equal(got.data, values)  # each query answers itself
    got.sum().backward()
    assert x.grad.dtype == np.float16
    assert np.isfinite(x.grad).all()
    wide = F.scaled_dot_product_attention(mg.tensor(q), q.astype(np.float32), values, mask)
    assert wide.dtype == np.float32


@pytest.mark.parametrize("classes", [70_000, 3])
def test_many_classes_in_float16(classes):
    x = mg.tensor(np.zeros((2, classes), np.float16), requires_grad=True)
    assert F.softmax(x).data[0, 0] == np.float16(1 / classes)
    assert F.log_softmax(x).data[0, 0] == np.float16(-np.log(classes))
    assert mg.logsumexp(x, 1).data[0] == np.float16(np.log(classes))
    assert F.masked_softmax(x, True).data[0, 0] == np.float16(1 / classes)
    loss = F.cross_entropy(x, [0, 1])
    assert loss.data == np.float16(np.log(classes))
    loss.backward()
    np.testing.assert_allclose(x.grad[0, 0], -0.5 * (1 - 1 / classes), rtol=1e-3)


MANY = {
    "mean": mg.mean, "nanmean": mg.nanmean, "average": mg.average,
    "average, weights": lambda x: mg.average(x, weights=np.ones(x.shape, x.dtype)),
    "avg_pool1d": lambda x: F.avg_pool1d(x.reshape(1, 1, -1), x.size).sum(),
    "segment_mean": lambda x: mg.segment_mean(x, np.zeros(x.size, int)).sum(),
}  # fmt: skip


@pytest.mark.parametrize("name", MANY)
def test_means_of_more_elements_than_float16_counts(name):
    x = mg.tensor(np.full(70_000, 100, np.float16), requires_grad=True)
    z = MANY[name](x)
    assert (z.dtype, z.item()) == (np.float16, 100)
    z.backward()
    np.testing.assert_allclose(x.grad[:2], 1 / 70_000, rtol=5e-3)


def test_a_long_logarithm_of_sums_does_not_stand_still():
    z = mg.logcumsumexp(mg.tensor(np.zeros(10_000, np.float16)))
    assert z.data[-1] == np.float16(np.log(10_000))


@pytest.mark.parametrize("layer", [nn.LayerNorm(6), nn.RMSNorm(6), nn.BatchNorm1d(6), nn.GroupNorm(2, 6)])
def test_layers_of_float16(layer):
    """With weights in float16 too; the running variance of float16 is one of float16."""
    for parameter in layer.parameters():
        parameter.data = parameter.data.astype(np.float16)
    z = layer(mg.tensor((SPREAD * 150).astype(np.float16)))
    assert z.dtype == np.float16
    assert 0.5 < z.data.std() < 1.5


# -- probabilities of 0 and 1 -------------------------------------------------------------------


@pytest.mark.parametrize(
    ("p", "t", "want"),
    [(0, 1, -1e12), (0, 0.5, -5e11), (1, 0, 1e12), (1, 0.5, 5e11), (0, 0, 1), (1, 1, -1), (0.5, 1, -2),
     (0.25, 0, 4 / 3), (0.25, 0.25, 0), (1e-9, 1, -1e9)],
)  # fmt: skip
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_a_wrong_probability_of_0_or_1_finds_its_way_back(p, t, want, dtype):
    x = mg.tensor(np.array([p], dtype), requires_grad=True)
    loss = nn.BCELoss()(x, np.array([t], dtype))
    loss.backward()
    np.testing.assert_allclose(x.grad, [want], rtol=1e-6)
    assert loss.item() == pytest.approx(min(100, 100 * abs(t - p)) if p in (0, 1) else loss.item())


def test_probabilities_of_float16():
    x = mg.tensor(np.array([0, 1], np.float16), requires_grad=True)
    F.binary_cross_entropy(x, np.array([1, 0], np.float16)).backward()
    assert x.grad.tolist() == [-8192, 8192]


@pytest.mark.parametrize("target", [[0, 1], [[1.0, 0.0], [0.0, 1.0]]])
def test_a_class_of_probability_0_finds_its_way_back(target):
    x = mg.tensor(np.array([[0.0, 1.0], [0.25, 0.75]]), requires_grad=True)
    F.categorical_cross_entropy(x, np.array(target), "sum").backward()
    np.testing.assert_allclose(x.grad, [[-1e7, 0], [0, -4 / 3]], rtol=1e-9)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_a_sure_logit_has_its_slope(dtype):
    x = mg.tensor(np.array([20.0, 60.0, -20.0, -60.0], dtype), requires_grad=True)
    F.binary_cross_entropy_with_logits(x, np.array([1, 1, 0, 0], dtype), "sum").backward()
    np.testing.assert_allclose(x.grad, np.exp([-20.0, -60, -20, -60]) * [-1, -1, 1, 1], rtol=1e-6)


# -- slopes that are learned --------------------------------------------------------------------


def test_prelu_of_a_number_is_a_number():
    layer = nn.PReLU()
    z = layer(mg.tensor(-2.0))
    assert z.shape == ()
    z.backward()
    assert layer.weight.grad.tolist() == [-2.0]
    assert layer(mg.tensor([-2.0, 4.0])).tolist() == [-0.5, 4.0]


@pytest.mark.parametrize(
    ("shape", "slopes"), [((), 3), ((3,), 3), ((2, 1, 4), 3), ((2, 4), 3), ((2, 4, 3), (2, 2)), ((2, 4), (1, 1))]
)
def test_prelu_refuses_slopes_that_are_not_one_for_each_channel(shape, slopes):
    with pytest.raises(mg.errors.ShapeError, match="slopes have the shape"):
        F.prelu(np.zeros(shape), np.ones(slopes))


@pytest.mark.parametrize(("dtype", "size"), [("f2", 3e4), ("f4", 2e38), ("f8", 1e308)])
@pytest.mark.parametrize("beta", [3.0, -3.0, 0.5])
def test_softplus_is_finite_where_beta_times_x_is_not(beta, dtype, size):
    x = mg.tensor(np.array([-size, -1.0, 0.0, 1.0, size]).astype(dtype), requires_grad=True)
    z = mg.nn.functional.softplus(x, beta)
    z.sum().backward()
    inner = [np.log1p(np.exp(beta * t)) / beta for t in (-1.0, 0.0, 1.0)]
    large = float(x.data[-1])
    ends = [0, large] if beta > 0 else [-large, 0]
    np.testing.assert_allclose(z.data, [ends[0], *inner, ends[1]], rtol=2e-3 if dtype == "f2" else 1e-5)
    slopes = [1 / (1 + np.exp(-beta * t)) for t in (-1.0, 0.0, 1.0)]
    np.testing.assert_allclose(x.grad, [float(beta < 0), *slopes, float(beta > 0)], rtol=2e-3)
