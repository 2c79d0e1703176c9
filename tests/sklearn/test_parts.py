"""Parts by name: optimizers, activations, and those of one's own."""

import functools

import pytest

pytest.importorskip("sklearn", reason="scikit-learn is not installed: its estimators cannot be")
from minigrad import nn, optim
from minigrad.sklearn import MinigradClassifier, MinigradRegressor
from minigrad.sklearn.parts import ACTIVATIONS, OPTIMIZERS
from tests.sklearn.test_fitting import X, Y


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_each_optimizer_trains(name):
    options = {"batch_size": None} if name == "lbfgs" else {}
    fitted = MinigradRegressor((8,), optimizer=name, lr=0.01, epochs=20, random_state=0, **options).fit(X, X[:, 0])
    assert fitted.history_["loss"][-1] < fitted.history_["loss"][0]
    assert type(fitted.optimizer_) is OPTIMIZERS[name]


@pytest.mark.parametrize("name", ACTIVATIONS)
def test_each_activation_stands_between_the_layers(name):
    fitted = MinigradRegressor((5, 4), name, epochs=1).fit(X, Y)
    assert [type(layer) for layer in fitted.module_] == [nn.Linear, ACTIVATIONS[name]] * 2 + [nn.Linear]
    assert [layer.weight.shape for layer in list(fitted.module_)[::2]] == [(5, 3), (4, 5), (1, 4)]


def test_parts_of_ones_own():
    fitted = MinigradClassifier(
        7,
        functools.partial(nn.LeakyReLU, 0.2),
        optimizer=functools.partial(optim.AdamW, weight_decay=0.3),
        lr=optim.schedules.exponential(0.1, 0.9),
        epochs=5,
    ).fit(X, Y)
    assert fitted.module_[0].weight.shape == (7, 3)
    assert fitted.module_[1].negative_slope == 0.2
    assert fitted.optimizer_.param_groups[0]["weight_decay"] == 0.3
    assert fitted.optimizer_.current_lr == pytest.approx(0.1 * 0.9**4)


def test_a_network_with_other_outputs_than_asked_for_is_named():
    fitted = MinigradClassifier(module=lambda inputs, outputs: nn.Linear(inputs, outputs + 1), epochs=1).fit(X, Y)
    with pytest.raises(ValueError, match=r"here \(60, 2\), and gives \(60, 3\)"):
        fitted.predict(X)
    regressor = MinigradRegressor(module=lambda inputs, outputs: nn.Linear(inputs, 2), epochs=1)
    with pytest.raises(ValueError, match="shape"):
        regressor.fit(X, Y)
