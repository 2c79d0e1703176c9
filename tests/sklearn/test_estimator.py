"""Estimators in scikit-learn's tools, with the data and labels that people have."""

import importlib
import subprocess
import sys

import numpy as np
import pytest

pytest.importorskip("sklearn", reason="scikit-learn is not installed: its estimators cannot be")

import sklearn.utils.validation
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import sparse
from sklearn.base import clone
from sklearn.calibration import CalibratedClassifierCV
from sklearn.compose import TransformedTargetRegressor
from sklearn.datasets import load_diabetes, load_iris
from sklearn.exceptions import NotFittedError
from sklearn.model_selection import GridSearchCV, RandomizedSearchCV, cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

import minigrad as mg
from minigrad import nn
from minigrad.sklearn import MinigradClassifier, MinigradRegressor

RNG = np.random.default_rng(0)
X = RNG.standard_normal((60, 3))
Y = (X[:, 0] * X[:, 1] > 0).astype(int)
SMALL = {"hidden_layer_sizes": (8,), "lr": 0.01, "epochs": 3, "random_state": 0}


# -- scikit-learn's tools -----------------------------------------------------------------------


def test_a_pipeline_is_cross_validated():
    data, target = load_iris(return_X_y=True)
    pipeline = make_pipeline(StandardScaler(), MinigradClassifier((16,), lr=0.02, epochs=100, random_state=0))
    assert cross_val_score(pipeline, data, target, cv=3).mean() > 0.93


def test_grid_search_finds_what_learns():
    pipeline = make_pipeline(StandardScaler(), MinigradClassifier(epochs=40, random_state=0))
    grid = {
        "minigradclassifier__hidden_layer_sizes": [(16,), (8, 8)],
        "minigradclassifier__lr": [1e-6, 0.02],
        "minigradclassifier__optimizer": ["adam", "rmsprop"],
    }
    search = GridSearchCV(pipeline, grid, cv=2).fit(*load_iris(return_X_y=True))
    assert search.best_params_["minigradclassifier__lr"] == 0.02
    assert search.best_score_ > 0.9


def test_random_search_draws_numbers_of_numpy():
    drawn = {
        "hidden_layer_sizes": np.array([4, 8]),
        "lr": np.logspace(-3, -1, 5),
        "batch_size": np.array([16, 20]),
        "epochs": np.array([2, 3]),
        "validation_fraction": np.array([0.2, 0.3]),
        "n_iter_no_change": np.array([1, 2]),
        "random_state": np.array([0, 1]),
    }
    estimator = MinigradRegressor(early_stopping=True)
    search = RandomizedSearchCV(estimator, drawn, n_iter=4, cv=2, random_state=0, error_score="raise")
    best = search.fit(X.astype("float32"), X[:, 0]).best_estimator_
    assert {parameter.dtype for parameter in best.module_.parameters()} == {np.dtype("float32")}


def test_probabilities_can_be_calibrated():
    data, target = load_iris(return_X_y=True)
    calibrated = CalibratedClassifierCV(MinigradClassifier((8,), lr=0.02, epochs=50, random_state=0), cv=2)
    calibrated.fit(StandardScaler().fit_transform(data), target)
    np.testing.assert_allclose(calibrated.predict_proba(data).sum(1), 1)


def test_targets_are_scaled_by_scikit_learn():
    data, target = load_diabetes(return_X_y=True)
    regressor = MinigradRegressor((16,), lr=0.01, epochs=60, random_state=0)
    scaled = TransformedTargetRegressor(make_pipeline(StandardScaler(), regressor), transformer=StandardScaler())
    assert cross_val_score(scaled, data, target, cv=2).mean() > 0.35


def test_parameters_are_cloned_and_set():
    estimator = MinigradClassifier((4, 2), "tanh", module=None, lr=0.5, random_state=3)
    copied = clone(estimator).set_params(epochs=7)
    assert copied.get_params() == {**estimator.get_params(), "epochs": 7}
    assert "hidden_layer_sizes=(4, 2)" in repr(estimator)


def test_a_module_may_be_any_network():
    def module(features, classes):
        return nn.Sequential(nn.Linear(features, 16), nn.BatchNorm1d(16), nn.ReLU(), nn.Linear(16, classes))

    classifier = MinigradClassifier(module=module, lr=0.02, epochs=60, random_state=0).fit(X, Y)
    assert classifier.score(X, Y) > 0.9
    assert not any(part.training for part in classifier.module_.modules())


# -- data ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("given_dtype", "option", "expected"),
    [
        ("float32", None, "float32"),
        ("float64", None, "float64"),
        ("int64", None, "float64"),
        ("float64", "float32", "float32"),
        ("float32", np.float64, "float64"),
    ],
)
def test_it_computes_in_the_dtype_of_the_data_or_the_one_asked_for(given_dtype, option, expected):
    data = (X * 3).astype(given_dtype)
    classifier = MinigradClassifier(dtype=option, **SMALL).fit(data, Y)
    regressor = MinigradRegressor(dtype=option, **SMALL).fit(data, X[:, :2])
    assert {p.dtype for p in (*classifier.module_.parameters(), *regressor.module_.parameters())} == {
        np.dtype(expected)
    }
    assert classifier.predict_proba(data).dtype == expected
    assert regressor.predict(data).dtype == expected
    assert mg.get_default_dtype() == np.float32


@pytest.mark.parametrize("dtype", ["int32", "no dtype"])
def test_a_dtype_without_gradients_is_refused(dtype):
    with pytest.raises(TypeError, match="dtype"):
        MinigradClassifier(dtype=dtype).fit(X, Y)


@pytest.mark.parametrize("estimator", [MinigradClassifier(**SMALL), MinigradRegressor(**SMALL)])
def test_sparse_data_is_refused_by_name(estimator):
    with pytest.raises(TypeError, match=r"[Ss]parse data was passed"):
        estimator.fit(sparse.csr_array(X), Y)


LABELS = {
    "ints": np.array([-5, 1000]),
    "bools": np.array([False, True]),
    "texts": np.array(["no", "yes"]),
    "objects": np.array(["no", "yes"], dtype=object),
    "floats": np.array([-1.0, 1.0]),
    "bytes": np.array([3, 250], dtype=np.uint8),
}


@pytest.mark.parametrize("labels", LABELS.values(), ids=LABELS)
def test_labels_come_back_as_they_were(labels):
    fitted = MinigradClassifier(**SMALL).fit(X, labels[Y])
    usual = MinigradClassifier(**SMALL).fit(X, Y)
    assert fitted.classes_.dtype == labels.dtype
    np.testing.assert_array_equal(fitted.predict(X), labels[usual.predict(X)])
    np.testing.assert_array_equal(fitted.predict_proba(X), usual.predict_proba(X))


@settings(max_examples=10)
@given(
    st.lists(
        st.integers(-(2**63), 2**63 - 1) | st.text(st.characters(exclude_characters="\0"), max_size=3),
        min_size=1,
        max_size=6,
        unique_by=str,
    )
)
def test_labels_of_any_kind_are_learned(values):
    """NumPy cuts zeros off the ends of texts, so there are none."""
    values = values if all(isinstance(v, int) for v in values) else [str(v) for v in values]
    labels = np.array(values)[np.arange(12) % len(values)]
    fitted = MinigradClassifier((16,), lr=0.05, epochs=40, random_state=0).fit(np.eye(12), labels)
    assert fitted.predict(np.eye(12)).tolist() == labels.tolist()
    assert sorted(values) == fitted.classes_.tolist()


@pytest.mark.parametrize("shape", [(60,), (60, 1), (60, 2), (60, 5)])
def test_predictions_have_the_form_of_the_targets(shape):
    targets = RNG.standard_normal(shape)
    fitted = MinigradRegressor(**SMALL).fit(X, targets)
    assert fitted.predict(X[:7]).shape == (7, *shape[1:])
    assert isinstance(fitted.score(X, targets), float)


def test_outputs_are_learned_each_by_itself():
    targets = np.stack([X[:, 0], -X[:, 1]], axis=1)
    fitted = MinigradRegressor((), lr=0.05, epochs=200, random_state=0).fit(X, targets)
    np.testing.assert_allclose(fitted.module_[0].weight.data, [[1, 0, 0], [0, -1, 0]], atol=1e-3)


def test_many_samples_are_predicted_in_parts_as_in_one():
    fitted = MinigradRegressor(**SMALL).fit(X, X[:, 0])
    many = np.tile(X, (40, 1))
    np.testing.assert_allclose(fitted.predict(many), np.tile(fitted.predict(X), 40), rtol=1e-12)


def test_names_of_features_are_known_and_held_to():
    pandas = pytest.importorskip("pandas", reason="pandas is not installed")
    frame = pandas.DataFrame(X, columns=["a", "b", "c"])
    fitted = MinigradClassifier(**SMALL).fit(frame, pandas.Series(Y))
    assert fitted.feature_names_in_.tolist() == ["a", "b", "c"]
    assert fitted.n_features_in_ == 3
    with pytest.raises(ValueError, match="feature names"):
        fitted.predict(frame[["c", "b", "a"]])


def test_what_is_not_fitted_says_so():
    with pytest.raises(NotFittedError, match="MinigradClassifier"):
        MinigradClassifier().predict(X)


# -- weights of samples -------------------------------------------------------------------------

ESTIMATORS = [MinigradClassifier, MinigradRegressor]


def outputs(estimator):
    return getattr(estimator, "predict_proba", estimator.predict)(X)


@pytest.mark.parametrize("kind", ESTIMATORS)
def test_a_weight_of_zero_is_as_if_the_sample_were_not_there(kind):
    weights = np.where(np.arange(60) % 3, 0.7, 0.0)
    kept = weights > 0
    small = {**SMALL, "batch_size": 16}
    weighted = kind(**small).fit(X, Y, sample_weight=weights)
    np.testing.assert_array_equal(
        outputs(weighted), outputs(kind(**small).fit(X[kept], Y[kept], sample_weight=np.ones(40)))
    )
    np.testing.assert_allclose(outputs(weighted), outputs(kind(**small).fit(X[kept], Y[kept])), rtol=1e-9)


@pytest.mark.parametrize("kind", ESTIMATORS)
def test_only_the_ratios_of_weights_count_and_they_do(kind):
    weights = 1 + 9 * RNG.random(60)
    fitted = [outputs(kind(**SMALL).fit(X, Y, sample_weight=w)) for w in (weights, 4 * weights, np.full(60, 2.5), None)]
    np.testing.assert_array_equal(fitted[0], fitted[1])
    np.testing.assert_allclose(fitted[2], fitted[3], rtol=1e-12)
    assert not np.allclose(fitted[0], fitted[3], rtol=1e-6)


def test_weights_equal_repetition_in_whole_batches_of_several_outputs():
    targets = RNG.standard_normal((60, 2))
    times = np.arange(60) % 3
    options = {**SMALL, "batch_size": None, "epochs": 20}
    weighted = MinigradRegressor(**options).fit(X, targets, sample_weight=times)
    repeated = MinigradRegressor(**options).fit(X.repeat(times, 0), targets.repeat(times, 0))
    np.testing.assert_allclose(weighted.predict(X), repeated.predict(X), rtol=1e-9)


@pytest.mark.parametrize(
    ("weights", "message"),
    [
        (np.ones(59), "60 samples"),
        (np.ones((60, 1)), "60 samples"),
        (-np.ones(60), "from 0 on"),
        (np.zeros(60), "zero"),
        (np.full(60, np.nan), "NaN"),
    ],
)
def test_weights_that_do_not_fit_are_refused(weights, message):
    with pytest.raises(ValueError, match=message):
        MinigradRegressor(**SMALL).fit(X, Y, sample_weight=weights)


# -- the extra ----------------------------------------------------------------------------------


def test_it_is_imported_when_it_is_asked_for():
    code = (
        "import sys, minigrad as mg; from minigrad import *; print({'sklearn', 'minigrad.sklearn'} & {*sys.modules}); "
        "print(mg.sklearn.MinigradClassifier(epochs=2))"
    )
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert run.stdout == "set()\nMinigradClassifier(epochs=2)\n"


@pytest.mark.parametrize("installed", ["nothing", "an old version"])
def test_without_scikit_learn_it_says_what_to_install(installed, monkeypatch):
    if installed == "nothing":
        monkeypatch.setitem(sys.modules, "sklearn.utils.validation", None)
    else:
        monkeypatch.delattr(sklearn.utils.validation, "validate_data")
    with pytest.raises(ImportError, match=r"scikit-learn, 1\.6 or newer: pip install scikit-learn"):
        importlib.reload(mg.sklearn)
