"""Layers: what they compute, hold, show, and refuse."""

import copy
import pickle

import numpy as np
import pytest

import minigrad as mg
from minigrad import nn, optim, random
from minigrad.errors import DTypeError, GraphError, HyperparameterError, ShapeError, StateError, TargetError
from minigrad.nn import functional as F
from minigrad.nn.penalties import regularization_loss

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


# -- sizes learned at the first call ------------------------------------------------------------

LAZY = {
    "Linear": (lambda: nn.Linear(None, 4, generator=RNG(1)), lambda: nn.Linear(6, 4, generator=RNG(1)), (2, 6)),
    "Conv1d": (
        lambda: nn.Conv1d(None, 4, 3, generator=RNG(1)),
        lambda: nn.Conv1d(6, 4, 3, generator=RNG(1)),
        (2, 6, 5),
    ),
    "Conv2d": (
        lambda: nn.Conv2d(None, 4, 3, groups=2, bias=False, generator=RNG(1)),
        lambda: nn.Conv2d(6, 4, 3, groups=2, bias=False, generator=RNG(1)),
        (2, 6, 5, 5),
    ),
    "Conv3d": (
        lambda: nn.Conv3d(None, 4, 2, generator=RNG(1)),
        lambda: nn.Conv3d(6, 4, 2, generator=RNG(1)),
        (2, 6, 3, 3, 3),
    ),
    "ConvTranspose1d": (
        lambda: nn.ConvTranspose1d(None, 4, 3, generator=RNG(1)),
        lambda: nn.ConvTranspose1d(6, 4, 3, generator=RNG(1)),
        (2, 6, 5),
    ),
    "ConvTranspose2d": (
        lambda: nn.ConvTranspose2d(None, 4, 3, generator=RNG(1)),
        lambda: nn.ConvTranspose2d(6, 4, 3, generator=RNG(1)),
        (2, 6, 5, 5),
    ),
    "BatchNorm1d": (lambda: nn.BatchNorm1d(None), lambda: nn.BatchNorm1d(6), (2, 6)),
    "BatchNorm2d": (lambda: nn.BatchNorm2d(None, affine=False), lambda: nn.BatchNorm2d(6, affine=False), (2, 6, 3, 3)),
}


@pytest.mark.parametrize("name", LAZY)
def test_a_layer_learns_its_size_from_its_first_input(name):
    """And is from then on the layer that it would have been: same weights, same names, same repr."""
    lazy, plain, shape = LAZY[name]
    layer, expected = lazy(), plain()
    clones = [copy.deepcopy(layer), pickle.loads(pickle.dumps(layer))]  # noqa: S301 - written in this line
    assert "=None" in repr(layer)
    x = mg.tensor(normal(*shape))
    z = layer(x)
    np.testing.assert_array_equal(z.data, expected(x).data)
    assert repr(layer) == repr(expected)
    for clone in clones:
        np.testing.assert_array_equal(clone(x).data, z.data)
    assert layer.parameters().names == expected.parameters().names
    state = expected.state_dict()
    assert list(layer.state_dict()) == list(state)
    for key, value in layer.state_dict().items():
        np.testing.assert_array_equal(value, state[key])
    with pytest.raises(ShapeError, match=f"in layer {name}"):
        layer(mg.tensor(normal(2, 7, *shape[2:])))


@pytest.mark.parametrize(
    "ask",
    [
        lambda model: model.parameters(),
        lambda model: model.buffers(),
        lambda model: model.state_dict(),
        lambda model: model.load_state_dict({}),
        lambda model: model.zero_grad(),
        lambda model: optim.Adam(model.parameters()),
        lambda model: model.regularization_loss(),
        lambda model: mg.grad(lambda m: m(mg.tensor(np.ones((2, 3), "f4"))).sum())(model),
        lambda model: mg.compile(model)(mg.tensor(np.ones((2, 3), "f4"))),
    ],
)
def test_what_needs_the_weights_says_to_call_the_model_once(ask):
    model = nn.Sequential(nn.ReLU(), nn.Sequential(nn.Linear(None, 2)))
    with pytest.raises(StateError, match=r"1\.0\.weight is made when .* call the model once"):
        ask(model)


def test_a_penalty_of_an_unmade_layer_says_so_too():
    layer = nn.Linear(None, 2, weight_regularizer_l2=0.1)
    with pytest.raises(StateError, match=r"^weight is made when"):
        regularization_loss(layer.named_modules(), None)
    with pytest.raises(StateError, match=r"before its \.data"):
        layer.weight.data  # noqa: B018


def test_an_unmade_model_is_shown_copied_and_switched():
    """And trains as usual once it was called."""
    model = nn.Sequential(nn.Linear(None, 4), nn.BatchNorm1d(None), nn.ReLU(), nn.Linear(None, 2))
    assert model.train().eval().training is False
    assert len(model.modules()) == 5
    assert repr(copy.deepcopy(model)) == repr(model)
    assert repr(model[0].weight) == "made at the first call"
    x = mg.tensor(normal(8, 3))
    model(x)
    assert not model[1].running_mean.data.any()  # in evaluation nothing moves
    optimizer = optim.SGD(model.train().parameters(), lr=0.1)
    losses = []
    for _ in range(20):
        loss = (model(x) - 1).square().mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    assert losses[-1] < losses[0] / 4
    assert model[1].num_batches_tracked.item() == 20


# -- penalties ----------------------------------------------------------------------------------

FACTORS = {
    "weight_regularizer_l1": 0.1,
    "weight_regularizer_l2": 0.02,
    "bias_regularizer_l1": 0.3,
    "bias_regularizer_l2": 0.04,
}


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("names", [[], *[[name] for name in FACTORS], list(FACTORS)])
def test_penalties_are_those_of_the_course(names, dtype):
    """The loss as the course's regularization_loss, the gradient as the lines of its Layer_Dense.backward."""
    options = {name: FACTORS[name] for name in names}
    w1, w2, b1, b2 = (options.get(name, 0) for name in FACTORS)
    model = nn.Sequential(nn.Linear(3, 4, dtype=dtype, **options), nn.Conv1d(4, 2, 3, dtype=dtype, **options))
    for i, parameter in enumerate(model.parameters()):
        parameter.data = RNG(i).normal(size=parameter.shape).astype(dtype)
    loss, expected = model.regularization_loss(), 0
    for layer in model:
        w, b = layer.weight.data, layer.bias.data
        expected += w1 * np.sum(np.abs(w)) + w2 * np.sum(w * w) + b1 * np.sum(np.abs(b)) + b2 * np.sum(b * b)
    assert (loss.shape, loss.dtype) == ((), dtype)
    rtol = 1e-5 if dtype == "float32" else 1e-13
    np.testing.assert_allclose(loss.item(), expected, rtol=rtol)
    assert loss.requires_grad == bool(names)
    if not names:
        return
    loss.backward()
    for layer in model:
        for parameter, one, two in ((layer.weight, w1, w2), (layer.bias, b1, b2)):
            if one or two:
                value = parameter.data
                ones = np.ones_like(value)
                ones[value < 0] = -1
                np.testing.assert_allclose(parameter.grad, one * ones + 2 * two * value, rtol=rtol)
                assert parameter.grad.dtype == dtype


def test_penalties_can_be_changed_and_are_counted_once_for_a_shared_layer():
    layer = nn.Linear(2, 2, bias=False, bias_regularizer_l1=5, dtype="float64")
    layer.weight_regularizer_l2 = 0.5
    model = nn.Sequential(layer, nn.ReLU(), layer)
    assert model.regularization_loss().item() == pytest.approx(0.5 * (layer.weight.data**2).sum())
    assert nn.ReLU().regularization_loss().item() == 0


def test_a_layer_of_ones_own_may_have_penalties():
    class Scale(nn.Module):
        def __init__(self):
            self.weight = nn.Parameter([3.0])
            self.weight_regularizer_l1 = 2.0

    assert nn.Sequential(Scale()).regularization_loss().item() == 6


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


# -- what is refused ----------------------------------------------------------------------------

REFUSED = {
    "p below 0": (lambda: nn.Dropout(-0.1), HyperparameterError, r"p is a probability in \[0, 1\].*got -0.1"),
    "p above 1": (lambda: nn.Dropout(1.5), HyperparameterError, "got 1.5"),
    "p of NaN": (lambda: nn.Dropout(float("nan")), HyperparameterError, "got nan"),
    "dropout of integers": (lambda: nn.Dropout()(np.arange(3)), DTypeError, r"astype\('float32'\)\s+in layer Dropout"),
    "no embeddings": (
        lambda: nn.Embedding(0, 3),
        HyperparameterError,
        "num_embeddings is a whole number of at least 1",
    ),
    "half a dimension": (lambda: nn.Embedding(3, 0.5), HyperparameterError, "embedding_dim is .* got 0.5"),
    "padding_idx": (lambda: nn.Embedding(3, 2, 3), HyperparameterError, "one of the 3 rows of the weight, got 3"),
    "init": (
        lambda: nn.Embedding(3, 2, init=lambda shape, generator, dtype: np.ones(2)),
        ShapeError,
        r"Embedding: init gave shape \(2,\) for a weight of shape \(3, 2\)",
    ),
    "index": (lambda: nn.Embedding(3, 2)([[0, 3]]), TargetError, r"from 0 to 2 .*got 3\s+in layer Embedding"),
    "negative index": (lambda: nn.Embedding(3, 2)([-1]), TargetError, "got -1"),
    "float index": (lambda: nn.Embedding(3, 2)([0.5]), DTypeError, "indices of integers"),
    "flatten too much": (lambda: nn.Flatten(1)(np.ones(3)), ShapeError, r"x of shape \(3,\).*\s+in layer Flatten"),
    "flatten backwards": (lambda: nn.Flatten(2, 1)(np.ones((3, 4, 5))), ShapeError, "from 2 to 1"),
    "normalised shape": (lambda: nn.LayerNorm(0), HyperparameterError, "LayerNorm: normalized_shape .* got 0"),
    "no shape": (lambda: nn.RMSNorm(()), HyperparameterError, r"at least one size, got \(\)"),
    "a size that is true": (lambda: nn.LayerNorm(True), HyperparameterError, "got True"),
    "eps": (lambda: nn.LayerNorm(3, eps=-1), HyperparameterError, "eps is a finite number of at least 0.*got -1"),
    "layer norm": (lambda: nn.LayerNorm(3)(np.ones((2, 4))), ShapeError, r"has shape \(2, 4\).*\s+in layer LayerNorm"),
    "rms norm": (lambda: nn.RMSNorm(3)(np.ones((2, 4))), ShapeError, r"has shape \(2, 4\).*\s+in layer RMSNorm"),
    "groups": (lambda: nn.GroupNorm(2, 3), HyperparameterError, "2 groups do not divide 3 channels"),
    "group norm": (lambda: nn.GroupNorm(2, 4)(np.ones((2, 6, 3))), ShapeError, r"shape \(6,\).*\s+in layer GroupNorm"),
    "plain group norm": (
        lambda: nn.GroupNorm(2, 4, affine=False)(np.ones((2, 6, 3))),
        ShapeError,
        r"takes x of shape \(N, 4, ...\), got shape \(2, 6, 3\)",
    ),
    "approximate": (lambda: nn.GELU("sigmoid"), HyperparameterError, "'none' or 'tanh', got 'sigmoid'"),
    "alpha": (lambda: nn.CELU(0), HyperparameterError, "CELU divides by alpha.*got 0"),
    "beta": (lambda: nn.Softplus(0.0), HyperparameterError, "Softplus divides by beta.*got 0.0"),
    "bounds": (lambda: nn.Hardtanh(1, 1), HyperparameterError, "min_val is less than max_val, got 1 and 1"),
}

X, ONES = normal(4, 3), np.ones((4, 3), "f4")
REFUSED |= {
    # convolutions
    "kernel": (lambda: nn.Conv2d(3, 4, 0), HyperparameterError, "Conv2d: kernel_size is an integer >= 1.*got 0"),
    "kernels": (lambda: nn.Conv2d(3, 4, (3, 3, 3)), HyperparameterError, "one for each of 2 axes"),
    "stride": (lambda: nn.Conv1d(3, 4, 3, stride=0), HyperparameterError, "Conv1d: stride .* got 0"),
    "padding": (lambda: nn.Conv1d(3, 4, 3, padding="full"), HyperparameterError, '"valid", or .* "same"; got \'full\''),
    "same": (lambda: nn.Conv1d(3, 4, 3, 2, "same"), HyperparameterError, r"got 'same' with a stride of \(2,\)"),
    "dilation": (lambda: nn.ConvTranspose1d(3, 4, 3, dilation=0), HyperparameterError, "ConvTranspose1d: dilation"),
    "output_padding": (
        lambda: nn.ConvTranspose2d(3, 4, 3, output_padding=1),
        HyperparameterError,
        r"less than the stride \(1, 1\); got 1",
    ),
    "channels": (lambda: nn.Conv2d(0, 4, 3), HyperparameterError, "Conv2d: in_channels is a whole number .* got 0"),
    "out": (lambda: nn.Conv2d(3, None, 3), HyperparameterError, "out_channels is a whole number .* got None"),
    "groups of in": (lambda: nn.Conv2d(3, 4, 3, groups=2), HyperparameterError, "2 groups do not divide in_channels=3"),
    "groups of out": (lambda: nn.Conv2d(4, 3, 3, groups=2), HyperparameterError, "2 groups .* out_channels=3"),
    "lazy groups": (
        lambda: nn.Conv1d(None, 4, 3, groups=2)(np.ones((2, 3, 5), "f4")),
        HyperparameterError,
        r"2 groups do not divide in_channels=3.*\s+in layer Conv1d\(in_channels=None",
    ),
    "wrong channels": (
        lambda: nn.Conv2d(3, 4, 3)(np.ones((2, 5, 6, 6), "f4")),
        ShapeError,
        r"5 channels.*\s+in layer Conv2d\(in_channels=3",
    ),
    "small image": (lambda: nn.Conv2d(3, 4, 3)(np.ones((2, 3, 2, 6), "f4")), ShapeError, "does not fit"),
    "no batch": (lambda: nn.Conv2d(None, 4, 3)(np.ones((3, 6, 6), "f4")), ShapeError, r"x\[None\] for a batch of one"),
    "no channels": (lambda: nn.Conv2d(None, 4, 3)(np.ones((2, 0, 6, 6))), ShapeError, "learns in_channels from axis 1"),
    "wrong transposed": (lambda: nn.ConvTranspose1d(3, 4, 3)(np.ones((2, 5, 6), "f4")), ShapeError, "5 channels"),
    # linear
    "features": (lambda: nn.Linear(2.5, 3), HyperparameterError, "in_features .* got 2.5"),
    "no last axis": (lambda: nn.Linear(None, 3)(np.float32(1)), ShapeError, r"learns in_features .* shape \(\)"),
    "no features": (lambda: nn.Linear(None, 3)(np.ones((2, 0))), ShapeError, r"learns in_features .* shape \(2, 0\)"),
    "penalty": (
        lambda: nn.Linear(2, 3, weight_regularizer_l2=-1),
        HyperparameterError,
        "weight_regularizer_l2 .* got -1",
    ),
    "penalty of NaN": (lambda: nn.Conv1d(2, 3, 1, bias_regularizer_l1=float("nan")), HyperparameterError, "got nan"),
    # pooling
    "pool": (lambda: nn.MaxPool2d(0), HyperparameterError, "MaxPool2d: kernel_size"),
    "pool stride": (lambda: nn.AvgPool1d(2, 0), HyperparameterError, "AvgPool1d: stride"),
    "pool padding": (lambda: nn.MaxPool1d(2, padding=2)(np.ones((1, 1, 5))), HyperparameterError, "half of the kernel"),
    "pool of a small image": (lambda: nn.AvgPool2d(3)(np.ones((1, 1, 2, 5))), ShapeError, r"\s+in layer AvgPool2d"),
    "adaptive": (lambda: nn.AdaptiveAvgPool2d((2, 0)), HyperparameterError, "AdaptiveAvgPool2d: output_size"),
    "adaptives": (lambda: nn.AdaptiveAvgPool1d((2, 2)), HyperparameterError, "one for each of 1 axes"),
    # batch normalisation
    "batch norm": (lambda: nn.BatchNorm2d(0), HyperparameterError, "num_features .* got 0"),
    "momentum": (lambda: nn.BatchNorm2d(3, momentum=1.5), HyperparameterError, r"in \[0, 1\], or None .* got 1.5"),
    "images": (lambda: nn.BatchNorm2d(3)(np.ones((2, 3))), ShapeError, r"BatchNorm2d takes x of shape \(N, C, H, W\)"),
    "vectors": (lambda: nn.BatchNorm1d(3)(np.ones((2, 3, 1, 1))), ShapeError, r"\(N, C\) or \(N, C, L\)"),
    "lazy images": (lambda: nn.BatchNorm2d(None)(np.ones((2, 0, 3, 3))), ShapeError, r"got shape \(2, 0, 3, 3\)"),
    "one value": (lambda: nn.BatchNorm1d(3)(np.ones((1, 3), "f4")), ShapeError, "a larger batch"),
    "other channels": (
        lambda: nn.BatchNorm1d(3).eval()(np.ones((2, 4), "f4")),
        ShapeError,
        "one number for each channel",
    ),
    # losses
    "reduction": (lambda: nn.HuberLoss("avg"), HyperparameterError, "'avg'"),
    "kl reduction": (lambda: nn.KLDivLoss("avg"), HyperparameterError, "'batchmean', 'sum'"),
    "delta": (lambda: nn.HuberLoss(delta=0), HyperparameterError, "HuberLoss: delta is a finite number above 0.*got 0"),
    "beta of smooth": (lambda: nn.SmoothL1Loss(beta=-1), HyperparameterError, "SmoothL1Loss: beta"),
    "delta of F": (lambda: F.huber_loss(X, X, delta=np.inf), HyperparameterError, "huber_loss: delta"),
    "beta of F": (lambda: F.smooth_l1_loss(X, X, beta=0), HyperparameterError, "smooth_l1_loss: beta"),
    "margin power": (lambda: nn.MultiMarginLoss(p=3), HyperparameterError, "p is 1 or 2, got 3"),
    "margin power of F": (lambda: F.multi_margin_loss(X, [0] * 4, p=0), HyperparameterError, "p is 1 or 2, got 0"),
    "shape": (lambda: nn.L1Loss()(X, X[:, :1]), ShapeError, r"l1_loss .* \(4, 1\).*reshape"),
    "integers": (lambda: F.l1_loss(np.ones(3, int), np.ones(3)), DTypeError, "l1_loss takes predictions"),
    "class weights": (
        lambda: F.cross_entropy(X, [0] * 4, weight=[1.0, 2.0]),
        ShapeError,
        r"one number for each class, shape \(3,\) .* got \(2,\)",
    ),
    "weights with a gradient": (
        lambda: F.cross_entropy(X, [0] * 4, weight=mg.tensor([1.0] * 3, requires_grad=True)),
        GraphError,
        "weight.detach",
    ),
    "all ignored": (lambda: F.cross_entropy(X, [-1] * 4, ignore_index=-1), TargetError, 'reduction="sum"'),
    "all ignored, smooth": (
        lambda: F.cross_entropy(X, [-1] * 4, label_smoothing=0.1, ignore_index=-1),
        TargetError,
        "every label is ignore_index",
    ),
    "all of weight 0": (lambda: F.nll_loss(X, [0] * 4, weight=[0.0, 1, 1]), TargetError, "of a class of weight 0"),
    "ignored rows": (lambda: F.cross_entropy(X, ONES / 3, ignore_index=0), HyperparameterError, "integer labels"),
    "stray label": (lambda: F.cross_entropy(X, [0, 1, 2, 3], ignore_index=-100), TargetError, "from 0 to 2.* got 3"),
    "rows for nll": (lambda: F.nll_loss(X, ONES / 3), ShapeError, "nll_loss takes integer labels"),
    "rows for margins": (lambda: F.multi_margin_loss(X, ONES / 3), ShapeError, "multi_margin_loss takes integer"),
    "pos_weight": (
        lambda: F.binary_cross_entropy_with_logits(X, ONES, pos_weight=[1.0, 2.0]),
        ShapeError,
        r"broadcasts to the logits' shape \(4, 3\), got \(2,\)",
    ),
    "pos_weight of more axes": (
        lambda: F.binary_cross_entropy_with_logits(X, ONES, pos_weight=np.ones((1, 4, 3))),
        ShapeError,
        r"got \(1, 4, 3\)",
    ),
    "logits for probabilities": (
        lambda: F.binary_cross_entropy(X, ONES),
        TargetError,
        "probabilities between 0 and 1, .* binary_cross_entropy_with_logits",
    ),
    "targets of probabilities": (
        lambda: F.binary_cross_entropy(ONES, 2 * ONES),
        TargetError,
        "targets between 0 and 1",
    ),
    "kl": (lambda: F.kl_div(X, -ONES), TargetError, "at least 0, got -1.0"),
    "signs": (lambda: F.hinge_embedding_loss(X, 0 * ONES), TargetError, r"2 \* y - 1"),
    "signs with a gradient": (
        lambda: F.hinge_embedding_loss(X, mg.tensor(ONES, requires_grad=True)),
        GraphError,
        "target.detach",
    ),
}


@pytest.mark.parametrize("what", REFUSED)
def test_what_is_refused_and_what_to_write_instead(what):
    call, kind, message = REFUSED[what]
    with pytest.raises(kind, match=rf"(?s){message}"):
        call()


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


# -- losses -------------------------------------------------------------------------------------


def test_ignored_rows_count_nothing_even_where_they_are_infinite():
    logits = mg.tensor(np.array([[1.0, 2.0], [-np.inf, 0.0], [-np.inf, 1e30]], "f4"), requires_grad=True)
    labels = np.array([0, 255, 255], np.uint8)
    loss = F.cross_entropy(logits, labels, ignore_index=255)
    loss.backward()
    alone = mg.tensor(logits.data[:1], requires_grad=True)
    expected = F.cross_entropy(alone, [0])
    expected.backward()
    assert loss.item() == pytest.approx(expected.item())
    np.testing.assert_allclose(logits.grad, [alone.grad[0], [0, 0], [0, 0]], rtol=1e-6)
    assert F.cross_entropy(logits, [9, 9, 9], "sum", ignore_index=9).item() == 0
    assert F.cross_entropy(logits, [9, 9, 9], "none", ignore_index=9).tolist() == [0, 0, 0]


@pytest.mark.parametrize("loss", ["mean", "sum"])
def test_weighted_losses_keep_float32(loss):
    """With weights and targets in float64 or integers."""
    x = mg.tensor(X, requires_grad=True)
    for z in (
        nn.CrossEntropyLoss(loss, 0.1, np.ones(3), 0)(x, [0, 1, 2, 1]),
        nn.CrossEntropyLoss(loss, weight=[1, 2, 3])(x, [0, 1, 2, 1]),
        F.nll_loss(x, [0, 1, 2, 1], loss, np.ones(3, int)),
        nn.BCEWithLogitsLoss(loss, np.ones(3))(x, ONES.astype(int)),
        F.kl_div(x, np.ones((4, 3)), loss),
        F.hinge_embedding_loss(x, np.ones((4, 3), int), loss),
        F.huber_loss(x, np.ones((4, 3)), loss),
        F.binary_cross_entropy(mg.sigmoid(x), np.ones((4, 3)), loss),
    ):
        assert z.dtype == np.float32


def test_the_divergence_of_an_impossible_class_is_0_where_its_target_is():
    x = mg.tensor(np.array([-np.inf, 0.0], "f4"), requires_grad=True)
    loss = F.kl_div(x, [0, 1], "sum")
    loss.backward()
    assert loss.item() == 0
    assert x.grad.tolist() == [0, -1]


def test_losses_take_lists():
    assert F.l1_loss([1.0, 2.0], [0, 0]).tolist() == 1.5
    assert F.kl_div([0.0], [1]) == 0
    assert nn.HuberLoss("none", 1.0)([0.5, -3.0], [0, 0]).tolist() == [0.125, 2.5]


def test_the_weights_of_a_loss_are_its_own_and_are_saved():
    given = np.array([1.0, 2.0, 3.0])
    loss = nn.CrossEntropyLoss(weight=given)
    given[:] = 0
    assert loss.state_dict()["weight"].tolist() == [1, 2, 3]
    assert not loss.parameters()


@pytest.mark.parametrize("big", [1e2, 1e30])
def test_weighted_binary_cross_entropy_is_exact_for_extreme_logits(big):
    loss = F.binary_cross_entropy_with_logits(mg.tensor([big, -big]), [1, 0], "none", pos_weight=3.0)
    assert loss.tolist() == pytest.approx([0, 0], abs=1e-40)
    wrong = F.binary_cross_entropy_with_logits(mg.tensor([-big, big]), [1, 0], "none", pos_weight=3.0)
    np.testing.assert_allclose(wrong.data, [3 * big, big], rtol=1e-6)


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
        loss_fn(mg.tensor(X), np.array([0, i % 3, -1, 2]))
    with pytest.raises(TargetError, match="every label"):
        loss_fn(mg.tensor(X), np.array([-1] * 4))
