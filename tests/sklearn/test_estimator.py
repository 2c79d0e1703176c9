"""Estimators in scikit-learn's tools, with the data and labels that people have."""

import importlib
import subprocess
import sys

import numpy as np
import pytest

pytest.importorskip("sklearn", reason="scikit-learn is not installed: its estimators cannot be")

import sklearn.utils.validation
from scipy import sparse
from sklearn.base import clone
from sklearn.datasets import load_iris
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
