"""What a type checker must see of the functions of the table; see ``layers.py``."""

from typing import assert_type

import numpy as np

import minigrad as mg
from minigrad.nn import functional as F
from minigrad.typing import Array

x = mg.tensor([[1.0, 2.0]], requires_grad=True)
array = np.ones((1, 2))

# A Tensor where there is a Tensor, and an array where there is none.
assert_type(mg.exp(x), mg.Tensor)
assert_type(mg.exp(array), np.ndarray)
assert_type(mg.exp([1, 2.5]), np.ndarray)
assert_type(mg.exp([x, x]), mg.Tensor)
assert_type(mg.add(x, 1), mg.Tensor)
assert_type(mg.add(array, x), mg.Tensor)
assert_type(mg.add(array, 2), np.ndarray)
assert_type(mg.sum(x, axis=(0, 1), keepdims=True), mg.Tensor)
assert_type(mg.where(array > 1, x, 0.0), mg.Tensor)
assert_type(mg.where(array > 1), tuple[np.ndarray, ...])
assert_type(mg.clip(x, 0.0, None), mg.Tensor)
assert_type(mg.stack([x, x], axis=1), mg.Tensor)
assert_type(mg.concatenate([array, x]), mg.Tensor)
assert_type(mg.concatenate((array, array)), np.ndarray)
assert_type(mg.einsum("ij,kj->ik", x, array), mg.Tensor)
assert_type(mg.split(x, 2, axis=1), list[mg.Tensor])
assert_type(mg.meshgrid(x, x), tuple[mg.Tensor, ...])
assert_type(mg.divmod(x, 2.0), tuple[mg.Tensor, mg.Tensor])
assert_type(mg.average(x, returned=True), tuple[mg.Tensor, mg.Tensor])
assert_type(mg.average(x), mg.Tensor)
assert_type(mg.atleast_2d(x), mg.Tensor)
assert_type(mg.gradient(x, axis=1), mg.Tensor)
assert_type(mg.pad(x, [(0, 1), (1, 0)]), mg.Tensor)
assert_type(mg.take(x, [0, 1], axis=1), mg.Tensor)
assert_type(mg.index_set(x, (0, slice(None)), 1.0), mg.Tensor)
assert_type(mg.one_hot(np.array([0, 1]), 2), np.ndarray)
assert_type(mg.log(mg.exp(x) + 1).sum(), mg.Tensor)

# The other modules of functions.
assert_type(mg.linalg.inv(x), mg.Tensor)
assert_type(mg.linalg.eigh(x).eigenvalues, mg.Tensor)
assert_type(mg.linalg.svd(x, full_matrices=False).U, mg.Tensor)
assert_type(mg.linalg.svd(array, compute_uv=False), np.ndarray)
assert_type(mg.linalg.qr(x, "r"), mg.Tensor)
assert_type(mg.fft.rfft(x, norm="ortho"), mg.Tensor)
assert_type(mg.special.gammaln(x), mg.Tensor)
assert_type(mg.special.betainc(0.5, 2.0, x), mg.Tensor)
assert_type(F.relu(x), mg.Tensor)
assert_type(F.conv2d(x, x, None, stride=2, padding="same"), mg.Tensor)
assert_type(F.cross_entropy(x, [0, 1], label_smoothing=0.1), mg.Tensor)
assert_type(F.mse_loss(x, array), mg.Tensor)
assert_type(F.mse_loss(array, array), np.ndarray)
assert_type(F.accuracy(x, [1]), float)


def either(y: Array) -> Array:
    """One function for arrays and Tensors."""
    assert_type(mg.exp(y), mg.Tensor | np.ndarray)
    return mg.add(mg.tanh(y), 1.0)


# What no call takes.
mg.exp(x, axis=1)  # type: ignore[call-overload]
mg.exp("1")  # type: ignore[arg-type]
mg.exp(None)  # type: ignore[call-overload]
mg.exp()  # type: ignore[call-overload]
mg.exp(x, x)  # type: ignore[call-overload]
mg.sum(x, dim=1)  # type: ignore[call-overload]
mg.sum(x, "rows")  # type: ignore[call-overload]
mg.add(x)  # type: ignore[call-overload]
mg.reshape(x, "2")  # type: ignore[call-overload]
mg.fft.fft(x, norm="unitary")  # type: ignore[call-overload]
F.leaky_relu(x, slope=0.1)  # type: ignore[call-overload]
F.cross_entropy(x, [0], axis="1")  # type: ignore[call-overload]
F.conv2d(x, x, padding="full")  # type: ignore[call-overload]
F.conv2d(x)  # type: ignore[call-overload]

# Tensors, and what makes them.
assert_type(x.sum(axis=(0, 1)).mean(), mg.Tensor)
assert_type(x.reshape(2, -1).transpose((1, 0)), mg.Tensor)
assert_type(mg.zeros((2, 3), np.float32), mg.Tensor)
x.sum(dim=1)  # type: ignore[arg-type]
x.flatten(start_dim=1)  # type: ignore[arg-type]
x.reshape("2")  # type: ignore[arg-type]
mg.zeros((2, 3), device="cpu")  # type: ignore[arg-type]
mg.zeros(2, np.float32, False, 3)  # type: ignore[arg-type]
