"""Models called with other weights, and ensembles as one batch."""

import numpy as np
import pytest

import minigrad as mg
from minigrad import nn
from minigrad.errors import StateError


class Tied(nn.Module):
    """A parameter under two names, modules in a list and a dict, and a module that knows its parent."""

    def __init__(self):
        self.first = nn.Linear(3, 3)
        self.blocks = [nn.Linear(3, 3), {"act": nn.Tanh(), "norm": nn.BatchNorm1d(3)}]
        self.last = nn.Linear(3, 3)
        self.last.weight = self.first.weight
        self.first.parent = self

    def forward(self, x):
        h = self.blocks[1]["norm"](self.blocks[1]["act"](self.blocks[0](self.first(x))))
        return self.last(h)


@pytest.fixture
def x():
    return np.random.default_rng(0).normal(size=(5, 3)).astype("float32")


def test_a_call_with_other_weights_is_that_of_a_model_with_them(x):
    mg.manual_seed(0)
    model, other = Tied().eval(), Tied().eval()
    before = model.state_dict()
    weights = dict(other.named_parameters())
    z = mg.functional_call(model, weights, x)
    np.testing.assert_array_equal(z.data, other(x).data)
    z.sum().backward()
    got = {name: p.grad for name, p in other.named_parameters()}
    other.zero_grad()
    other(x).sum().backward()
    for name, p in other.named_parameters():
        np.testing.assert_array_equal(got[name], p.grad)
    assert all(p.grad is None for p in model.parameters())
    for name, array in model.state_dict().items():
        np.testing.assert_array_equal(array, before[name])


def test_what_is_not_named_stays_the_models(x):
    model = nn.Sequential(nn.Linear(3, 2), nn.Dropout(0.5), nn.Linear(2, 1)).eval()
    z = mg.functional_call(model, {"2.bias": np.array([7.0], "float32")}, x)
    np.testing.assert_allclose(z.data, model(x).data - model[2].bias.data + 7, rtol=1e-5)
    model.train()
    mg.manual_seed(0)
    one = mg.functional_call(model, {}, x)
    mg.manual_seed(0)
    np.testing.assert_array_equal(one.data, model(x).data)


def test_statistics_go_to_the_buffers_that_are_used(x):
    model = nn.BatchNorm1d(3)
    own = {name: nn.Buffer(value) for name, value in model.state_dict().items() if "running" in name}
    mg.functional_call(model, own, x)
    assert not model.running_mean.data.any()
    np.testing.assert_allclose(own["running_mean"].data, 0.1 * x.mean(0), rtol=1e-5)
    mg.functional_call(model, {}, x)
    np.testing.assert_allclose(model.running_mean.data, 0.1 * x.mean(0), rtol=1e-5)


def test_gradients_second_order_and_compiled(x):
    model = nn.Sequential(nn.Linear(3, 2), nn.Tanh(), nn.Linear(2, 1))
    weights = {name: p.data.astype("float64") for name, p in model.named_parameters()}

    def loss(w, a):
        return (mg.functional_call(model, w, a) ** 2).sum()

    found = mg.grad(loss)(weights, x)
    assert all(type(g) is np.ndarray for g in found.values())
    step = mg.compile(mg.grad(loss))
    for _ in range(2):
        for name, g in step(weights, x).items():
            np.testing.assert_allclose(g, found[name], rtol=1e-6)
    direction = {name: np.ones_like(w) for name, w in weights.items()}
    product = mg.hvp(lambda w: loss(w, x), weights, direction)
    h = 1e-6
    ahead = mg.grad(loss)({name: w + h for name, w in weights.items()}, x)
    for name in weights:
        np.testing.assert_allclose(product[name], (ahead[name] - found[name]) / h, rtol=1e-3, atol=1e-4)


@pytest.mark.parametrize("compiled", [False, True])
def test_an_ensemble_is_a_loop_over_its_models(x, compiled):
    mg.manual_seed(0)
    models = [nn.Sequential(nn.Linear(3, 4), nn.ReLU(), nn.BatchNorm1d(4), nn.Linear(4, 1)).eval() for _ in range(3)]
    stacked = mg.stack_parameters(models)
    targets = np.arange(15, dtype="float32").reshape(3, 5, 1)

    def loss(w, a, t):
        return ((mg.functional_call(models[0], w, a) - t) ** 2).mean()

    run = mg.vmap(lambda w: mg.functional_call(models[0], w, x))
    np.testing.assert_allclose(run(stacked).data, np.stack([m(x).data for m in models]), rtol=1e-5, atol=1e-6)
    parameters = [value for value in stacked.values() if isinstance(value, nn.Parameter)]
    optimizer = mg.optim.SGD(parameters, lr=0.1)

    def step():
        optimizer.zero_grad()
        total = mg.vmap(loss, in_axes=(0, None, 0))(stacked, x, targets).sum()
        total.backward()
        optimizer.step()
        return total

    whole = mg.compile(step) if compiled else step
    for _ in range(3):
        whole()
    for number, model in enumerate(models):
        single = mg.optim.SGD(model.parameters(), lr=0.1)
        for _ in range(3):
            single.zero_grad()
            ((model(x) - targets[number]) ** 2).mean().backward()
            single.step()
        for name, p in model.named_parameters():
            np.testing.assert_allclose(stacked[name].data[number], p.data, rtol=1e-4, atol=1e-5)


def test_what_does_not_fit_is_listed(x):
    model = Tied()
    with pytest.raises(StateError, match=r"unexpected: first.wieght \(is it first.weight\?\)") as caught:
        mg.functional_call(model, {"first.wieght": 1, "first.bias": np.ones(2), "last.bias": np.ones(3)}, x)
    assert "first.bias: expected shape (3,), got (2,)" in str(caught.value)
    with pytest.raises(StateError, match=r"first\.weight and last\.weight are one"):
        mg.functional_call(model, {"first.weight": np.ones((3, 3)), "last.weight": np.ones((3, 3))}, x)
    for models, match in [
        ([], "got none"),
        ([nn.Linear(2, 1), nn.Linear(3, 1)], r"weight has shape \(1, 2\)"),
        ([nn.Linear(2, 1), nn.Sequential(nn.Linear(2, 1))], "models 0 and 1 differ in 0.bias"),
    ]:
        with pytest.raises(StateError, match=match):
            mg.stack_parameters(models)


@pytest.mark.parametrize(
    "make",
    [
        lambda: nn.Conv1d(2, 4, 3, padding=1),
        lambda: nn.Conv2d(4, 4, 3, groups=2, stride=2),
        lambda: nn.Conv2d(2, 3, (3, 1), dilation=(2, 1), bias=False),
        lambda: nn.ConvTranspose1d(2, 3, 3, stride=2),
        lambda: nn.ConvTranspose2d(2, 4, 2, groups=2),
    ],
)
def test_an_ensemble_of_convolutions(make):
    mg.manual_seed(0)
    models = [make() for _ in range(3)]
    sizes = (7, 6)[: models[0].weight.ndim - 2]
    images = np.random.default_rng(0).normal(size=(3, 2, models[0].in_channels, *sizes)).astype("float32")

    def loss(w, a):
        z = mg.functional_call(models[0], w, a)
        return (z * np.cos(np.arange(z.size, dtype="float32")).reshape(z.shape)).sum()

    stacked = {name: p.data for name, p in mg.stack_parameters(models).items()}
    for axis, given in ((0, images), (None, images[0])):
        value, found = mg.vmap(mg.value_and_grad(loss, (0, 1)), in_axes=(0, axis))(stacked, given)
        for number in range(3):
            own = {name: p[number] for name, p in stacked.items()}
            want, (weights, image) = mg.value_and_grad(loss, (0, 1))(own, given[number] if axis == 0 else given)
            np.testing.assert_allclose(value[number], want, rtol=1e-4)
            np.testing.assert_allclose(found[1][number], image, rtol=1e-4, atol=1e-5)
            for name in weights:
                np.testing.assert_allclose(found[0][name][number], weights[name], rtol=1e-4, atol=1e-5)
