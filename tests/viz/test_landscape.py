"""The loss around a model's weights: numbers against the same numbers by hand, and a model that stays as it was."""

import numpy as np
import pytest

import minigrad as mg
from minigrad import nn, optim, viz
from minigrad.errors import DataError, DTypeError, HyperparameterError
from minigrad.viz.landscape import surface


def made():
    mg.manual_seed(0)
    return nn.Sequential(nn.Linear(2, 5), nn.Tanh(), nn.Dropout(0.5), nn.Linear(5, 1))


X = np.random.default_rng(0).normal(size=(20, 2)).astype("float32")


def test_each_number_is_the_loss_at_its_place():
    model = nn.Linear(3, 2)
    x = mg.tensor(np.eye(3, dtype="float32"))
    start = model.weight.data.copy()
    seen = {}

    def loss():
        value = (model(x) ** 2).mean().item()
        seen[value] = model.weight.data.copy()
        assert not mg.tensor(1.0).requires_grad
        return value

    places, losses = surface(loss, model, reach=0.5, steps=3)
    np.testing.assert_array_equal(places, [-0.5, 0, 0.5])
    np.testing.assert_array_equal(seen[losses[1, 1]], start)
    across, up = seen[losses[1, 2]] - start, seen[losses[2, 1]] - start
    np.testing.assert_allclose(seen[losses[2, 2]] - start, across + up, atol=1e-6)
    np.testing.assert_allclose(seen[losses[0, 2]] - start, across - up, atol=1e-6)
    for direction in (across, up):  # at 0.5, half as long as the model's own rows
        np.testing.assert_allclose(np.linalg.norm(direction, axis=1), 0.5 * np.linalg.norm(start, axis=1), rtol=1e-5)


def test_the_model_is_what_it_was_and_goes_on_as_before():
    model, other = made(), made()
    memory = [p.data for p in model.parameters()]
    optimizers = [optim.Adam(m.parameters(), lr=0.1) for m in (model, other)]
    target = np.ones((20, 1), "float32")

    def step(m, optimizer):
        optimizer.zero_grad()
        loss = ((m.eval()(mg.tensor(X)) - target) ** 2).mean()
        loss.backward()
        optimizer.step()
        m.train()

    for m, optimizer in zip((model, other), optimizers, strict=True):
        step(m, optimizer)
    memory = [p.data for p in model.parameters()]
    _, losses = surface(lambda: ((model(mg.tensor(X)) - target) ** 2).mean(), model, steps=4)
    assert model.training
    assert losses.std() > 0
    assert all(p.data is data for p, data in zip(model.parameters(), memory, strict=True))
    for m, optimizer in zip((model, other), optimizers, strict=True):
        step(m, optimizer)
    for p, q in zip(model.parameters(), other.parameters(), strict=True):
        np.testing.assert_array_equal(p.data, q.data)


def test_a_loss_that_raises_leaves_the_model_as_it_was():
    model = nn.Linear(2, 2)
    before = model.weight.data.copy()

    def loss():
        raise ValueError("mine")

    with pytest.raises(ValueError, match="mine"):
        surface(loss, model)
    np.testing.assert_array_equal(model.weight.data, before)


@pytest.mark.parametrize(
    ("loss", "model", "options", "said"),
    [
        (lambda: 1.0, nn.ReLU(), {}, "no weight of two axes"),
        (lambda: np.ones(3, float), nn.Linear(2, 2), {}, "take its mean or sum"),
        (lambda: mg.tensor(1j), nn.Linear(2, 2), {}, "one real number"),
    ],
)
def test_what_is_no_surface_is_refused(loss, model, options, said):
    with pytest.raises(DataError, match=said):
        surface(loss, model, **options)


@pytest.mark.parametrize("options", [{"reach": 0.0}, {"reach": np.nan}, {"reach": "1"}, {"steps": 1}, {"steps": 2.5}])
def test_options_out_of_range_are_refused(options):
    with pytest.raises(HyperparameterError, match="reach above 0 and at least two steps"):
        surface(lambda: 1.0, nn.Linear(2, 2), **options)


def test_arguments_of_other_kinds_are_refused():
    model = nn.Linear(2, 2)
    with pytest.raises(DTypeError, match="got Tensor and Linear"):
        surface(mg.tensor(1.0), model)
    with pytest.raises(DTypeError, match="got Linear and function"):
        surface(model, lambda: 1.0)


def test_the_same_seed_gives_the_same_directions():
    model = nn.Linear(2, 2)
    all_of = [surface(lambda: (model(mg.tensor(X)) ** 2).mean(), model, steps=3, seed=seed)[1] for seed in (0, 0, 1)]
    np.testing.assert_array_equal(all_of[0], all_of[1])
    assert (all_of[0] != all_of[2]).any()


def test_the_picture(tmp_path):
    pytest.importorskip("matplotlib")
    model = made()
    figure = viz.loss_surface(lambda: (model(mg.tensor(X)) ** 2).mean(), model, tmp_path / "surface.png", steps=5)
    assert (tmp_path / "surface.png").stat().st_size > 5000
    assert figure.axes[1].get_ylabel() in ("loss", "log10 of the loss")
    steep = viz.loss_surface(lambda: mg.exp(50 * (model(mg.tensor(X)) ** 2).mean()), model, steps=5)
    assert steep.axes[1].get_ylabel() == "log10 of the loss"
    flat = viz.loss_surface(lambda: 1.0, model, steps=3)
    nowhere = viz.loss_surface(lambda: float("nan"), model, steps=3)
    for figure in (flat, nowhere):
        assert len(figure.axes) == 1
        figure._repr_png_()
