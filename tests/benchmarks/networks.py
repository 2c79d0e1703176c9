"""One training step of a relu network, as each framework's own documentation writes it.

Every builder takes a ``Problem`` and a learning rate, imports its framework, and returns a step:
forward, cross entropy, backward, Adam. All start from the same weights and return the loss.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np

from .peers import compiled
from .timing import Step

EPS = 1e-7  # the notebook's, given to all: the defaults differ


@dataclass(frozen=True)
class Problem:
    """Inputs (batch, in), labels (batch,) and a (weights (in, out), bias (out,)) pair per layer; float32."""

    x: np.ndarray
    y: np.ndarray
    layers: list[tuple[np.ndarray, np.ndarray]]


def problem(sizes: tuple[int, ...], x: np.ndarray, y: np.ndarray) -> Problem:
    """A network of these layer sizes with He's initial weights."""
    rng = np.random.default_rng(0)
    layers = [
        ((rng.standard_normal((n, m)) * (2 / n) ** 0.5).astype(np.float32), np.zeros(m, np.float32))
        for n, m in pairwise(sizes)
    ]
    return Problem(x.astype(np.float32), y.astype(np.int64), layers)


def _stack(nn: Any, task: Problem) -> Any:
    """Linear layers with relu in between; minigrad and PyTorch spell them alike."""
    modules = [module for w, _ in task.layers for module in (nn.Linear(*w.shape), nn.ReLU())]
    return nn.Sequential(*modules[:-1])


def training_step(predict: Any, loss_of: Any, optimizer: Any, y: Any) -> Step:
    """Forward, loss, backward, update; minigrad and PyTorch spell them alike."""

    def step() -> Any:
        loss = loss_of(predict(), y)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        return loss

    return step


def minigrad_step(task: Problem, lr: float) -> Step:
    """Minigrad, each operation run as it is met."""
    import minigrad as mg
    from minigrad import nn, optim

    model = _stack(nn, task)
    for p, array in zip(model.parameters(), _torch_order(task), strict=True):
        p.data = array
    optimizer = optim.Adam(model.parameters(), lr=lr, eps=EPS)
    x = mg.tensor(task.x)
    return training_step(lambda: model(x), nn.CrossEntropyLoss(), optimizer, task.y)


def compiled_step(task: Problem, lr: float, backend: str) -> Step:
    """The same step, under ``mg.compile``."""
    return compiled(minigrad_step(task, lr), backend)


def torch_step(task: Problem, lr: float, fused: bool | None = None, compiled: bool = False) -> Step:
    """PyTorch; ``fused`` is its single-kernel Adam, ``compiled`` its compiler for the model."""
    import torch
    from torch import nn

    model = _stack(nn, task)
    for p, array in zip(model.parameters(), _torch_order(task), strict=True):
        p.data = torch.from_numpy(array)
    optimizer = torch.optim.Adam(model.parameters(), lr=lr, eps=EPS, fused=fused)
    x, run = torch.from_numpy(task.x), torch.compile(model) if compiled else model
    return training_step(lambda: run(x), nn.CrossEntropyLoss(), optimizer, torch.from_numpy(task.y))


def _torch_order(task: Problem) -> list[np.ndarray]:
    """The parameters as a Linear layer stores them: the weight is (out, in)."""
    return [array.T.copy() for layer in task.layers for array in layer]


def jax_step(task: Problem, lr: float) -> Step:
    """JAX: the whole step compiled by ``jax.jit``, with optax's Adam."""
    import jax
    import jax.numpy as jnp
    import optax

    optimizer = optax.adam(lr, eps=EPS)

    def loss_of(params: Any, x: Any, y: Any) -> Any:
        for w, b in params[:-1]:
            x = jax.nn.relu(x @ w + b)
        w, b = params[-1]
        return optax.softmax_cross_entropy_with_integer_labels(x @ w + b, y).mean()

    @jax.jit
    def update(params: Any, state: Any, x: Any, y: Any) -> Any:
        loss, grads = jax.value_and_grad(loss_of)(params, x, y)
        updates, state = optimizer.update(grads, state, params)
        return optax.apply_updates(params, updates), state, loss

    params = [(jnp.array(w), jnp.array(b)) for w, b in task.layers]
    state, x, y = optimizer.init(params), jnp.array(task.x), jnp.array(task.y)

    def step() -> Any:
        nonlocal params, state
        params, state, loss = update(params, state, x, y)
        return loss.block_until_ready()  # one program: all its results are ready together

    return step


def mygrad_step(task: Problem, lr: float) -> Step:
    """MyGrad, which has no optimizer: Adam is a NumPy loop over its arrays."""
    import mygrad
    from mygrad.nnet.activations import relu
    from mygrad.nnet.losses import softmax_crossentropy

    layers = [(mygrad.tensor(w), mygrad.tensor(b)) for w, b in task.layers]
    params = [p for layer in layers for p in layer]
    adam = _Adam([p.data for p in params], lr)

    def step() -> Any:
        x = task.x
        for w, b in layers[:-1]:
            x = relu(mygrad.matmul(x, w) + b)
        w, b = layers[-1]
        loss = softmax_crossentropy(mygrad.matmul(x, w) + b, task.y)
        loss.backward()
        adam.update([p.grad for p in params])
        return loss

    return step


def autograd_step(task: Problem, lr: float) -> Step:
    """HIPS autograd, whose optimizers are whole loops: Adam is the same NumPy loop as for MyGrad."""
    import autograd.numpy as anp
    from autograd import value_and_grad
    from autograd.scipy.special import logsumexp

    params = [array.copy() for layer in task.layers for array in layer]
    samples = np.arange(len(task.y))
    adam = _Adam(params, lr)

    def loss_of(params: Any, x: Any, y: Any) -> Any:
        for i in range(0, len(params) - 2, 2):
            x = anp.maximum(anp.dot(x, params[i]) + params[i + 1], 0)
        logits = anp.dot(x, params[-2]) + params[-1]
        return anp.mean(logsumexp(logits, axis=1) - logits[samples, y])

    with_gradient = value_and_grad(loss_of)

    def step() -> Any:
        loss, gradients = with_gradient(params, task.x, task.y)
        adam.update(gradients)
        return loss

    return step


def notebook_step(task: Problem, lr: float) -> Step:
    """The notebook's training loop for two dense layers."""
    from .notebook import Adam, Dense, ReLU, SoftmaxLoss

    (w1, b1), (w2, b2) = task.layers
    dense1, activation1, dense2 = Dense(w1, b1), ReLU(), Dense(w2, b2)
    loss_activation, optimizer = SoftmaxLoss(), Adam(lr, epsilon=EPS)

    def step() -> Any:
        dense1.forward(task.x)
        activation1.forward(dense1.output)
        dense2.forward(activation1.output)
        loss = loss_activation.forward(dense2.output, task.y)
        loss_activation.backward(loss_activation.output, task.y)
        dense2.backward(loss_activation.dinputs)
        activation1.backward(dense2.dinputs)
        dense1.backward(activation1.dinputs)
        optimizer.pre_update_params()
        optimizer.update_params(dense1)
        optimizer.update_params(dense2)
        optimizer.post_update_params()
        return loss

    return step


class _Adam:
    """Adam on a list of arrays, in place."""

    def __init__(self, arrays: list[np.ndarray], lr: float) -> None:
        self.lr, self.steps = lr, 0
        self.state = [(w, np.zeros_like(w), np.zeros_like(w)) for w in arrays]

    def update(self, gradients: list[np.ndarray]) -> None:
        """One step."""
        self.steps += 1
        mean_share, square_share = 1 - 0.9**self.steps, 1 - 0.999**self.steps
        for (w, m, c), g in zip(self.state, gradients, strict=True):
            m[...] = 0.9 * m + 0.1 * g
            c[...] = 0.999 * c + 0.001 * (g * g)
            w[...] -= self.lr * (m / mean_share) / (np.sqrt(c / square_share) + EPS)
