"""How estimators are fitted: the same bits again, early stopping, going on, copies, and what is refused."""

import pickle
from copy import deepcopy

import numpy as np
import pytest

pytest.importorskip("sklearn", reason="scikit-learn is not installed: its estimators cannot be")

from sklearn.exceptions import NotFittedError

import minigrad as mg
from minigrad import nn
from minigrad.errors import DivergenceError
from minigrad.sklearn import MinigradClassifier, MinigradRegressor

RNG = np.random.default_rng(0)
X = RNG.standard_normal((60, 3))
Y = (X[:, 0] * X[:, 1] > 0).astype(int)


def dropping(features, outputs):
    """Its layers have no generator: weights and dropout come from the package's."""
    return nn.Sequential(nn.Linear(features, 16), nn.ReLU(), nn.Dropout(0.3), nn.Linear(16, outputs))


SMALL = {"module": dropping, "batch_size": 16, "epochs": 3, "lr": 0.01, "random_state": 0}


def bits(estimator):
    return [p.data.tobytes() for p in estimator.module_.parameters()]


def pickled(estimator):
    return pickle.loads(pickle.dumps(estimator))  # noqa: S301 - our own


# -- random_state -------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", [MinigradClassifier, MinigradRegressor])
def test_one_random_state_gives_one_result(kind):
    first = kind(**SMALL).fit(X, Y)
    mg.manual_seed(5)  # what others draw in between changes nothing
    second = kind(**SMALL).fit(X, Y)
    assert bits(first) == bits(second)
    assert bits(first) == bits(first.fit(X, Y))
    assert bits(first) != bits(kind(**{**SMALL, "random_state": 1}).fit(X, Y))


def test_a_compiled_step_gives_the_same_bits():
    plain = MinigradClassifier(**SMALL).fit(X, Y)
    assert bits(MinigradClassifier(**SMALL, compile=True).fit(X, Y)) == bits(plain)
    weights = RNG.random(60)
    weighted = [MinigradRegressor(**SMALL, compile=flag).fit(X, Y, weights) for flag in (False, True)]
    assert bits(weighted[0]) == bits(weighted[1])


# -- early stopping -----------------------------------------------------------------------------


@pytest.mark.parametrize("weights", [None, RNG.random(60)], ids=["plain", "weighted"])
def test_early_stopping_keeps_the_weights_of_the_best_epoch(weights):
    options = {**SMALL, "early_stopping": True, "validation_fraction": 0.25, "n_iter_no_change": 4}
    targets = RNG.standard_normal(60) + X[:, 0]
    long = MinigradRegressor(**{**options, "lr": 0.05, "epochs": 500}).fit(X, targets, weights)
    best = 1 + int(np.argmin(long.history_["val_loss"]))
    assert len(long.history_) == best + 4 < 500
    short = MinigradRegressor(**{**options, "lr": 0.05, "epochs": best}).fit(X, targets, weights)
    assert bits(long) == bits(short)


def held_out_by(random_state, labels):
    """Which samples are looked at in evaluation only."""
    seen = []

    class Spying(nn.Sequential):
        def forward(self, x):
            seen.append((self.training, x.data[:, 0].tolist()))
            return super().forward(x)

    options = {**SMALL, "module": lambda i, o: Spying(nn.Linear(i, o)), "random_state": random_state, "epochs": 1}
    MinigradClassifier(**options, early_stopping=True, validation_fraction=0.2).fit(X, labels)
    held_out, trained = (
        np.isin(X[:, 0], [value for training, values in seen if training is mode for value in values])
        for mode in (False, True)
    )
    assert np.array_equal(held_out, ~trained)
    return held_out


def test_the_samples_held_out_have_all_classes_and_follow_from_the_random_state():
    labels = np.repeat(["a", "b", "c"], [40, 10, 10])
    held_out = held_out_by(0, labels)
    assert np.unique(labels[held_out], return_counts=True)[1].tolist() == [8, 2, 2]
    assert np.array_equal(held_out, held_out_by(0, labels))
    assert not np.array_equal(held_out, held_out_by(1, labels))


# -- going on -----------------------------------------------------------------------------------


@pytest.mark.parametrize("compiled", [False, True])
def test_passes_one_by_one_are_a_fit_also_with_a_copy_in_between(compiled):
    whole = MinigradClassifier(**{**SMALL, "epochs": 4}, compile=compiled).fit(X, Y)
    parts = MinigradClassifier(**SMALL, compile=compiled).partial_fit(X, Y, classes=[1, 0])
    parts = pickled(parts.partial_fit(X, Y))
    parts = deepcopy(parts.partial_fit(X, Y)).partial_fit(X, Y, classes=[0, 1])
    assert bits(parts) == bits(whole)
    assert parts.history_["loss"] == whole.history_["loss"]
    assert parts.history_["epoch"] == [1, 2, 3, 4]
    assert parts.history_["steps"] == [4, 8, 12, 16]


def test_a_regressor_goes_on_too_and_fit_begins_anew():
    whole = MinigradRegressor(**{**SMALL, "epochs": 2}).fit(X, X)
    parts = MinigradRegressor(**SMALL).partial_fit(X, X).partial_fit(X, X)
    assert bits(parts) == bits(whole)
    with pytest.raises(ValueError, match=r"shape \(samples, 3\) .* now \(60,\)"):
        parts.partial_fit(X, Y)
    assert bits(parts.set_params(epochs=2).fit(X, X)) == bits(whole)


def test_classes_are_known_from_the_first_call_on():
    classifier = MinigradClassifier(**SMALL)
    with pytest.raises(ValueError, match="needs classes="):
        classifier.partial_fit(X, Y)
    classifier.partial_fit(X[:5], np.ones(5, int), classes=[0, 1, 2])
    assert classifier.predict_proba(X).shape == (60, 3)
    with pytest.raises(ValueError, match="not those of the first call"):
        classifier.partial_fit(X, Y, classes=[0, 1])
    before = bits(classifier)
    with pytest.raises(ValueError, match="unseen labels"):
        classifier.partial_fit(X, Y + 2)
    assert bits(classifier) == before


def test_copies_predict_the_same():
    fitted = MinigradClassifier(**SMALL, compile=True).fit(X, Y)
    for copied in (pickled(fitted), deepcopy(fitted)):
        assert copied.predict_proba(X).tobytes() == fitted.predict_proba(X).tobytes()
        assert copied.module_ is not fitted.module_
    unfitted = pickled(MinigradClassifier(**SMALL))
    assert bits(unfitted.fit(X, Y)) == bits(fitted)


# -- parts by name ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("option", "error", "message"),
    [
        ({"activation": "rellu"}, ValueError, "activation='rellu': expected one of 'elu', .* such as nn.ReLU"),
        ({"activation": None}, ValueError, "activation=None"),
        ({"optimizer": "sdg"}, ValueError, "optimizer='sdg': expected one of 'adagrad', .*functools.partial"),
        ({"module": nn.Linear(3, 2)}, TypeError, "makes a new network for each fit, got Linear"),
        ({"module": "Linear"}, TypeError, "makes a new network for each fit, got str"),
        ({"module": lambda inputs, outputs: None}, TypeError, "this one made a NoneType"),
        ({"hidden_layer_sizes": (0,)}, ValueError, "out_features"),
        ({"lr": -1.0}, ValueError, "lr"),
        ({"batch_size": 0}, ValueError, "batch_size"),
        ({"epochs": -1}, ValueError, "epochs"),
        ({"early_stopping": True, "n_iter_no_change": 0}, ValueError, "patience"),
        ({"early_stopping": True, "validation_fraction": 1.5}, ValueError, "test_size"),
        ({"random_state": "seed"}, ValueError, "seed"),
    ],
)
def test_what_is_wrong_is_said_when_it_is_fitted(option, error, message):
    estimator = MinigradClassifier(**option)
    with pytest.raises(error, match=message):
        estimator.fit(X, Y)


def test_an_estimator_whose_first_fit_was_refused_is_not_fitted():
    estimator = MinigradClassifier(lr=-1.0)
    with pytest.raises(ValueError, match="lr"):
        estimator.fit(X, Y)
    with pytest.raises(NotFittedError):
        estimator.predict(X)
    assert estimator.set_params(lr=0.1, epochs=1).fit(X, Y).predict(X).shape == (60,)


# -- while it is fitted -------------------------------------------------------------------------


def test_progress_is_shown_where_it_is_asked_for(capsys):
    MinigradClassifier(**SMALL).fit(X, Y)
    assert capsys.readouterr().err == ""
    MinigradClassifier(**SMALL, verbose=True).fit(X, Y)
    assert "loss" in capsys.readouterr().err


def test_a_loss_that_is_not_finite_ends_the_fit():
    regressor = MinigradRegressor((), optimizer="sgd", lr=1e30, epochs=100, random_state=0)
    with np.errstate(over="ignore", invalid="ignore"), pytest.raises(DivergenceError, match="smaller learning rate"):
        regressor.fit(X, Y)
    assert mg.get_default_dtype() == np.float32
