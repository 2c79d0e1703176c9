"""GradientHealth: dead units, gradients that explode or vanish."""

import numpy as np
import pytest

from minigrad import nn, train
from minigrad.train import Callback, GradientHealth
from tests.train.runs import X, Y, fit, small


def test_dead_units_are_named_and_counted_once():
    model = nn.Sequential(nn.Linear(4, 10), nn.ReLU(), nn.Linear(10, 3))
    model[0].bias.data = np.where(np.arange(10) < 4, -1e3, 1).astype("f4")
    health = GradientHealth()
    with pytest.warns(UserWarning, match=r"0 \(Linear\): 4 of 10 units had no gradient in epoch 1") as said:
        history = fit(small(model=model), health, epochs=3)
    assert len(said) == 1
    assert history["dead_units"] == [4, 4, 4]
    assert health.report["0"]["dead"] == 4
    assert health.report["0"]["units"] == 10


def test_a_unit_that_lives_for_some_batches_is_not_dead():
    model = nn.Sequential(nn.Linear(4, 2, bias=False), nn.ReLU(), nn.Linear(2, 3))
    model[0].weight.data = np.array([[1, 0, 0, 0], [1, 0, 0, 0]], "f4")
    data = [(np.full((2, 4), sign, "f4"), np.array([0, 1])) for sign in (-1, 1)]
    history = small(model=model, lr=0.0).fit(data, 1, callbacks=[GradientHealth()], progress="none")
    assert history["dead_units"] == [0]


def test_exploding_and_vanishing_gradients_are_said_with_the_layer():
    class Model(nn.Module):
        def __init__(self):
            self.scale = nn.Parameter(np.ones(1, "f4"))
            self.deep = nn.ModuleDict({"inner": nn.Linear(4, 3)})
            self.frozen = nn.Linear(3, 3).requires_grad_(False)
            self.embedding = nn.Embedding(5, 3)

        def forward(self, x):
            return self.frozen(self.deep["inner"](x)) + self.scale * 1e-12 + self.embedding(np.zeros(len(x), int)) * 1e3

    health = GradientHealth(exploding=100, dead=0)
    with pytest.warns(UserWarning, match="the gradient") as said:
        history = fit(small(model=Model(), lr=1e-6), health, epochs=2)
    texts = [str(warning.message) for warning in said]
    assert any(text.startswith("the model (Model): the gradient's norm is") for text in texts)
    assert any(text.startswith("embedding (Embedding): the gradient has the norm") for text in texts)
    assert len(texts) == 2
    assert history["dead_units"] == [0, 0]
    assert "frozen" not in health.report
    assert health.report["embedding"]["norm"] <= history["gradient_norm"][-1] * 1.001
    assert "deep.inner" in health.report


def test_the_gradient_norm_is_that_of_all_gradients():
    norms = []

    class Measures(Callback):
        def on_gradients(self, trainer):
            norms.append(float(np.sqrt(sum((p.grad.astype("f8") ** 2).sum() for p in trainer.model.parameters()))))

    history = small(clip_norm=1e-3).fit([(X, Y)] * 3, 1, callbacks=[GradientHealth(), Measures()], progress="none")
    assert history["gradient_norm"][0] == pytest.approx(np.mean(norms))


def test_transposed_convolutions_have_their_units_in_the_second_axis():
    layer = nn.ConvTranspose2d(2, 3, 2)
    layer.weight.grad = np.zeros(layer.weight.shape, "f4")
    layer.weight.grad[0, 1, 0, 0] = 1
    layer.bias.grad = np.array([0, 0, 1], "f4")
    assert train.callbacks.health.reached(layer).tolist() == [False, True, True]


def test_an_epoch_without_steps_is_not_judged():
    record = {}
    health = GradientHealth()
    health.on_epoch_end(small(), record)
    assert record == {}
