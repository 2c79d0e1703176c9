"""The notebook's network and optimizers, wired by hand in NumPy: what minigrad is held against.

Written from the formulas of ``notebook.txt`` without anything of minigrad, in the dtype of the
weights. Two slips of the notebook are mended: the momentum of biases is stored, and AdaGrad's decay
divides by ``1 + decay * iterations``. Only ``matmul``, ``zeros_like`` and explicit dtypes are used,
which ``nnfs.init()`` leaves alone. Weights are stored as (inputs, neurons), as in the notebook.
"""

from __future__ import annotations

import numpy as np


class Dense:
    """output = inputs @ weights + biases."""

    def __init__(self, weights: np.ndarray, biases: np.ndarray) -> None:
        self.weights, self.biases = weights, biases
        self.momenta = [np.zeros_like(weights), np.zeros_like(biases)]
        self.caches = [np.zeros_like(weights), np.zeros_like(biases)]

    def forward(self, inputs: np.ndarray) -> np.ndarray:
        self.inputs = inputs
        return inputs @ self.weights + self.biases

    def backward(self, dvalues: np.ndarray) -> np.ndarray:
        self.dweights = self.inputs.T @ dvalues
        self.dbiases = np.sum(dvalues, axis=0, keepdims=True)
        return dvalues @ self.weights.T

    def slots(self):
        """(parameter, gradient, momentum, cache) of the weights and of the biases."""
        return zip((self.weights, self.biases), (self.dweights, self.dbiases), self.momenta, self.caches, strict=True)


class ReLU:
    """max(0, inputs)."""

    def forward(self, inputs: np.ndarray) -> np.ndarray:
        self.inputs = inputs
        return np.maximum(0, inputs)

    def backward(self, dvalues: np.ndarray) -> np.ndarray:
        dinputs = dvalues.copy()
        dinputs[self.inputs <= 0] = 0
        return dinputs


class Softmax:
    """Normalised exponentials of each row; backward multiplies by each sample's whole Jacobian matrix."""

    def forward(self, inputs: np.ndarray) -> np.ndarray:
        exp_values = np.exp(inputs - np.max(inputs, axis=1, keepdims=True))
        self.output = exp_values / np.sum(exp_values, axis=1, keepdims=True)
        return self.output

    def backward(self, dvalues: np.ndarray) -> np.ndarray:
        dinputs = np.empty_like(dvalues)
        for index, (single_output, single_dvalues) in enumerate(zip(self.output, dvalues, strict=True)):
            column = single_output.reshape(-1, 1)
            jacobian = np.diagflat(column) - column @ column.T
            dinputs[index] = jacobian @ single_dvalues
        return dinputs


class CategoricalCrossentropy:
    """-log of the probability of each sample's class, clipped to [clip, 1 - clip]; the mean."""

    def __init__(self, clip: float = 1e-7) -> None:
        self.clip = clip

    def forward(self, y_pred: np.ndarray, y_true: np.ndarray) -> float:
        clipped = np.clip(y_pred, self.clip, 1 - self.clip)
        confidences = clipped[range(len(y_pred)), y_true] if y_true.ndim == 1 else np.sum(clipped * y_true, axis=1)
        return np.mean(-np.log(confidences))

    def backward(self, dvalues: np.ndarray, y_true: np.ndarray) -> np.ndarray:
        if y_true.ndim == 1:
            y_true = (y_true[:, None] == np.arange(dvalues.shape[1])).astype(dvalues.dtype)
        return -y_true / dvalues / len(dvalues)


class SoftmaxCrossentropy:
    """Both at once, with the short gradient (softmax - one hot) / samples, which knows no clip."""

    def __init__(self, clip: float) -> None:
        self.softmax, self.loss = Softmax(), CategoricalCrossentropy(clip)

    def forward(self, inputs: np.ndarray, y_true: np.ndarray) -> float:
        return self.loss.forward(self.softmax.forward(inputs), y_true)

    def backward(self, y_true: np.ndarray) -> np.ndarray:
        dinputs = self.softmax.output.copy()
        dinputs[range(len(dinputs)), y_true] -= 1
        return dinputs / len(dinputs)


class Optimizer:
    """The decaying rate and the count of iterations."""

    def __init__(self, learning_rate: float, decay: float = 0.0) -> None:
        self.learning_rate = self.current_learning_rate = learning_rate
        self.decay = decay
        self.iterations = 0

    def step(self, layers: list[Dense]) -> None:
        if self.decay:
            self.current_learning_rate = self.learning_rate * (1.0 / (1.0 + self.decay * self.iterations))
        for layer in layers:
            for slot in layer.slots():
                self.update(*slot)
        self.iterations += 1


class SGD(Optimizer):
    """Plain, or with momentum."""

    def __init__(self, learning_rate: float = 1.0, decay: float = 0.0, momentum: float = 0.0) -> None:
        super().__init__(learning_rate, decay)
        self.momentum = momentum

    def update(self, w, dw, momentum, _cache) -> None:
        if self.momentum:
            momentum[...] = self.momentum * momentum - self.current_learning_rate * dw
            w += momentum
        else:
            w += -self.current_learning_rate * dw


class AdaGrad(Optimizer):
    """The cache sums squared gradients."""

    def update(self, w, dw, _momentum, cache) -> None:
        cache += dw**2
        w += -self.current_learning_rate * dw / (np.sqrt(cache) + 1e-7)


class RMSProp(Optimizer):
    """The cache is a moving average of squared gradients, rho 0.9."""

    def update(self, w, dw, _momentum, cache) -> None:
        cache[...] = 0.9 * cache + (1 - 0.9) * dw**2
        w += -self.current_learning_rate * dw / (np.sqrt(cache) + 1e-7)


class Adam(Optimizer):
    """Momentum and cache, both corrected; betas 0.9 and 0.999."""

    def update(self, w, dw, momentum, cache) -> None:
        momentum[...] = 0.9 * momentum + (1 - 0.9) * dw
        momentum_corrected = momentum / (1 - 0.9 ** (self.iterations + 1))
        cache[...] = 0.999 * cache + (1 - 0.999) * dw**2
        cache_corrected = cache / (1 - 0.999 ** (self.iterations + 1))
        w += -self.current_learning_rate * momentum_corrected / (np.sqrt(cache_corrected) + 1e-7)


class Network:
    """Dense, ReLU, Dense, softmax with cross entropy: the notebook's 2-64-3 classifier.

    The notebook's loss has a ``clip`` of 1e-7; its gradient and so the training are those of 0.
    """

    def __init__(self, weights1: np.ndarray, weights2: np.ndarray, clip: float = 1e-7) -> None:
        self.dense1 = Dense(weights1.copy(), np.zeros_like(weights1[:1]))
        self.dense2 = Dense(weights2.copy(), np.zeros_like(weights2[:1]))
        self.relu, self.loss = ReLU(), SoftmaxCrossentropy(clip)

    def forward(self, inputs: np.ndarray, labels: np.ndarray) -> float:
        hidden = self.relu.forward(self.dense1.forward(inputs))
        return self.loss.forward(self.dense2.forward(hidden), labels)

    def backward(self, labels: np.ndarray) -> None:
        self.dense1.backward(self.relu.backward(self.dense2.backward(self.loss.backward(labels))))

    def step(self, optimizer: Optimizer) -> None:
        optimizer.step([self.dense1, self.dense2])

    def parameters(self) -> list[np.ndarray]:
        """In minigrad's order and layout: weight (out, in), bias (out,), for each layer."""
        return [a for d in (self.dense1, self.dense2) for a in (d.weights.T, d.biases[0])]

    def gradients(self) -> list[np.ndarray]:
        """The gradients, in the same order and layout."""
        return [a for d in (self.dense1, self.dense2) for a in (d.dweights.T, d.dbiases[0])]


def spiral(samples: int = 100, classes: int = 3, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """``nnfs.datasets.spiral_data`` in float64, and the global random state as it was before."""
    from nnfs.datasets import spiral_data

    state = np.random.get_state()
    np.random.seed(seed)
    inputs, labels = spiral_data(samples, classes)
    np.random.set_state(state)
    return inputs.astype(np.float64), labels
