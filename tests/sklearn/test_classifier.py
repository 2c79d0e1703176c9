"""The classifier: labels of any kind, probabilities."""

import numpy as np
import pytest

pytest.importorskip("sklearn", reason="scikit-learn is not installed: its estimators cannot be")
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.calibration import CalibratedClassifierCV
from sklearn.datasets import load_iris
from sklearn.preprocessing import StandardScaler

from minigrad.sklearn import MinigradClassifier
from tests.sklearn.test_estimator import SMALL, X, Y


def test_probabilities_can_be_calibrated():
    data, target = load_iris(return_X_y=True)
    calibrated = CalibratedClassifierCV(MinigradClassifier((8,), lr=0.02, epochs=50, random_state=0), cv=2)
    calibrated.fit(StandardScaler().fit_transform(data), target)
    np.testing.assert_allclose(calibrated.predict_proba(data).sum(1), 1)


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
