"""scikit-learn's own checks, all of them, with the estimators as they come."""

import pytest

pytest.importorskip("sklearn", reason="scikit-learn is not installed: its estimators cannot be")

from sklearn.utils.estimator_checks import parametrize_with_checks

from minigrad.sklearn import MinigradClassifier, MinigradRegressor


@parametrize_with_checks([MinigradClassifier(), MinigradRegressor()])
def test_scikit_learns_checks(estimator, check):
    check(estimator)
