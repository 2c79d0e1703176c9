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

    - ``hidden_layer_sizes``, ``activation``: a multilayer perceptron; the name of an activation ("relu", "tanh",
      "gelu", ...), or a function that makes one. No sizes at all make a linear model.
    - ``module``: a function of (n_features, n_outputs) that makes any other network, from (samples, n_features) to
      logits (samples, n_outputs), one output for each class. It takes the place of the two above.
    - ``optimizer``, ``lr``: a name ("adam", "sgd", "lbfgs", ...) or a function of (parameters, lr=...); a number, or a
      schedule.
    - ``batch_size``: samples in a step, None for all of them; ``epochs``: passes over the data.
    - ``early_stopping``: hold out ``validation_fraction`` of the samples, and end when their loss has not improved for
      ``n_iter_no_change`` epochs, with the weights of the best one.
    - ``random_state``: an int, a ``numpy.random.RandomState``, or None for NumPy's global one, as everywhere in
      scikit-learn. From it follow the initial weights, the order of samples, dropout and what is held out, to the last
      bit.
    - ``dtype``: in which it computes; None for that of X, where float32 and float64 stay and others become float64.
    - ``compile``: train with ``mg.compile``; ``verbose``: show progress on stderr.

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

    Wrong data and parameters raise when ``fit`` is called, as scikit-learn asks: mostly ``ValueError``, of which
    minigrad's own errors are kinds.
    """

    def partial_fit(self, X: Any, y: Any, classes: Any = None, sample_weight: Any = None) -> Self:
        """Train for one pass over ``X`` and ``y``, from where the network is; the first call makes it.

        The first call needs ``classes``, all labels that will come up. Nothing is held out.
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
        """The likeliest class of each sample (samples,), of the kind that ``y`` had."""
        scores = self._predicted(X)
        likeliest: np.ndarray = self.classes_[scores.argmax(1)]
        return likeliest

    def predict_proba(self, X: Any) -> np.ndarray:
        """The probability of each class (samples, classes), in the order of ``classes_``."""
        return softmax(self._predicted(X), axis=-1)
