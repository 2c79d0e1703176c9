"""Nothing to compute: batches of no rows, axes of no elements, sequences of no steps; windows larger than the input."""

import inspect

import numpy as np
import pytest

import minigrad as mg
from minigrad import nn
from minigrad.errors import AxisError, ShapeError
from minigrad.nn import functional as F

RNG = np.random.default_rng(0)
IMAGES = (4, 6, 5)

#: name -> (layer, sizes of its input without the batch)
LAYERS = {
    **{
        kind.__name__: (kind(), (4,))
        for kind in (
            nn.CELU, nn.ELU, nn.GELU, nn.GLU, nn.Hardsigmoid, nn.Hardswish, nn.Hardtanh, nn.Identity, nn.LeakyReLU,
            nn.LogSigmoid, nn.LogSoftmax, nn.Mish, nn.PReLU, nn.ReLU, nn.ReLU6, nn.SELU, nn.SiLU, nn.Sigmoid,
            nn.Softmax, nn.Softplus, nn.Softsign, nn.Tanh, nn.Dropout,
        )
    },
    "Linear": (nn.Linear(4, 3), (4,)),
    "Linear, 3-d": (nn.Linear(4, 3), (2, 4)),
    "Flatten": (nn.Flatten(), (2, 3)),
    "LayerNorm": (nn.LayerNorm(4), (3, 4)),
    "RMSNorm": (nn.RMSNorm(4), (3, 4)),
    "GroupNorm": (nn.GroupNorm(2, 4), IMAGES),
    "BatchNorm1d": (nn.BatchNorm1d(4), (4,)),
    "BatchNorm1d, lengths": (nn.BatchNorm1d(4), (4, 3)),
    "BatchNorm2d": (nn.BatchNorm2d(4), IMAGES),
    "BatchNorm3d": (nn.BatchNorm3d(4), (*IMAGES, 2)),
    "Conv1d": (nn.Conv1d(4, 3, 2), (4, 6)),
    "Conv2d": (nn.Conv2d(4, 6, 3, stride=2, padding=1, groups=2), IMAGES),
    "Conv3d": (nn.Conv3d(4, 3, 2), (*IMAGES, 2)),
    "ConvTranspose1d": (nn.ConvTranspose1d(4, 3, 2), (4, 6)),
    "ConvTranspose2d": (nn.ConvTranspose2d(4, 6, 3, stride=2), IMAGES),
    "MaxPool1d": (nn.MaxPool1d(2), (4, 6)),
    "MaxPool2d": (nn.MaxPool2d(2, ceil_mode=True), IMAGES),
    "MaxPool3d": (nn.MaxPool3d(2), (*IMAGES, 2)),
    "AvgPool1d": (nn.AvgPool1d(2), (4, 6)),
    "AvgPool2d": (nn.AvgPool2d(3, 2, 1, count_include_pad=False), IMAGES),
    "AvgPool3d": (nn.AvgPool3d(2), (*IMAGES, 2)),
    "AdaptiveAvgPool1d": (nn.AdaptiveAvgPool1d(4), (4, 6)),
    "AdaptiveAvgPool2d": (nn.AdaptiveAvgPool2d(3), IMAGES),
    "AdaptiveMaxPool1d": (nn.AdaptiveMaxPool1d(4), (4, 6)),
    "AdaptiveMaxPool2d": (nn.AdaptiveMaxPool2d(3), IMAGES),
    "RNNCell": (nn.RNNCell(4, 3), (4,)),
    "GRUCell": (nn.GRUCell(4, 3), (4,)),
    "LSTMCell": (nn.LSTMCell(4, 3), (4,)),
    "RNN": (nn.RNN(4, 3, batch_first=True, bidirectional=True), (5, 4)),
    "GRU": (nn.GRU(4, 3, batch_first=True, num_layers=2), (5, 4)),
    "LSTM": (nn.LSTM(4, 3, batch_first=True), (5, 4)),
    "MultiheadAttention": (nn.MultiheadAttention(4, 2, batch_first=True), (5, 4)),
    "TransformerEncoderLayer": (nn.TransformerEncoderLayer(4, 2, 8, batch_first=True), (5, 4)),
    "TransformerDecoderLayer": (nn.TransformerDecoderLayer(4, 2, 8, batch_first=True), (5, 4)),
}  # fmt: skip


def outputs(layer, x):
    name = type(layer).__name__
    given = [x] * (3 if name == "MultiheadAttention" else 2 if name == "TransformerDecoderLayer" else 1)
    made = layer(*given)
    found = []
    while isinstance(made, tuple):
        made, *others = made
        found += [z for other in others if other is not None for z in (other if isinstance(other, tuple) else (other,))]
    return [made, *found]


@pytest.mark.parametrize("compiled", [False, True])
@pytest.mark.parametrize("training", [True, False])
@pytest.mark.parametrize("name", LAYERS)
def test_every_layer_takes_a_batch_of_nothing(name, training, compiled):
    """The shapes are as with rows, and gradients of parameters 0."""
    layer, sizes = LAYERS[name]
    layer.train(training)
    expected = outputs(layer, mg.tensor(RNG.normal(size=(2, *sizes)).astype("float32")))[0].shape
    x = mg.tensor(np.zeros((0, *sizes), np.float32), requires_grad=not compiled)
    before = layer.state_dict()

    def step(x):
        layer.zero_grad()
        made = outputs(layer, x)
        loss = sum((z * z).sum() for z in made)
        if loss.requires_grad:
            loss.backward()
        return [*made, loss]

    run = mg.compile(step, backend="numpy") if compiled else step
    for _ in range(3 if compiled else 1):
        *made, loss = run(x)
    assert made[0].shape == (0, *expected[1:])
    assert loss.item() == 0
    assert compiled or x.grad.shape == x.shape
    for key, p in layer.named_parameters():
        assert p.grad is None or (p.grad.shape == p.shape and not p.grad.any()), key
    for key, value in layer.state_dict().items():
        counts = training and key == "num_batches_tracked"  # it was a batch, as in PyTorch
        assert (value == before[key] + (counts and (3 if compiled else 1))).all()


def test_every_layer_is_there():
    made = {type(layer).__name__ for layer, _ in LAYERS.values()}
    named = [getattr(nn, name) for name in nn.__all__]
    layers = {kind.__name__ for kind in named if inspect.isclass(kind) and issubclass(kind, nn.Module)}
    containers = {"Module", "ModuleDict", "ModuleList", "Sequential", "Embedding"}  # an embedding takes indices
    assert {
        name for name in layers - made - containers if "Loss" not in name and not name.startswith("Transformer")
    } == {"CategoricalCrossEntropy"}


@pytest.mark.parametrize("reduction", ["sum", "none"])
@pytest.mark.parametrize(
    "loss",
    [
        F.cross_entropy, F.nll_loss, F.multi_margin_loss, F.categorical_cross_entropy, F.mse_loss, F.l1_loss,
        F.huber_loss, F.smooth_l1_loss, F.kl_div, F.binary_cross_entropy, F.binary_cross_entropy_with_logits,
        F.hinge_embedding_loss,
    ],
    ids=lambda loss: loss.__name__,
)  # fmt: skip
def test_losses_of_nothing(loss, reduction):
    """Those of no rows, and their sum, which is 0; the mean is refused (tests/train/test_counting.py)."""
    x = mg.tensor(np.zeros((0, 3), np.float32), requires_grad=True)
    of_classes = loss in (F.cross_entropy, F.nll_loss, F.multi_margin_loss, F.categorical_cross_entropy)
    z = loss(x, np.zeros(0, int) if of_classes else np.zeros((0, 3)), reduction)
    assert z.shape == (() if reduction == "sum" else (0,) if of_classes else (0, 3))
    z.sum().backward()
    assert z.sum().item() == 0
    assert x.grad.shape == (0, 3)


@pytest.mark.parametrize("compiled", [False, True])
@pytest.mark.parametrize("dtype", ["float32", "float64", "float16"])
@pytest.mark.parametrize(("shape", "axis"), [((0,), 0), ((3, 0), 1), ((3, 0), 0), ((2, 0, 3), 1), ((2, 0, 3), -1)])
def test_the_softmax_of_an_axis_without_elements(shape, axis, dtype, compiled):
    """It is empty too; the logarithm of a sum of nothing is -inf."""
    kept = tuple(n for i, n in enumerate(shape) if i != axis % len(shape))
    results = {mg.softmax: shape, mg.log_softmax: shape, mg.logsumexp: kept}
    for f, expected in results.items():

        def gradient(x, f=f):
            z = f(x, axis=axis)
            (g,) = mg.autograd.grad(z, [x], np.ones(z.shape, dtype)) if x.requires_grad else (z,)
            return z, g

        x = mg.tensor(np.zeros(shape, dtype), requires_grad=not compiled)
        run = mg.compile(gradient, backend="numpy") if compiled else gradient
        for _ in range(3 if compiled else 1):
            z, g = run(x)
        assert (z.shape, z.dtype) == (expected, dtype)
        assert (z.data == -np.inf).all()
        assert compiled or g.shape == shape
    assert mg.logsumexp(mg.zeros((2, 0)), axis=1, keepdims=True).data.tolist() == [[-np.inf]] * 2
    assert mg.logsumexp(mg.zeros((2, 0))).item() == -np.inf


@pytest.mark.parametrize("backend", [None, "numpy"])
@pytest.mark.parametrize("options", [{}, {"num_layers": 2}, {"bidirectional": True}, {"batch_first": True}], ids=str)
@pytest.mark.parametrize("kind", [nn.RNN, nn.GRU, nn.LSTM])
def test_a_sequence_of_no_steps_leaves_the_state(kind, options, backend):
    """As one of which every length is 0 does."""
    layer = kind(4, 3, **options)
    first = options.get("batch_first", False)
    count = options.get("num_layers", 1) * (2 if "bidirectional" in options else 1)
    h = mg.tensor(RNG.normal(size=(count, 2, 3)).astype("float32"), requires_grad=backend is None)

    def step(x, h, lengths=None):
        layer.zero_grad()
        z, last = layer(x, (h, h) if kind is nn.LSTM else h, lengths)
        parts = last if kind is nn.LSTM else (last,)
        (sum((part * part).sum() for part in parts) + z.sum() + 0 * layer.weight_hh_l0.sum()).backward()
        return z, *parts

    x = mg.tensor(np.zeros((2, 0, 4) if first else (0, 2, 4), np.float32))
    run = mg.compile(step, backend=backend) if backend else step
    for _ in range(3 if backend else 1):
        z, *parts = run(x, h)
    assert z.shape == ((2, 0) if first else (0, 2)) + (3 * (2 if "bidirectional" in options else 1),)
    assert all((part.data == h.data).all() for part in parts)
    assert not any(p.grad.any() for p in layer.parameters())
    if backend is None:
        np.testing.assert_allclose(h.grad, 2 * len(parts) * h.data, rtol=1e-6)
        ones = mg.tensor(np.ones((2, 5, 4) if first else (5, 2, 4), np.float32))
        for part, other in zip(parts, step(ones, h, np.zeros(2, int))[1:], strict=True):
            np.testing.assert_allclose(part.data, other.data)
    alone, *_ = layer(mg.tensor(np.zeros((0, 4), np.float32)))
    assert alone.shape == (0, z.shape[-1])


def pooled(x, kernel, stride, padding, mode):
    """In one dimension, window by window: the last one may reach over the end where it starts before it."""
    size, places = x.shape[-1], []
    start = -padding
    while start < size + padding - kernel + 1 or (start < size + padding and start + kernel < size + padding + stride):
        if start >= size:
            break
        places.append((start, min(start + kernel, size + padding)))
        start += stride
    rows = [x[..., max(a, 0) : min(b, size)] for a, b in places]
    if mode == "max":
        return np.stack([row.max(-1) for row in rows], -1)
    return np.stack([row.sum(-1) / (b - a) for row, (a, b) in zip(rows, places, strict=True)], -1)


@pytest.mark.parametrize("mode", ["max", "avg"])
@pytest.mark.parametrize(
    ("size", "kernel", "stride", "padding"),
    [(1, 2, 2, 0), (1, 3, 3, 0), (2, 3, 2, 0), (2, 5, 8, 1), (1, 5, 3, 1), (3, 7, 7, 0), (1, 5, 8, 0), (4, 5, 2, 0)],
)
def test_with_ceil_mode_a_window_may_be_larger_than_its_input(size, kernel, stride, padding, mode):
    x = RNG.normal(size=(2, 3, size))
    of = {1: (F.max_pool1d, F.avg_pool1d), 2: (F.max_pool2d, F.avg_pool2d), 3: (F.max_pool3d, F.avg_pool3d)}
    expected = pooled(x, kernel, stride, padding, mode)
    for axes in (1, 2, 3):
        shape = (2, 3, *[1] * (axes - 1), size)
        ones = (1,) * (axes - 1)
        options = (*ones, kernel), (*ones, stride), (*(0,) * (axes - 1), padding)
        w = mg.tensor(x.reshape(shape), requires_grad=True)
        z = of[axes][mode == "avg"](w, *options, ceil_mode=True)
        np.testing.assert_allclose(z.data.reshape(expected.shape), expected, rtol=1e-12)
        z.sum().backward()
        assert w.grad.any()
        layer = getattr(nn, f"{mode.title()}Pool{axes}d")(*options, ceil_mode=True)
        np.testing.assert_array_equal(layer(w).data, z.data)


def test_a_window_without_a_place_is_refused_also_with_ceil_mode():
    for options in ((2, 1), (3, 2), (5, 2)):
        with pytest.raises(ShapeError, match="does not fit into"):
            F.max_pool1d(mg.zeros((1, 1, 1)), *options, ceil_mode=True)
    with pytest.raises(ShapeError, match="does not fit into"):
        F.max_pool1d(mg.zeros((1, 1, 1)), 2, 2)


NORMS = {
    "group_norm": lambda x: F.group_norm(x, 1, mg.ones(3), mg.ones(3)),
    "instance_norm": lambda x: F.instance_norm(x, mg.ones(3), mg.ones(3)),
    "layer_norm": lambda x: F.layer_norm(x, x.shape[1:]),
    "rms_norm": lambda x: F.rms_norm(x, x.shape[1:]),
    "batch_norm": lambda x: F.batch_norm(x, training=False),
    "normalize": F.normalize,
    "GroupNorm": lambda x: nn.GroupNorm(3, 3)(x),
    "softmax": lambda x: F.softmax(x, 1),
}


@pytest.mark.parametrize("compiled", [False, True])
@pytest.mark.parametrize("shape", [(2, 3, 0), (0, 3, 0), (2, 3, 0, 4), (2, 3, 4, 0), (0, 3, 2, 2)])
@pytest.mark.parametrize("name", NORMS)
def test_images_without_a_pixel_are_normalised_to_themselves(name, shape, compiled):
    x = mg.tensor(np.zeros(shape, "f4"), requires_grad=True)

    def step():
        z = NORMS[name](x)
        return z, mg.autograd.grad(z.sum(), [x])[0]

    run = mg.compile(step, backend="numpy") if compiled else step
    for _ in range(3 if compiled else 1):
        assert [y.shape for y in run()] == [shape, shape]


@pytest.mark.parametrize("loss", [F.cross_entropy, F.nll_loss, F.multi_margin_loss, F.categorical_cross_entropy])
def test_of_no_rows_and_no_classes_the_sum_of_losses_is_0(loss):
    for shape in [(0, 0), (0, 3), (0, 4, 0)]:
        x = mg.tensor(np.zeros(shape, "f4"), requires_grad=True)
        assert loss(x, np.zeros(shape[:-1], int), reduction="none").shape == shape[:-1]
        z = loss(x, np.zeros(shape[:-1], int), reduction="sum")
        z.backward()
        assert (z.item(), x.grad.shape) == (0, shape)


@pytest.mark.parametrize("scan", [mg.cummax, mg.cummin, mg.logcumsumexp, mg.cumsum, mg.cumprod])
@pytest.mark.parametrize("axis", [1, -2, 5])
def test_a_single_number_has_no_other_axis_to_scan(scan, axis):
    assert scan(mg.tensor(2.0), 0).shape == (1,)
    with pytest.raises(AxisError):
        scan(mg.tensor(2.0), axis)
