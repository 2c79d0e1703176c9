"""Layers: what they compute, hold, show, and refuse."""

import copy

import numpy as np
import pytest

import minigrad as mg
from minigrad import nn, random
from minigrad.errors import DTypeError, HyperparameterError, ShapeError, TargetError

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
}


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
