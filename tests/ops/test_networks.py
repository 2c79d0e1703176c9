"""The functions of neural networks: what they refuse, where they are singular, and how they use memory."""

import inspect
import re
import sys

import numpy as np
import pytest
from hypothesis import given

import minigrad as mg
from minigrad.core.table import ops
from minigrad.errors import DTypeError, HyperparameterError, ShapeError, StateError, TargetError
from minigrad.kernels import convolution
from minigrad.kernels.windows import Window
from minigrad.nn import functional as F
from minigrad.nn.functional.windows import window_of
from minigrad.testing import check_gradients
from tests.ops.composites import NETWORKS
from tests.samples import samples

RNG = np.random.default_rng(0)


def normal(*shape, dtype=np.float64):
    return RNG.normal(size=shape).astype(dtype)


def gradient(f, *values):
    """The gradients of the sum of f at points."""
    xs = [mg.tensor(np.array(v, float), requires_grad=True) for v in values]
    f(*xs).sum().backward()
    return [x.grad.tolist() for x in xs]


@pytest.mark.parametrize(("name", "axes"), [("conv1d", 1), ("conv_transpose3d", 3), ("avg_pool2d", 2)])
def test_a_face_by_axes_has_a_name_a_signature_and_a_text_of_its_own(name, axes):
    function = getattr(F, name)
    assert function.__name__ == function.__qualname__ == name
    assert next(iter(inspect.signature(function).parameters)) == "x"
    assert ("L", "H, W", "D, H, W")[axes - 1] in function.__doc__.splitlines()[0]
    assert "{" not in function.__doc__
    assert getattr(sys.modules[function.__module__], name) is function
    with pytest.raises(TypeError, match=rf"^{name}\(\) missing 1 required positional argument: '(weight|kernel_size)'"):
        function(np.ones((1, 2, *(3,) * axes)))
    with pytest.raises(TypeError, match=f"{name} has no option size="):
        function(np.ones((1, 2, *(3,) * axes)), 2, size=3)


@pytest.mark.parametrize("name", sorted(NETWORKS))
def test_fused_equals_its_composite_in_value_and_both_gradients(name):
    @given(samples(ops[name]))
    def check(sample):
        def derivatives(f):
            xs = [mg.tensor(x, requires_grad=True) if x.dtype.kind == "f" else x for x in sample.arrays]
            leaves = [x for x in xs if isinstance(x, mg.Tensor)]
            z = sample.call(f, xs, sample.options)
            first = mg.autograd.grad((z * np.cos(np.arange(z.size)).reshape(z.shape)).sum(), leaves, create_graph=True)
            total = sum((g * np.sin(1 + np.arange(g.size)).reshape(g.shape)).sum() for g in first)
            second = mg.autograd.grad(total, leaves, allow_unused=True)
            zeros = [mg.zeros_like(x) for x in leaves]
            return [z, *first, *[zero if g is None else g for g, zero in zip(second, zeros, strict=True)]]

        for got, want in zip(derivatives(ops[name]), derivatives(NETWORKS[name]), strict=True):
            np.testing.assert_allclose(got.data, want.data, rtol=1e-8, atol=1e-8)

    check()


# -- windows and convolutions -------------------------------------------------------------------


def test_unfold_gives_windows_in_order_and_fold_adds_them_up():
    x = np.arange(12.0).reshape(1, 1, 3, 4)
    columns = F.unfold(x, 2)
    assert columns.shape == (1, 4, 6)
    assert columns[0, :, 0].tolist() == [0, 1, 4, 5]
    assert F.fold(np.ones_like(columns), (3, 4), 2)[0, 0].tolist() == [[1, 2, 2, 1], [2, 4, 4, 2], [1, 2, 2, 1]]
    assert F.unfold(normal(2, 3, 4, 4, 4), (2, 1, 3), stride=2).shape == (2, 18, 4)


@pytest.mark.parametrize(("chunk", "small"), [(1, 1), (1000, 200), (1 << 20, 200), (1 << 20, 50)])
@pytest.mark.parametrize("axes", [1, 2, 3])
def test_convolution_in_parts_is_that_in_one_piece(monkeypatch, chunk, small, axes):
    window = window_of(axes, 2, 2, 1, 1)
    x, weight, bias = normal(2, 4, *(7,) * axes), normal(6, 2, *(2,) * axes), normal(6)
    g = normal(2, 6, *window.counts(x.shape[2:]))

    def results():
        xs = [mg.tensor(a, requires_grad=True) for a in (x, weight, bias)]
        z = ops["convolution"](*xs, window, 2)
        return [z, *mg.autograd.grad(z, xs, g)]

    whole = results()
    monkeypatch.setattr(convolution, "CHUNK", chunk)
    monkeypatch.setattr(convolution, "SMALL", small)
    for got, want in zip(results(), whole, strict=True):
        np.testing.assert_allclose(got.data, want.data, rtol=1e-12, atol=1e-12)


def test_convolution_keeps_the_batch_last_in_memory():
    x = normal(8, 3, 6, 6, dtype=np.float32)
    z = mg.relu(F.conv2d(F.conv2d(x, normal(4, 3, 3, 3, dtype=np.float32)), normal(2, 4, 3, 3, dtype=np.float32)))
    assert z.dtype == np.float32
    assert z.strides[0] == z.itemsize


def test_transposed_convolution_undoes_the_sizes_of_a_convolution():
    x = normal(1, 2, 8, 7)
    weight = normal(3, 2, 3, 3)
    z = F.conv2d(x, weight, stride=2, padding=1)
    assert F.conv_transpose2d(z, weight, stride=2, padding=1, output_padding=(1, 0)).shape == x.shape


def test_empty_batches():
    x = mg.tensor(np.zeros((0, 2, 5, 5), "f4"), requires_grad=True)
    weight = mg.tensor(np.ones((3, 2, 3, 3), "f4"), requires_grad=True)
    z = F.max_pool2d(F.conv2d(x, weight, padding=1), 2)
    z.sum().backward()
    assert z.shape == (0, 3, 2, 2)
    assert x.grad.shape == x.shape
    assert not weight.grad.any()


X2, W2 = np.zeros((2, 4, 8, 8)), np.zeros((6, 4, 3, 3))
REFUSED = [
    (lambda: F.conv2d(X2[0], W2), ShapeError, "x of shape (N, C, H, W), 4 axes, got shape (4, 8, 8): write x[None]"),
    (lambda: F.conv1d(X2, W2), ShapeError, "x of shape (N, C, L), 3 axes, got shape (2, 4, 8, 8)"),
    (lambda: F.conv2d(X2, W2[0]), ShapeError, "takes a weight with 2 kernel sizes after its channels"),
    (lambda: F.conv2d(X2, W2[:, :3]), ShapeError, "x of shape (2, 4, 8, 8) has 4 channels, a weight"),
    (lambda: F.conv2d(X2, W2, groups=2), ShapeError, "takes 8 with groups=2: change in_channels or groups"),
    (lambda: F.conv2d(X2, W2[:, :1], groups=4), HyperparameterError, "groups is an integer >= 1 that divides"),
    (lambda: F.conv2d(X2, W2, groups=0), HyperparameterError, "got 0 for a weight of shape (6, 4, 3, 3)"),
    (lambda: F.conv2d(X2, W2, np.zeros((6, 1))), ShapeError, "a weight of shape (6, 4, 3, 3); got (6, 1)"),
    (lambda: F.conv2d(X2[..., :2], W2), ShapeError, "does not fit into (8, 2) with padding ((0, 0), (0, 0))"),
    (lambda: F.conv2d(X2, W2, dilation=4), ShapeError, "reaches over (9, 9) elements"),
    (lambda: F.conv2d(X2, W2, stride=0), HyperparameterError, "stride is an integer >= 1"),
    (lambda: F.conv2d(X2, W2, stride=True), HyperparameterError, "stride is an integer >= 1"),
    (lambda: F.conv2d(X2, W2, padding=(1, 1, 1)), HyperparameterError, "padding is an integer >= 0, or one for each"),
    (lambda: F.conv2d(X2, W2, padding="full"), HyperparameterError, '"same" or "valid"; got \'full\''),
    (lambda: F.conv2d(X2, W2, stride=2, padding="same"), HyperparameterError, "which a stride of (2, 2) does not"),
    (lambda: F.conv_transpose2d(X2, W2), ShapeError, "swap the first two axes of the weight"),
    (lambda: F.conv_transpose2d(X2, W2[:4], np.zeros(3)), ShapeError, "shape (4,) for a weight"),
    (lambda: F.conv_transpose2d(X2, W2[:4], output_padding=1), HyperparameterError, "less than the stride (1, 1)"),
    (lambda: F.conv_transpose2d(X2, W2[:4], padding=5), ShapeError, "has no output, sizes (0, 0): pad less"),
    (lambda: F.unfold(X2[0, 0], 2), ShapeError, "unfold takes x of shape (N, C, *sizes)"),
    (lambda: F.unfold(X2, 9), ShapeError, "unfold: a window that reaches over (9, 9)"),
    (lambda: F.fold(np.zeros((1, 5, 4)), (3, 3), 2), ShapeError, "x of shape (N, C * 4, 4)"),
    (lambda: F.fold(np.zeros((1, 4, 4)), 3, 2), HyperparameterError, "output_size has one size for each axis"),
    (lambda: F.max_pool2d(X2, 2, padding=2), HyperparameterError, "padding is at most half of the kernel"),
    (lambda: F.max_pool2d(X2, 9), ShapeError, "max_pool2d: a window that reaches over (9, 9)"),
    (lambda: F.avg_pool2d(X2[0], 2), ShapeError, "avg_pool2d takes x of shape (N, C, H, W)"),
    (lambda: F.avg_pool2d(X2, 2, divisor_override=0), HyperparameterError, "a number other than 0"),
    (lambda: F.adaptive_avg_pool2d(X2, 0), HyperparameterError, "output_size is an integer >= 1"),
    (lambda: F.adaptive_max_pool2d(X2[..., :0], 1), HyperparameterError, "there is nothing to pool"),
    (lambda: F.layer_norm(X2, 4), ShapeError, "give normalized_shape=(8,)"),
    (lambda: F.layer_norm(X2, 8, np.ones(4)), ShapeError, "the weight has the normalised shape (8,), got (4,)"),
    (lambda: F.rms_norm(X2, ()), ShapeError, "rms_norm normalises the last axes"),
    (lambda: F.group_norm(X2, 3), HyperparameterError, "3 groups do not divide the 4 channels"),
    (lambda: F.group_norm(X2, 0), HyperparameterError, "num_groups is an integer >= 1"),
    (lambda: F.instance_norm(X2[:, :, 0, 0]), ShapeError, "with at least one size"),
    (lambda: F.batch_norm(X2[0, 0, 0]), ShapeError, "batch_norm takes x of shape (N, C, ...)"),
    (lambda: F.batch_norm(X2, np.zeros(3), np.ones(3)), ShapeError, "the running_mean has one number for each channel"),
    (lambda: F.batch_norm(X2, np.zeros(4)), StateError, "together, or neither"),
    (lambda: F.batch_norm(np.zeros((1, 4)), training=True), ShapeError, "more than one value for each channel"),
    (lambda: F.normalize(X2, 0), HyperparameterError, "p is a number > 0 or inf"),
    (lambda: F.scaled_dot_product_attention(X2, X2[..., :3], X2), ShapeError, "(..., S, E) with one E"),
    (lambda: F.scaled_dot_product_attention(X2, X2, X2[..., :3, :]), ShapeError, "one value for each key"),
    (lambda: F.attention_weights(X2, X2, np.ones((8, 8), bool), is_causal=True), HyperparameterError, "not both"),
    (lambda: F.attention_weights(X2, X2, np.ones((8, 8), int)), DTypeError, "got dtype int64: write .astype(bool)"),
    (lambda: F.attention_weights(X2, X2, np.ones((8, 3), bool)), ShapeError, "broadcasts to (..., 8, 8)"),
    (lambda: F.attention_weights(X2[..., :1, :], X2, np.ones((2, 8), bool)), ShapeError, "(queries, keys); got (2, 8)"),
    (lambda: F.embedding([0.5], np.ones((3, 2))), DTypeError, "indices of integers, got dtype float64"),
    (lambda: F.embedding(np.ones((3, 2)), [1]), ShapeError, "a weight of shape (count, width), got shape (1,)"),
    (lambda: F.embedding(np.ones((3, 2)), np.ones((2, 2))), DTypeError, "the indices come first"),
    (lambda: F.embedding([3], np.ones((3, 2))), TargetError, "from 0 to 2 for a weight of shape (3, 2), got 3"),
    (lambda: F.embedding([0, -1, -2], np.ones((3, 2))), TargetError, "got -1 and 1 more out of range"),
    (lambda: F.embedding([0], np.ones((3, 2)), 3), TargetError, "padding_idx is one of the 3 rows"),
    (lambda: F.dropout(X2, 1.5), HyperparameterError, "a probability in [0, 1]"),
    (lambda: F.dropout(np.arange(3)), DTypeError, "x has a floating dtype, got int64"),
    (lambda: F.pad(X2, (1,)), ShapeError, "(before, after) of the last axis"),
    (lambda: F.pad(X2, 1), ShapeError, "for at most 4 axes of x of shape (2, 4, 8, 8); got 1"),
    (lambda: F.pad(X2, (1, 1), "edge"), HyperparameterError, "expected one of 'constant', 'reflect'"),
    (lambda: F.pad(X2, (-5, -5)), ShapeError, "cuts more off x of shape (2, 4, 8, 8) than there is"),
]  # fmt: skip


@pytest.mark.parametrize("number", range(len(REFUSED)))
def test_what_is_refused_and_what_to_write_instead(number):
    call, error, message = REFUSED[number]
    with pytest.raises(error, match=re.escape(message)):
        call()


# -- pooling ------------------------------------------------------------------------------------


def test_ties_in_a_window_share_evenly():
    assert gradient(lambda x: F.max_pool1d(x, 3), [[[1, 2, 2]]]) == [[[[0, 0.5, 0.5]]]]
    assert gradient(lambda x: F.max_pool1d(x, 2, 1), [[[5, 5, 5]]]) == [[[[0.5, 1, 0.5]]]]
    assert gradient(lambda x: F.adaptive_max_pool1d(x, 1), [[[5, 5, 5, 5]]]) == [[[[0.25] * 4]]]


def test_tied_elements_are_gathered_as_they_share():
    window = window_of(1, 3, 2)
    x = np.array([[[5.0, 5.0, 1.0, 2.0, 2.0]]])
    top = ops["max_pool"](x, window)
    assert ops["window_gather"](np.array([[[2.0, 4.0, 9.0, 3.0, 5.0]]]), x, top, window).tolist() == [[[3, 4]]]
    check_gradients(lambda y: ops["window_share"](y, x, top, window), normal(1, 1, 2))
    check_gradients(lambda y: ops["window_gather"](y, x, top, window), normal(1, 1, 5))


def test_the_padding_of_a_maximum_has_no_share():
    for value in (np.nan, -np.inf, 3):
        (g,) = gradient(lambda x: F.max_pool1d(x, 2, padding=1), [[[value, value]]])
        assert g == [[[1, 1]]]
    assert F.max_pool1d(np.array([[[-5, -6]]]), 2, padding=1).tolist() == [[[-5, -6]]]


def test_nan_is_the_maximum_of_its_window_and_has_the_gradient():
    x = mg.tensor([[[1.0, np.nan, 3.0, 2.0]]], requires_grad=True)
    z = F.max_pool1d(x, 2)
    z.sum().backward()
    np.testing.assert_array_equal(z.data, [[[np.nan, 3]]])
    assert x.grad.tolist() == [[[0, 1, 1, 0]]]


def test_what_lost_gets_nothing_of_an_infinite_gradient():
    x = mg.tensor([[[1.0, 2.0, 3.0, 4.0]]], requires_grad=True)
    g = mg.tensor([[[np.inf, 1.0]]], requires_grad=True)
    (pulled,) = mg.autograd.grad(F.max_pool1d(x, 2), [x], g, create_graph=True)
    assert pulled.tolist() == [[[0, np.inf, 0, 1]]]
    (back,) = mg.autograd.grad(pulled, [g], mg.tensor([[[np.inf, 1.0, 2.0, 3.0]]]))
    assert back.tolist() == [[[1, 3]]]


def test_an_infinite_pixel_stays_in_its_windows():
    x = np.zeros((1, 1, 6))
    x[..., 0] = np.inf
    assert F.avg_pool1d(x, 2).tolist() == [[[np.inf, 0, 0]]]
    assert F.adaptive_avg_pool1d(x, 4)[0, 0, 2:].tolist() == [0, 0]


def test_adaptive_pooling_keeps_a_size_of_none():
    assert F.adaptive_avg_pool2d(X2, (None, 3)).shape == (2, 4, 8, 3)
    assert F.adaptive_max_pool2d(X2, (5, None)).shape == (2, 4, 5, 8)


def test_windows_of_the_primitives_may_be_padded_on_one_side():
    window = Window((2,), (1,), ((0, 1),), (1,))
    assert ops["window_sum"](np.ones((1, 1, 3)), window).tolist() == [[[2, 2, 1]]]
    check_gradients(lambda x: ops["max_pool"](x, window), normal(2, 2, 4))


# -- normalisation ------------------------------------------------------------------------------


def test_constant_layers_have_a_finite_gradient():
    assert gradient(lambda x: F.layer_norm(x, 3), [2, 2, 2]) == [[0, 0, 0]]
    assert gradient(lambda x: F.rms_norm(x, 2, eps=0.25), [0, 0]) == [[2, 2]]


def test_layer_norm_far_from_zero_loses_no_more_than_its_mean_does():
    x = np.array([1.0, 2.0, 4.0], "f4")
    np.testing.assert_allclose(F.layer_norm(x + np.float32(4096), 3), F.layer_norm(x, 3), atol=2e-4)


def test_a_vector_of_zeros_has_no_direction():
    assert gradient(lambda x: F.normalize(x, eps=0.5), [[0, 0]]) == [[[2, 2]]]
    assert gradient(lambda x: F.normalize(x, eps=0.5), [[3, 4]])[0][0] == pytest.approx([4 / 125, -3 / 125])
    assert gradient(F.cosine_similarity, [[0, 0]], [[3, 0]]) == [[[1e8, 0]], [[0, 0]]]


def test_a_wider_weight_and_bias_are_not_written_over_the_result():
    x = normal(2, 3, dtype=np.float32)
    assert F.layer_norm(x, 3, np.ones(3), np.ones(3, "f4")).dtype == np.float64
    assert ops["rms_scale"](x[:, :1], np.ones(3, "f4"), None, (1,), 1.0).shape == (2, 3)


def test_batch_norm_moves_its_running_statistics_in_training_only():
    x = mg.tensor(normal(5, 2, dtype=np.float32) + 3, requires_grad=True)
    mean, var = mg.nn.Buffer(np.zeros(2, "f4")), mg.nn.Buffer(np.ones(2, "f4"))
    F.batch_norm(x, mean, var)
    assert mean.tolist() == [0, 0]
    z = F.batch_norm(x, mean, var, training=True, momentum=1)
    np.testing.assert_allclose(mean.data, x.data.mean(0), rtol=1e-6)
    np.testing.assert_allclose(var.data, x.data.var(0, ddof=1), rtol=1e-5)
    assert mean.dtype == z.dtype == np.float32
    with pytest.raises(ShapeError):
        F.batch_norm(x[:1], mean, var, training=True)
    np.testing.assert_allclose(mean.data, x.data.mean(0), rtol=1e-6)


# -- attention ----------------------------------------------------------------------------------


def test_a_query_that_sees_no_key_gives_0_with_a_gradient_of_0():
    mask = np.array([[True, True], [False, False]])
    for given_mask in (mask, np.where(mask, 0.0, -np.inf)):
        xs = [mg.tensor(normal(2, 3), requires_grad=True) for _ in range(3)]
        z = F.scaled_dot_product_attention(*xs, given_mask)
        z.sum().backward()
        assert z.data[1].tolist() == [0, 0, 0]
        assert xs[0].grad[1].tolist() == [0, 0, 0]
        assert all(np.isfinite(x.grad).all() for x in xs)


def test_attention_over_no_keys_is_0():
    z = F.scaled_dot_product_attention(np.ones((2, 3)), np.ones((0, 3)), np.ones((0, 4)))
    assert z.tolist() == np.zeros((2, 4)).tolist()


def test_attention_takes_large_scores():
    q = np.full((1, 2), 1e18, "f4")
    assert F.attention_weights(q, q).tolist() == [[1]]
    assert F.masked_softmax(np.array([1, 2]), np.array([True, False])).tolist() == [1, 0]


def test_of_its_square_matrices_the_graph_keeps_the_weights_alone():
    q, k, v = (mg.tensor(normal(30, 2), requires_grad=True) for _ in range(3))
    z = F.scaled_dot_product_attention(q, k, v)
    seen, arrays, stack = set(), {}, [z._node]
    while stack:
        node = stack.pop()
        for edge in getattr(node, "edges", None) or ():
            if edge is not None:
                saved = [a for a in edge[2] if isinstance(a, np.ndarray)]
                arrays.update({id(a if a.base is None else a.base): a.shape for a in saved})
                if edge[0] not in seen:
                    seen.add(edge[0])
                    stack.append(edge[0])
    assert list(arrays.values()).count((30, 30)) == 1


# -- embedding, dropout, padding ----------------------------------------------------------------


def test_rows_picked_twice_add_up_and_the_padding_gets_nothing():
    numbers = np.array([[2, 0], [2, 2]], np.uint8)
    assert gradient(lambda w: F.embedding(numbers, w), np.zeros((4, 2))) == [[[1, 1], [0, 0], [3, 3], [0, 0]]]
    assert gradient(lambda w: F.embedding(numbers, w, -2), np.zeros((4, 2))) == [[[1, 1], [0, 0], [0, 0], [0, 0]]]
    assert F.embedding(mg.tensor(numbers), np.eye(4, dtype="f4"), 2).shape == (2, 2, 4)
    assert F.embedding([], np.ones((3, 2))).shape == (0, 2)


def test_dropout_keeps_the_mean_and_draws_from_the_generator():
    x = mg.tensor(np.ones(10_000, "f4"), requires_grad=True)
    z = F.dropout(x, 0.2, generator=np.random.default_rng(0))
    again = F.dropout(x, 0.2, generator=np.random.default_rng(0))
    z.sum().backward()
    assert z.dtype == np.float32
    assert set(z.tolist()) == {0, 1.25}
    assert z.data.mean() == pytest.approx(1, abs=0.02)
    assert z.tolist() == again.tolist() == x.grad.tolist()
    mg.manual_seed(1)
    first = F.dropout(x).tolist()
    mg.manual_seed(1)
    assert F.dropout(x).tolist() == first
    assert F.dropout(x, training=False) is x
    assert F.dropout(x, 0) is x
    assert not F.dropout([1.0, 2.0], 1).any()


def test_pad_counts_from_the_last_axis():
    x = np.arange(4.0).reshape(2, 2)
    assert F.pad(x, (1, 0)).tolist() == [[0, 0, 1], [0, 2, 3]]
    assert F.pad(x, (0, 0, 0, 1), value=7).tolist() == [[0, 1], [2, 3], [7, 7]]
    assert F.pad(x, (-1, 2)).tolist() == [[1, 0, 0], [3, 0, 0]]
    assert F.pad(x, (1, 1), "circular").tolist() == [[1, 0, 1, 0], [3, 2, 3, 2]]
