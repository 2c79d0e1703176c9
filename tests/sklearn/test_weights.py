"""Weights of samples: only their ratios count."""

import numpy as np
import pytest

pytest.importorskip("sklearn", reason="scikit-learn is not installed: its estimators cannot be")
from minigrad.sklearn import MinigradClassifier, MinigradRegressor
from tests.sklearn.test_estimator import RNG, SMALL, X, Y

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
