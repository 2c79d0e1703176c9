"""``MinigradClassifier``."""

from __future__ import annotations

from typing import Any, Self

import numpy as np
from sklearn.base import ClassifierMixin
from sklearn.preprocessing import LabelEncoder
from sklearn.utils.multiclass import check_classification_targets, unique_labels

from minigrad.ops import softmax
from minigrad.sklearn.estimator import NetworkEstimator
from minigrad.sklearn.weights import cross_entropy
from minigrad.train.gradients import Loss


class MinigradClassifier(ClassifierMixin, NetworkEstimator):
    """A network that predicts classes, as a scikit-learn estimator. It minimises the cross entropy.

    - ``hidden_layer_sizes``, ``activation``: the widths of the hidden layers of a multilayer perceptron, where ``()``
      makes a linear model; and the name of an activation ("relu", "tanh", "gelu", ...), or a function that makes one.
    - ``module``: a function of (n_features, n_outputs) that makes another network in place of the perceptron. The
      network maps (samples, n_features) to logits (samples, n_outputs), with one output for each class.
    - ``optimizer``, ``lr``: the name of an optimizer ("adam", "sgd", "lbfgs", ...) or a function of (parameters,
      lr=...); and the rate, a number or a schedule.
    - ``batch_size``, ``epochs``: the number of samples in a step, None for all; the number of passes over the data.
    - ``early_stopping``: whether to hold out ``validation_fraction`` of the samples, and to end when their loss has not
      improved for ``n_iter_no_change`` epochs. The weights are then those of the best epoch.
    - ``random_state``: an int, a ``numpy.random.RandomState``, or None for NumPy's global one, as everywhere in
      scikit-learn. It determines the initial weights, the order of samples, dropout and the held-out samples, to the
      last bit.
    - ``dtype``: the dtype of the computation; None for the dtype of X if that is float32 or float64, and else float64.
    - ``compile``, ``verbose``: whether to train with ``mg.compile``; whether to show progress on stderr.

    After ``fit`` there are ``classes_``, ``module_`` (the network), ``optimizer_``, ``history_`` (a ``History``),
    ``n_features_in_``, and ``feature_names_in_`` where X had names.

    >>> from minigrad.sklearn import MinigradClassifier
    >>> X = np.random.default_rng(0).standard_normal((100, 2))
    >>> y = np.where(X[:, 0] > X[:, 1], "below", "above")
    >>> classifier = MinigradClassifier((16,), lr=0.01, epochs=50, random_state=0).fit(X, y)
    >>> classifier.predict([[1.0, -1.0], [-1.0, 1.0]])
    array(['below', 'above'], dtype='<U5')
    >>> classifier.score(X, y) > 0.9
    True

    Invalid data and parameters raise errors in ``fit``, as scikit-learn requires. Most are minigrad's own errors, which
    are subclasses of ``ValueError``.
    """

    def partial_fit(self, X: Any, y: Any, classes: Any = None, sample_weight: Any = None) -> Self:
        """Train the network for one more pass over ``X`` and ``y``; the first call creates it.

        The first call needs ``classes``, the list of all labels that will occur. No samples are held out.
        """
        if self._is_new() and classes is None:
            raise ValueError("the first call of partial_fit needs classes=, all labels that will come up")
        if not self._is_new() and classes is not None and not np.array_equal(self.classes_, unique_labels(classes)):
            raise ValueError(f"classes={classes!r} are not those of the first call, {self.classes_!r}")
        return self._partial_fit(X, y, sample_weight, classes)

    def _loss(self) -> Loss:
        return cross_entropy

    def _learn(self, y: np.ndarray, known: Any) -> None:
        check_classification_targets(y)
        self._encoder = LabelEncoder().fit(y if known is None else known)
        self.classes_ = self._encoder.classes_

    def _targets(self, y: np.ndarray, dtype: np.dtype) -> np.ndarray:
        numbers: np.ndarray = self._encoder.transform(y)
        return numbers

    def _outputs(self) -> int:
        return len(self.classes_)

    def _strata(self, y: np.ndarray) -> np.ndarray:
        return y

    def predict(self, X: Any) -> np.ndarray:
        """The most probable class of each sample (samples,), with the dtype of ``y``."""
        scores = self._predicted(X)
        likeliest: np.ndarray = self.classes_[scores.argmax(1)]
        return likeliest

    def predict_proba(self, X: Any) -> np.ndarray:
        """The probability of each class (samples, classes), in the order of ``classes_``."""
        return softmax(self._predicted(X), axis=-1)
