"""Sizes of layers that their first input tells, and penalties of single layers."""

import copy
import pickle

import numpy as np
import pytest

import minigrad as mg
from minigrad import nn, optim
from minigrad.errors import ShapeError, StateError

RNG = np.random.default_rng


def normal(*shape, dtype="f4"):
    return RNG(3).normal(size=shape).astype(dtype)


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
        layer.regularization_loss()
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
    nothing = nn.ReLU().regularization_loss()
    assert (nothing.item(), nothing.dtype) == (0, np.float32)


def test_a_layer_of_ones_own_may_have_penalties():
    class Scale(nn.Module):
        def __init__(self):
            self.weight = nn.Parameter([3.0])
            self.weight_regularizer_l1 = 2.0

    assert nn.Sequential(Scale()).regularization_loss().item() == 6
