"""Functions that move elements, in each member of a batch as in a loop."""

import numpy as np
import pytest

import minigrad as mg
from tests.batching.loops import check_gradients_of_squares, check_values

X = np.random.default_rng(0).normal(size=(5, 3, 4))
FUNCTIONS = {
    "reshape": lambda x: np.reshape(x, (4, 3)),
    "a side of -1": lambda x: x.reshape(2, -1),
    "transpose": lambda x: np.transpose(x, (1, 0)),
    "swapaxes": lambda x: np.swapaxes(x, 0, 1),
    "moveaxis": lambda x: np.moveaxis(x, 0, -1),
    "expand_dims": lambda x: np.expand_dims(x, 1),
    "concatenate": lambda x: np.concatenate([x, 2 * x], axis=-1),
    "stack": lambda x: np.stack([x, x + 1], axis=1),
    "flip": lambda x: np.flip(x, 0),
    "roll": lambda x: np.roll(x, 1, axis=1),
    "tile": lambda x: np.tile(x, (2, 1)),
    "broadcast_to": lambda x: np.broadcast_to(x, (2, 3, 4)),
}


@pytest.mark.parametrize("name", FUNCTIONS)
def test_a_batch_is_a_loop_over_its_members(name):
    check_values(FUNCTIONS[name], X)


@pytest.mark.parametrize("name", FUNCTIONS)
def test_gradients_of_members_are_those_of_the_loop(name):
    check_gradients_of_squares(FUNCTIONS[name], X)


PLAIN = {
    "rollaxis": lambda a: np.rollaxis(a, 1),
    "rollaxis, counted from the end": lambda a: np.rollaxis(a, 0, -1),
    "linalg.matrix_transpose": np.linalg.matrix_transpose,
    "linalg.diagonal": np.linalg.diagonal,
    "trace": lambda a: np.trace(a, 1, 1, 0),
    "trace, in another dtype": lambda a: np.trace(a, dtype="float32"),
    "vstack": lambda a: np.vstack([a, a[0]]),
    "vstack, in another dtype": lambda a: np.vstack([a, a[0]], dtype="float32", casting="unsafe"),
    "hstack": lambda a: np.hstack([a, a[:, :1]]),
    "column_stack": lambda a: np.column_stack([a[:, 0], a]),
    "dot": lambda a: np.dot(a, a.T),
    "inner": lambda a: np.inner(a, a),
    "outer": lambda a: np.outer(a, a[0]),
    "tensordot": lambda a: np.tensordot(a, a, (0, 0)),
    "kron": lambda a: np.kron(a, a[:2]),
}


@pytest.mark.parametrize("name", PLAIN)
def test_arrays_behind_tensors_are_a_loop_over_the_members_too(name):
    """What is made of other functions of NumPy runs on the arrays of a batch as on any."""
    check_values(lambda x: PLAIN[name](x.data if isinstance(x, mg.Tensor) else x), X)
