"""``MinigradRegressor``."""

from __future__ import annotations

import math
from typing import Any, Self

import numpy as np
from sklearn.base import RegressorMixin

from minigrad.errors import ShapeError
from minigrad.sklearn.estimator import NetworkEstimator
from minigrad.sklearn.weights import squared_error
from minigrad.train.gradients import Loss


class MinigradRegressor(RegressorMixin, NetworkEstimator):
    """A network that predicts numbers, as a scikit-learn estimator. It minimises the mean squared error.

    ``y`` is (samples,) or (samples, outputs), and predictions have the same form. Parameters and attributes are those
    of ``MinigradClassifier``, without ``classes_``; a ``module`` gives (samples, n_outputs), also for one output.
    Targets far from the numbers -1 to 1 are learned slowly: ``sklearn.compose.TransformedTargetRegressor`` with a
    ``StandardScaler`` scales them.

    >>> from minigrad.sklearn import MinigradRegressor
    >>> X = np.linspace(-1, 1, 100)[:, None]
    >>> regressor = MinigradRegressor((16,), "tanh", lr=0.01, epochs=300, random_state=0).fit(X, X[:, 0] ** 2)
    >>> regressor.score(X, X[:, 0] ** 2) > 0.9
    True
    """

    def partial_fit(self, X: Any, y: Any, sample_weight: Any = None) -> Self:
        """Train the network for one more pass over ``X`` and ``y``; the first call creates it.

        No samples are held out.
        """
        return self._partial_fit(X, y, sample_weight)

    def predict(self, X: Any) -> np.ndarray:
        """The prediction for each sample: (samples,) or (samples, outputs), as ``y`` was."""
        predicted = self._predicted(X)
        return predicted.reshape(len(predicted), *self._form)

    def _y_rules(self) -> dict[str, Any]:
        return {"multi_output": True, "y_numeric": True}

    def _loss(self) -> Loss:
        return squared_error

    def _learn(self, y: np.ndarray, known: Any) -> None:
        self._form = y.shape[1:]

    def _targets(self, y: np.ndarray, dtype: np.dtype) -> np.ndarray:
        if y.shape[1:] != self._form:
            expected = ", ".join(map(str, ("samples", *self._form)))
            raise ShapeError(f"y was of shape ({expected}) in the first call of partial_fit, and is now {y.shape}")
        return y.reshape(len(y), self._outputs()).astype(dtype)

    def _outputs(self) -> int:
        return math.prod(self._form)

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.target_tags.multi_output = True
        return tags
