"""Learning rates that are tried: the numbers are those of the steps, and nothing has been learned afterwards."""

import numpy as np
import pytest

import minigrad as mg
from minigrad import nn, optim, viz
from minigrad.errors import DataError, DTypeError, HyperparameterError, StateError
from minigrad.viz.rates import LearningRates


def made(batch_norm=True):
    mg.manual_seed(0)
    middle = [nn.BatchNorm1d(8)] if batch_norm else []
    return nn.Sequential(nn.Linear(2, 8), *middle, nn.ReLU(), nn.Dropout(0.1), nn.Linear(8, 2))


X = np.random.default_rng(0).normal(size=(40, 2)).astype("float32")
Y = (X[:, 0] * X[:, 1] > 0).astype(int)


def loss_of(model):
    return lambda: nn.CrossEntropyLoss()(model(mg.tensor(X)), Y)


def test_the_losses_are_those_of_a_training_with_these_rates():
    model = nn.Linear(2, 1, bias=False)
    optimizer = optim.SGD(model.parameters(), lr=0.3)
    w = model.weight.data.astype(float).ravel()
    found = viz.learning_rates(lambda: (model(mg.tensor(X)) ** 2).mean(), model, optimizer, low=0.01, high=0.1, steps=5)
    np.testing.assert_allclose(found.rates, np.geomspace(0.01, 0.1, 5))
    x = X.astype(float)
    for rate, loss in zip(found.rates, found.losses, strict=True):
        np.testing.assert_allclose(loss, np.mean((x @ w) ** 2), rtol=1e-4)
        w = w - rate * 2 * x.T @ (x @ w) / len(x)


@pytest.mark.parametrize("kind", [optim.SGD, optim.Adam])
@pytest.mark.parametrize("stepped", [False, True])
def test_nothing_has_been_learned(kind, stepped):
    models = [made(), made()]
    optimizers = [kind(model.parameters(), lr=0.05, decay=0.01) for model in models]

    def step(number):
        mg.manual_seed(number)
        optimizers[number % 2].zero_grad()
        loss = loss_of(models[number % 2])()
        loss.backward()
        optimizers[number % 2].step()

    if stepped:
        for number in (0, 1):
            mg.manual_seed(5)
            optimizers[number].zero_grad()
            loss_of(models[number])().backward()
            optimizers[number].step()
    mg.manual_seed(7)
    found = viz.learning_rates(loss_of(models[0]), models[0], optimizers[0], steps=20)
    assert len(found.rates) > 3
    drawn = [mg.random.default_generator().random()]
    mg.manual_seed(7)
    drawn.append(mg.random.default_generator().random())
    assert drawn[0] == drawn[1]
    assert optimizers[0].lr == 0.05
    assert [p.grad is None for p in models[0].parameters()] == [p.grad is None for p in models[1].parameters()]
    for number in (0, 1):
        mg.manual_seed(11)
        optimizers[number].zero_grad()
        loss_of(models[number])().backward()
        optimizers[number].step()
    for p, q in zip(models[0].parameters(), models[1].parameters(), strict=True):
        np.testing.assert_array_equal(p.data, q.data)
    for p, q in zip(models[0].buffers(), models[1].buffers(), strict=True):
        np.testing.assert_array_equal(p.data, q.data)


def test_a_search_ends_where_the_loss_grows():
    model = made(batch_norm=False)
    found = viz.learning_rates(loss_of(model), model, optim.SGD(model.parameters(), lr=1.0), high=1e6, steps=60)
    assert len(found.rates) < 60
    assert np.isfinite(found.losses).all()
    assert found.losses[-1] <= 4 * found.losses.min()


def test_an_error_of_the_loss_leaves_everything_as_it_was():
    model = made()
    optimizer = optim.Adam(model.parameters(), lr=0.05)
    before = [p.data.copy() for p in model.parameters()]
    calls = []

    def loss():
        calls.append(1)
        if len(calls) == 3:
            raise ValueError("mine")
        return loss_of(model)()

    with pytest.raises(ValueError, match="mine"):
        viz.learning_rates(loss, model, optimizer)
    assert optimizer.lr == 0.05
    assert optimizer.iterations == 0
    for p, data in zip(model.parameters(), before, strict=True):
        np.testing.assert_array_equal(p.data, data)


@pytest.mark.parametrize(
    "options", [{"low": 0.0}, {"low": 1.0, "high": 0.5}, {"steps": 2}, {"high": np.inf}, {"low": "1"}]
)
def test_rates_that_do_not_grow_are_refused(options):
    model = made()
    with pytest.raises(HyperparameterError, match="0 < low < high"):
        viz.learning_rates(loss_of(model), model, optim.SGD(model.parameters()), **options)


def test_arguments_of_other_kinds_are_refused():
    model = made()
    optimizer = optim.SGD(model.parameters())
    for arguments in [(mg.tensor(1.0), model, optimizer), (model, loss_of(model), optimizer), (model, model, model)]:
        with pytest.raises(DTypeError, match="a function without arguments that gives the loss, a model and its opt"):
            viz.learning_rates(*arguments)
    for value in (1.0, mg.ones(3)):
        with pytest.raises(DataError, match="a Tensor of one element"):
            viz.learning_rates(lambda value=value: value, model, optimizer)
    with pytest.raises(StateError, match="no parameter of the model"):
        viz.learning_rates(loss_of(model), model, optim.SGD(made().parameters()))


def test_a_loss_that_is_not_finite_from_the_start_is_refused():
    model = made()
    with pytest.raises(DataError, match="only 0 losses"):
        viz.learning_rates(lambda: mg.tensor(np.nan), model, optim.SGD(model.parameters()))


def test_the_steepest_rate_is_where_the_curve_falls_fastest():
    rates = np.geomspace(1e-4, 1, 81)
    losses = 1 / (1 + np.exp(3 * (np.log10(rates) + 2)))  # falls fastest at 1e-2
    losses[-10:] = 5
    found = LearningRates(rates, losses)
    assert 0.008 < found.steepest < 0.03  # a moving mean lags behind
    assert repr(found).startswith("LearningRates(81 rates from 0.0001 to 1, falls fastest at 0.0")


def test_the_picture(tmp_path, monkeypatch):
    pytest.importorskip("matplotlib")
    model = made()
    found = viz.learning_rates(loss_of(model), model, optim.SGD(model.parameters()), steps=20)
    figure = found.plot(tmp_path / "rates.png")
    assert (tmp_path / "rates.png").stat().st_size > 5000
    assert figure.axes[0].get_xscale() == "log"
    assert found._repr_png_().startswith(b"\x89PNG")
    monkeypatch.setattr("minigrad.viz.rates.new_figure", lambda *size: (_ for _ in ()).throw(ImportError("no")))
    assert found._repr_png_() is None
