"""Layers: what they compute, hold and show; in a compiled step."""

import copy

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import minigrad as mg
from minigrad import nn, optim, random
from minigrad.errors import ShapeError, TargetError

RNG = np.random.default_rng


def normal(*shape, dtype="f4"):
    return RNG(3).normal(size=shape).astype(dtype)


# -- dropout ------------------------------------------------------------------------------------


def test_dropout_drops_in_training_only_and_draws_from_its_generator():
    x = mg.tensor(np.ones((100, 100), "f4"))
    layer, again = (nn.Dropout(0.2, generator=RNG(1)) for _ in range(2))
    z = layer(x)
    assert z.dtype == np.float32
    assert set(np.unique(z.data)) == {0, 1.25}
    assert z.data.mean() == pytest.approx(1, abs=0.02)
    assert layer(x).tolist() != z.tolist() == again(x).tolist()
    assert layer.eval()(x) is x


def test_the_package_generator_can_be_saved_and_set_again():
    mg.manual_seed(3)
    layer, x = nn.Dropout(), mg.tensor(np.ones(64, "f4"))
    layer(x)
    state = random.default_generator().bit_generator.state
    first = layer(x).tolist()
    random.default_generator().bit_generator.state = state
    assert layer(x).tolist() == first


def test_a_mask_is_the_one_draw_of_dropout(monkeypatch):
    """What mg.compile hooks into: generator, shape, share that is kept, dtype."""
    calls = []
    monkeypatch.setattr(random, "mask", lambda *arguments: calls.append(arguments) or np.ones(3, "f8"))
    generator = RNG(0)
    nn.Dropout(0.25, generator)(mg.tensor(np.ones(3)))
    assert calls == [(generator, (3,), 0.75, np.float64)]


@pytest.mark.parametrize(("keep", "values"), [(1.0, {1}), (0.0, {0}), (0.25, {0, 4})])
def test_the_values_of_a_mask(keep, values):
    drawn = random.mask(RNG(0), (50, 2), keep, np.float64)
    assert drawn.shape == (50, 2)
    assert drawn.dtype == np.float64
    assert set(np.unique(drawn)) == values


def test_generators_are_found_by_name_each_once():
    generator = RNG(0)
    model = nn.Sequential(nn.Dropout(generator=generator), nn.Sequential(nn.Dropout(generator=RNG(1))), nn.Dropout())
    model.again = nn.Dropout(generator=generator)
    model.noise = RNG(2)
    assert [name for name, _ in model.named_generators()] == ["noise", "0.generator", "1.0.generator"]


# -- embedding ----------------------------------------------------------------------------------


def test_embedding_picks_rows_and_leaves_its_padding_alone():
    layer = nn.Embedding(5, 3, padding_idx=-1, generator=RNG(0))
    assert not layer.weight.data[4].any()
    assert layer.weight.data[:4].all()
    numbers = np.array([[0, 4], [2, 0]])
    z = layer(numbers)
    assert z.shape == (2, 2, 3)
    np.testing.assert_array_equal(z.data, layer.weight.data[numbers])
    z.sum().backward()
    assert layer.weight.grad[:, 0].tolist() == [2, 0, 1, 0, 0]


def test_embedding_does_not_write_into_the_array_of_a_users_initialiser():
    given = np.ones((3, 2), "f4")
    layer = nn.Embedding(3, 2, padding_idx=0, init=lambda shape, generator, dtype: given)
    assert given.all()
    assert layer.weight.data.tolist() == [[0, 0], [1, 1], [1, 1]]


# -- batch normalisation ------------------------------------------------------------------------


def test_batch_norm_moves_its_statistics_in_place_and_only_in_training():
    layer = nn.BatchNorm1d(3, momentum=0.25)
    mean, var, count = (buffer.data for buffer in layer.buffers())
    x = normal(5, 3) + 2
    layer(mg.tensor(x))
    layer.eval()(mg.tensor(x + 9))
    assert layer.running_mean.data is mean
    assert layer.running_var.data is var
    assert layer.num_batches_tracked.data is count
    np.testing.assert_allclose(mean, 0.25 * x.mean(0), rtol=1e-6)
    np.testing.assert_allclose(var, 0.75 + 0.25 * x.var(0, ddof=1), rtol=1e-6)
    assert (mean.dtype, var.dtype, count.dtype) == (np.float32, np.float32, np.int64)
    assert count == 1


def test_batch_norm_without_momentum_has_the_mean_of_all_batches():
    layer = nn.BatchNorm1d(2, momentum=None)
    batches = normal(4, 6, 2) + 1
    for batch in batches:
        layer(mg.tensor(batch))
    np.testing.assert_allclose(layer.running_mean.data, batches.mean((0, 1)), rtol=1e-5)
    np.testing.assert_allclose(layer.running_var.data, batches.var(1, ddof=1).mean(0), rtol=1e-5)
    assert layer.running_mean.dtype == np.float32


def test_a_failing_batch_norm_counts_and_moves_nothing():
    layer = nn.BatchNorm2d(2)
    before = layer.state_dict()
    for x in (np.ones((1, 2, 1, 1)), np.ones((2, 3, 4, 4)), np.ones((2, 2))):
        with pytest.raises(ShapeError):
            layer(mg.tensor(x))
    after = layer.state_dict()
    assert all((after[key] == before[key]).all() for key in before)


# -- convolutions -------------------------------------------------------------------------------


def test_a_transposed_weight_is_drawn_as_that_of_a_convolution():
    """An initialiser sees (out, in / groups, *kernel); the layer holds (in, out / groups, *kernel)."""
    seen = []

    def init(shape, *_):
        seen.append(shape)
        return np.arange(np.prod(shape)).reshape(shape)

    layer = nn.ConvTranspose1d(4, 6, 2, groups=2, init=init, dtype="float64")
    plain = np.arange(6 * 2 * 2).reshape(6, 2, 2)
    assert seen == [(6, 2, 2)]
    assert layer.weight.shape == (4, 3, 2)
    for group in range(2):
        expected = plain[3 * group : 3 * group + 3].swapaxes(0, 1)
        np.testing.assert_array_equal(layer.weight.data[2 * group : 2 * group + 2], expected)


# -- shapes -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("axes", "shape", "flat"),
    [
        ((), (2, 3, 4, 5), (2, 60)),
        ((), (0, 3, 4), (0, 12)),
        ((0,), (2, 3), (6,)),
        ((-2, -1), (2, 3, 4), (2, 12)),
        ((1, 2), (2, 3, 4, 5), (2, 12, 5)),
        ((1, 1), (2, 3), (2, 3)),
    ],
)
def test_flatten(axes, shape, flat):
    assert nn.Flatten(*axes)(mg.tensor(np.ones(shape))).shape == flat


def test_identity():
    x = mg.tensor([1.0])
    assert nn.Identity()(x) is x


@given(data=st.data(), shape=st.lists(st.integers(0, 4), min_size=1, max_size=5))
def test_flatten_joins_any_axes(data, shape):
    """Counted from either end, with the elements in their order."""
    start = data.draw(st.integers(0, len(shape) - 1))
    end = data.draw(st.integers(start, len(shape) - 1))
    x = np.arange(np.prod(shape, dtype=int)).reshape(shape)
    z = nn.Flatten(
        start - data.draw(st.sampled_from([0, len(shape)])), end - data.draw(st.sampled_from([0, len(shape)]))
    )(x)
    assert z.shape == (*shape[:start], np.prod(shape[start : end + 1], dtype=int), *shape[end + 1 :])
    np.testing.assert_array_equal(z.reshape(-1), x.reshape(-1))


# -- what is shown ------------------------------------------------------------------------------

SHOWN = {
    "Dropout(p=0.5)": nn.Dropout(),
    "Identity()": nn.Identity(),
    "Flatten(start_axis=1, end_axis=-1)": nn.Flatten(),
    "Embedding(num_embeddings=5, embedding_dim=3)": nn.Embedding(5, 3),
    "Embedding(num_embeddings=5, embedding_dim=3, padding_idx=0)": nn.Embedding(5, 3, 0),
    "LayerNorm(normalized_shape=(4,), eps=1e-05)": nn.LayerNorm(4),
    "LayerNorm(normalized_shape=(2, 4), eps=1e-05, bias=False)": nn.LayerNorm((2, 4), bias=False),
    "LayerNorm(normalized_shape=(4,), eps=0.1, elementwise_affine=False)": nn.LayerNorm([4], 0.1, False),
    "RMSNorm(normalized_shape=(4,), eps=None)": nn.RMSNorm(4),
    "RMSNorm(normalized_shape=(4,), eps=0.1, elementwise_affine=False)": nn.RMSNorm(4, 0.1, False),
    "GroupNorm(num_groups=2, num_channels=4, eps=1e-05)": nn.GroupNorm(2, 4),
    "GroupNorm(num_groups=2, num_channels=4, eps=1e-05, affine=False)": nn.GroupNorm(2, 4, affine=False),
    "Linear(in_features=None, out_features=3, bias=False, weight_regularizer_l2=0.1)": nn.Linear(
        None, 3, False, weight_regularizer_l2=0.1
    ),
    "Conv2d(in_channels=3, out_channels=4, kernel_size=(3, 3))": nn.Conv2d(3, 4, 3),
    "Conv2d(in_channels=4, out_channels=4, kernel_size=(3, 2), stride=(2, 2), padding=(0, 1), groups=2, bias=False)": (
        nn.Conv2d(4, 4, (3, 2), 2, (0, 1), 1, 2, False)
    ),
    "Conv1d(in_channels=3, out_channels=4, kernel_size=(3,), padding='same', bias_regularizer_l1=0.5)": nn.Conv1d(
        3, 4, 3, padding="same", bias_regularizer_l1=0.5
    ),
    "ConvTranspose2d(in_channels=3, out_channels=4, kernel_size=(3, 3), stride=(2, 2), output_padding=(1, 1))": (
        nn.ConvTranspose2d(3, 4, 3, 2, 0, 1)
    ),
    "MaxPool2d(kernel_size=(2, 2), stride=(2, 2))": nn.MaxPool2d(2),
    "MaxPool1d(kernel_size=(3,), stride=(1,), padding=(1,), ceil_mode=True)": nn.MaxPool1d(3, 1, 1, 1, True),
    "AvgPool1d(kernel_size=(2,), stride=(2,), count_include_pad=False)": nn.AvgPool1d(2, count_include_pad=False),
    "AdaptiveAvgPool2d(output_size=(1, None))": nn.AdaptiveAvgPool2d((1, None)),
    "BatchNorm2d(num_features=3, eps=1e-05, momentum=None, affine=False)": nn.BatchNorm2d(3, 1e-5, None, False),
    "CrossEntropyLoss()": nn.CrossEntropyLoss().eval(),
    "CrossEntropyLoss(label_smoothing=0.1, weight=[1.0, 2.0], ignore_index=-100)": nn.CrossEntropyLoss(
        "mean", 0.1, [1.0, 2.0], -100
    ),
    "BCEWithLogitsLoss(reduction='sum', pos_weight=3.0)": nn.BCEWithLogitsLoss("sum", 3.0),
    "HuberLoss(delta=0.5)": nn.HuberLoss(delta=0.5),
    "KLDivLoss(reduction='batchmean')": nn.KLDivLoss("batchmean"),
    "LeakyReLU(negative_slope=0.01)": nn.LeakyReLU().eval(),
    "GELU(approximate='tanh')": nn.GELU("tanh"),
    "PReLU(num_parameters=1)": nn.PReLU(),
    "Hardtanh(min_val=-1.0, max_val=1.0)": nn.Hardtanh(),
}


@pytest.mark.parametrize("text", SHOWN)
def test_repr(text):
    assert repr(SHOWN[text]) == text


# -- all of them --------------------------------------------------------------------------------

LAYERS = {
    "Dropout": (lambda dtype: nn.Dropout(generator=RNG(0)), (3, 4)),
    "LayerNorm": (lambda dtype: nn.LayerNorm(4, dtype=dtype), (3, 4)),
    "RMSNorm": (lambda dtype: nn.RMSNorm(4, dtype=dtype), (3, 4)),
    "GroupNorm": (lambda dtype: nn.GroupNorm(2, 4, dtype=dtype), (3, 4, 5)),
    "PReLU": (lambda dtype: nn.PReLU(4, dtype=dtype), (3, 4, 5)),
    "Conv1d": (lambda dtype: nn.Conv1d(4, 2, 3, dtype=dtype), (3, 4, 5)),
    "Conv2d": (lambda dtype: nn.Conv2d(4, 2, 3, dtype=dtype), (3, 4, 5, 5)),
    "ConvTranspose2d": (lambda dtype: nn.ConvTranspose2d(4, 2, 3, dtype=dtype), (3, 4, 5, 5)),
    "BatchNorm1d": (lambda dtype: nn.BatchNorm1d(4, dtype=dtype), (3, 4)),
    "BatchNorm1d, cumulative": (lambda dtype: nn.BatchNorm1d(4, momentum=None, dtype=dtype), (3, 4)),
    "AvgPool2d": (lambda dtype: nn.AvgPool2d(2, padding=1, count_include_pad=False), (3, 4, 5, 5)),
    "AdaptiveAvgPool2d": (lambda dtype: nn.AdaptiveAvgPool2d(2), (3, 4, 5, 5)),
    **{f.__name__: (lambda dtype, f=f: f(), (3, 4)) for f in (
        nn.CELU, nn.ELU, nn.GELU, nn.GLU, nn.SELU, nn.Hardsigmoid, nn.Hardswish, nn.Hardtanh, nn.LeakyReLU,
        nn.LogSigmoid, nn.LogSoftmax, nn.Mish, nn.ReLU6, nn.SiLU, nn.Softplus, nn.Softsign,
    )},
}  # fmt: skip


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("name", LAYERS)
def test_a_layer_keeps_its_dtype_and_a_copy_computes_the_same(name, dtype):
    build, shape = LAYERS[name]
    layer = build(dtype)
    clone = copy.deepcopy(layer)
    x = mg.tensor(normal(*shape, dtype=dtype), requires_grad=True)
    z = layer(x)
    z.sum().backward()
    assert z.dtype == x.grad.dtype == dtype
    assert all(p.dtype == p.grad.dtype == dtype for p in layer.parameters())
    np.testing.assert_array_equal(z.data, clone(x).data)


@pytest.mark.parametrize(
    "name", [name for name, (build, _) in LAYERS.items() if build("f4").parameters() or "Pool" in name]
)
def test_a_layer_takes_an_empty_batch(name):
    """In evaluation: an empty last batch of a loader is no error."""
    build, shape = LAYERS[name]
    x = mg.tensor(np.ones((0, *shape[1:]), "f4"))
    assert build("float32").eval()(x).shape[0] == 0


# -- in a compiled step -------------------------------------------------------------------------

COMPILED = {
    "normalised": (
        lambda: nn.Sequential(nn.Linear(4, 6, weight_regularizer_l1=0.01), nn.LayerNorm(6), nn.GELU(), nn.Linear(6, 3)),
        nn.CrossEntropyLoss(weight=[1.0, 2.0, 0.5], ignore_index=-100, label_smoothing=0.1),
    ),
    "evaluated": (
        lambda: nn.Sequential(
            nn.Linear(4, 6), nn.RMSNorm(6), nn.Mish(), nn.Dropout().eval(), nn.BatchNorm1d(6).eval(), nn.Linear(6, 3)
        ),
        nn.CrossEntropyLoss(weight=[1.0, 2.0, 0.5]),
    ),
    "margins": (lambda: nn.Sequential(nn.Linear(4, 3), nn.PReLU(3)), nn.MultiMarginLoss(p=2)),
    "logarithms": (lambda: nn.Sequential(nn.Linear(4, 3), nn.LogSoftmax()), nn.NLLLoss(weight=[1.0, 2.0, 0.5])),
}


@pytest.mark.parametrize("name", COMPILED)
def test_layers_and_losses_replay_bit_for_bit(name):
    """``check=True`` runs each call both ways and compares."""
    build, loss_fn = COMPILED[name]
    model = build()
    optimizer = optim.SGD(model.parameters(), lr=0.1)

    def step(x, y):
        loss = loss_fn(model(x), y) + model.regularization_loss()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        return loss

    compiled = mg.compile(step, check=True)
    for i in range(5):
        compiled(mg.tensor(normal(6, 4) + i / 7), (np.arange(6) + i) % 3)
    assert compiled.stats()["replayed"] == 3


def test_a_replay_notices_that_every_label_is_ignored():
    loss_fn = mg.compile(nn.CrossEntropyLoss(ignore_index=-1))
    for i in range(4):
        loss_fn(mg.tensor(normal(4, 3)), np.array([0, i % 3, -1, 2]))
    with pytest.raises(TargetError, match="every label"):
        loss_fn(mg.tensor(normal(4, 3)), np.array([-1] * 4))
