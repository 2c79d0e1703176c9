"""The regressor: targets and predictions of any form."""

import numpy as np
import pytest

pytest.importorskip("sklearn", reason="scikit-learn is not installed: its estimators cannot be")
from sklearn.compose import TransformedTargetRegressor
from sklearn.datasets import load_diabetes
from sklearn.model_selection import cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from minigrad.sklearn import MinigradRegressor
from tests.sklearn.test_estimator import RNG, SMALL, X


def test_targets_are_scaled_by_scikit_learn():
    data, target = load_diabetes(return_X_y=True)
    regressor = MinigradRegressor((16,), lr=0.01, epochs=60, random_state=0)
    scaled = TransformedTargetRegressor(make_pipeline(StandardScaler(), regressor), transformer=StandardScaler())
    assert cross_val_score(scaled, data, target, cv=2).mean() > 0.35


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
