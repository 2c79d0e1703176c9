"""The base of both estimators: check the data, make the parts, and let a ``Trainer`` train them."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any, Self

import numpy as np
from sklearn.base import BaseEstimator
from sklearn.model_selection import train_test_split
from sklearn.utils import check_random_state
from sklearn.utils.validation import check_is_fitted, validate_data

from minigrad.core.conversion import as_dtype
from minigrad.data import DataLoader
from minigrad.errors import DTypeError, ShapeError
from minigrad.sklearn.parts import made_by, optimizer_for, perceptron
from minigrad.sklearn.surroundings import fitting, interruptible
from minigrad.sklearn.weights import checked_weights, paired, with_mean_one
from minigrad.train import EarlyStopping, History, Trainer
from minigrad.train.gradients import Loss

PREDICTED = 1024  # samples at once: more are no faster, and fill the memory with the values of hidden layers

#: X, y, and the weights of the samples if there are any
Samples = tuple[np.ndarray, ...]


class NetworkEstimator(BaseEstimator, ABC):
    """A network that is trained by ``fit``; the parameters are those of ``MinigradClassifier``."""

    def __init__(
        self,
        hidden_layer_sizes: Any = (100,),
        activation: Any = "relu",
        *,
        module: Any = None,
        optimizer: Any = "adam",
        lr: Any = 0.001,
        batch_size: int | None = 200,
        epochs: int = 200,
        early_stopping: bool = False,
        validation_fraction: float = 0.1,
        n_iter_no_change: int = 10,
        random_state: Any = None,
        dtype: Any = None,
        compile: bool = False,
        verbose: bool = False,
    ) -> None:
        self.hidden_layer_sizes = hidden_layer_sizes
        self.activation = activation
        self.module = module
        self.optimizer = optimizer
        self.lr = lr
        self.batch_size = batch_size
        self.epochs = epochs
        self.early_stopping = early_stopping
        self.validation_fraction = validation_fraction
        self.n_iter_no_change = n_iter_no_change
        self.random_state = random_state
        self.dtype = dtype
        self.compile = compile
        self.verbose = verbose

    # -- what the two differ in -----------------------------------------------------------------

    @abstractmethod
    def _loss(self) -> Loss:
        """The loss that is minimised."""

    @abstractmethod
    def _learn(self, y: np.ndarray, known: Any) -> None:
        """Learn the kind of the targets from ``y``, or from what is ``known`` of them."""

    @abstractmethod
    def _targets(self, y: np.ndarray, dtype: np.dtype) -> np.ndarray:
        """``y`` as the loss takes it; numbers that are predicted in ``dtype``."""

    @abstractmethod
    def _outputs(self) -> int:
        """How many outputs the network has."""

    def _strata(self, y: np.ndarray) -> np.ndarray | None:
        """The labels that both parts have in the same shares when samples are held out."""
        return None

    def _y_rules(self) -> dict[str, Any]:
        """How scikit-learn is to look at ``y``."""
        return {}

    # -- training -------------------------------------------------------------------------------

    def fit(self, X: Any, y: Any, sample_weight: Any = None) -> Self:
        """Train a new network on ``X`` (samples, features) and ``y``; returns the estimator.

        ``sample_weight`` (samples,) says how much each sample counts; only the ratios matter, and a weight of 0 is
        as if the sample were not there.
        """
        samples = self._samples_of(X, y, sample_weight, True)
        source = check_random_state(self.random_state)
        held_out: Samples | None = None
        if self.early_stopping:
            samples, held_out = self._split(samples, source)
        self._begin(samples[0], source)
        self._train(samples, held_out, self.epochs)
        return self

    def _partial_fit(self, X: Any, y: Any, sample_weight: Any, known: Any = None) -> Self:
        first = self._is_new()
        samples = self._samples_of(X, y, sample_weight, first, known)
        if first:
            self._begin(samples[0], check_random_state(self.random_state))
        self._train(samples, None, 1)
        return self

    def _is_new(self) -> bool:
        """Whether nothing has been fitted yet."""
        return not hasattr(self, "module_")

    def _samples_of(self, X: Any, y: Any, sample_weight: Any, new: bool, known: Any = None) -> Samples:
        """The samples that count, after all that scikit-learn checks."""
        X, y = validate_data(self, X, y, reset=new, dtype=self._dtypes(), **self._y_rules())
        weights = checked_weights(sample_weight, len(X))
        if new:
            self._learn(y, known)
        y = self._targets(y, X.dtype)
        if weights is None:
            return X, y
        counted = weights > 0
        return (X, y, weights) if counted.all() else (X[counted], y[counted], weights[counted])

    def _dtypes(self) -> Any:
        """The dtypes in which X may come; it becomes the first where it has another."""
        if self.dtype is None:
            return [np.float64, np.float32]
        dtype = as_dtype(self.dtype)
        if dtype.kind != "f":
            raise DTypeError(f"dtype is that of real numbers, such as 'float32', got {dtype}")
        return dtype

    def _split(self, samples: Samples, source: np.random.RandomState) -> tuple[Samples, Samples]:
        """The samples to train on, and the samples to hold out."""
        parts = train_test_split(
            *samples, test_size=self.validation_fraction, random_state=source, stratify=self._strata(samples[1])
        )
        return tuple(parts[::2]), tuple(parts[1::2])

    def _begin(self, X: np.ndarray, source: np.random.RandomState) -> None:
        """Make the parts."""
        order, draws = np.random.default_rng(source.randint(2**31 - 1)).spawn(2)
        inputs, outputs = X.shape[1], self._outputs()
        with fitting(draws, X.dtype):
            if self.module is None:
                network = perceptron(inputs, self.hidden_layer_sizes, outputs, self.activation)
            else:
                network = made_by(self.module, inputs, outputs)
        optimizer = optimizer_for(network, self.optimizer, self.lr)
        self._order, self._draws = order, draws
        self.module_, self.optimizer_, self.history_ = network, optimizer, History()
        self._trainer = self._new_trainer()

    def _new_trainer(self) -> Trainer:
        """A Trainer of the fitted parts, which goes on from where they are."""
        trainer = Trainer(self.module_, self.optimizer_, self._loss(), compile=self.compile)
        trainer.history = self.history_
        trainer.epoch = len(self.history_)
        trainer.step = self.history_["steps"][-1] if trainer.epoch else 0
        return trainer

    def _train(self, samples: Samples, held_out: Samples | None, epochs: int) -> None:
        """Train for a number of epochs, or until ``held_out`` is predicted no better."""
        size = len(samples[0]) if self.batch_size is None else self.batch_size
        train = _loader(samples, size, shuffle=True, seed=self._order)
        validation = None if held_out is None else _loader(held_out, PREDICTED)
        callbacks = [] if held_out is None else [EarlyStopping(patience=self.n_iter_no_change)]
        shown = "auto" if self.verbose else "none"
        try:
            with fitting(self._draws, samples[0].dtype), interruptible():
                self._trainer.fit(train, epochs, validation, callbacks, progress=shown)
        finally:
            self.module_.eval()

    # -- predicting -----------------------------------------------------------------------------

    def _predicted(self, X: Any) -> np.ndarray:
        """The outputs of the network (samples, outputs)."""
        check_is_fitted(self, "module_")
        X = validate_data(self, X, reset=False, dtype=self._dtypes())
        outputs = self._trainer.predict(DataLoader(X, PREDICTED))
        if outputs.shape != (len(X), self._outputs()):
            raise ShapeError(
                f"module was asked for outputs of shape (samples, n_outputs), here {(len(X), self._outputs())}, and "
                f"gives {outputs.shape}"
            )
        return outputs

    # -- copies ---------------------------------------------------------------------------------

    def __getstate__(self) -> dict[str, Any]:
        """Everything but the trainer, which may hold a compiled program and is soon made again."""
        state = dict(super().__getstate__())
        state.pop("_trainer", None)
        return state

    def __setstate__(self, state: dict[str, Any]) -> None:
        super().__setstate__(state)
        if not self._is_new():
            self._trainer = self._new_trainer()


def _loader(samples: Samples, batch_size: int, **options: Any) -> DataLoader:
    """Batches of (X, y), or of (X, (y, weights))."""
    if len(samples) == 2:
        return DataLoader(samples, batch_size, **options)
    X, y, weights = samples
    return DataLoader((X, y, with_mean_one(weights)), batch_size, transform=paired, **options)
