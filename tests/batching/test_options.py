"""Rarer options of NumPy's functions in a batch: each gives what a loop over the members gives."""

import numpy as np
import pytest

import minigrad as mg
from minigrad.core.tensor import wrap
from minigrad.errors import BatchError

RNG = np.random.default_rng(0)
A = RNG.standard_normal((3, 4, 4))  # three members
V = RNG.standard_normal((3, 4))
I = np.array([[0, 5, -1], [1, 2, 3], [7, 0, 0]])  # noqa: E741 - indices
SAME = RNG.standard_normal((4, 4))
VECTOR = RNG.standard_normal(4)

#: Name -> a function of the members of A, V and I.
CASES = {
    "einsum, implicit": lambda a, v, i: np.einsum("ij,j", a, v),
    "einsum, an ellipsis": lambda a, v, i: np.einsum("...j,j->...", a, VECTOR),
    "einsum, one for all": lambda a, v, i: np.einsum("ij, jk -> ik", SAME, a, optimize=True),
    "einsum, lists": lambda a, v, i: np.einsum(a, [0, 1], v, [1]),
    "cross, an axis": lambda a, v, i: np.cross(a[:3], SAME[:3], axis=0),
    "cross, axes": lambda a, v, i: np.cross(a[:, :3], SAME[:3], axisa=1, axisb=0, axisc=0),
    "matmul, a stack": lambda a, v, i: np.matmul(a, np.stack([SAME, SAME])),
    "matmul, a vector on the left": lambda a, v, i: np.matmul(VECTOR, a),
    "reshape, -1": lambda a, v, i: np.reshape(a, (2, -1)),
    "reshape, Fortran's order": lambda a, v, i: np.reshape(a, 16, order="F"),
    "reshape, a number": lambda a, v, i: np.reshape(a, -1),
    "ravel, Fortran's order": lambda a, v, i: np.ravel(a, order="F"),
    "atleast, with others": lambda a, v, i: np.concatenate(np.atleast_2d(a, VECTOR, 1.0 * v[0])[:2]),
    "atleast_3d": lambda a, v, i: np.atleast_3d(a, v)[1],
    "concatenate, flat": lambda a, v, i: np.concatenate([a, v, VECTOR], axis=None),
    "concatenate, a list": lambda a, v, i: np.concatenate([v, [1.0, 2.0]]),
    "stack, at the end": lambda a, v, i: np.stack([v, VECTOR], axis=-1),
    "vsplit": lambda a, v, i: np.vsplit(a, 2)[1],
    "hsplit": lambda a, v, i: np.hsplit(a, [1, 3])[1] + np.hsplit(v, 2)[0],
    "array_split": lambda a, v, i: np.array_split(v, 3)[0],
    "roll, flat": lambda a, v, i: np.roll(a, 3),
    "roll, axes": lambda a, v, i: np.roll(a, (1, 2), (0, 1)),
    "repeat, flat": lambda a, v, i: np.repeat(a, 2),
    "repeat, an axis": lambda a, v, i: np.repeat(a, [1, 0, 2, 1], axis=-1),
    "repeat, of one for all": lambda a, v, i: np.repeat(VECTOR, 2) * v[0],
    "tile, more axes": lambda a, v, i: np.tile(v, (2, 1, 3)),
    "tile, a number": lambda a, v, i: np.tile(a, 2),
    "pad, edges": lambda a, v, i: np.pad(v, (2, 1), mode="edge"),
    "pad, values of a pair": lambda a, v, i: np.pad(v, 1, constant_values=(1.0, 2.0)),
    "diagonal": lambda a, v, i: np.diagonal(a, 1) * np.trace(a, -1),
    "tril": lambda a, v, i: np.tril(a, -1) + np.triu(a, 2) + np.tril(v),
    "take, flat": lambda a, v, i: np.take(a, [0, 5, 5]),
    "take, wrap": lambda a, v, i: np.take(v, i, mode="wrap"),
    "take, clip": lambda a, v, i: np.take(a, i, axis=1, mode="clip"),
    "take_along_axis, flat": lambda a, v, i: np.take_along_axis(a, np.argsort(a, axis=None), None),
    "an index of members": lambda a, v, i: a[i[1] % 4, [0, 1]],
    "index_set": lambda a, v, i: mg.index_set(SAME, (i[1] % 4, slice(0, 2)), v[:2]),
    "index_add": lambda a, v, i: mg.index_add(a, (slice(1, 3),), v[None]),
    "ones_like": lambda a, v, i: np.ones_like(a) * v + np.zeros_like(v) + np.full_like(v, 2),
    "copy": lambda a, v, i: np.copy(a),
    "select": lambda a, v, i: np.select([v > 0, v < -1], [v, VECTOR], 7.0),
    "where= of a ufunc": lambda a, v, i: np.add(v, 1, where=v > 0, out=np.zeros_like(v)),
    "sum, where": lambda a, v, i: np.sum(a, axis=0, where=a > 0),
    "sum, of a number": lambda a, v, i: np.sum(v[0], axis=-1) + np.max(a, initial=0.5),
    "sum, initial of members": lambda a, v, i: np.sum(a, axis=1, initial=v[0]),
    "sum, keepdims": lambda a, v, i: np.sum(a, keepdims=True) + np.mean(a, -1, keepdims=True),
    "argmax, keepdims": lambda a, v, i: np.argmax(a, keepdims=True),
    "argmax, flat": lambda a, v, i: np.argmax(a),
    "cumsum, flat": lambda a, v, i: np.cumsum(a) + np.nancumsum(a),
    "sort, flat": lambda a, v, i: np.sort(a, axis=None),
    "partition": lambda a, v, i: np.partition(a, 2)[:, 2],
    "diff": lambda a, v, i: np.diff(a, 2, axis=0),
    "reduce": lambda a, v, i: np.add.reduce(a) + np.maximum.reduce(a, axis=1),
    "accumulate": lambda a, v, i: np.multiply.accumulate(a, axis=1),
    "fftn": lambda a, v, i: np.fft.fftn(a).real + np.fft.fft2(a, axes=(0, 1)).imag,
    "ifftn, of a shape": lambda a, v, i: np.fft.ifftn(a, s=(2, 4), axes=(0, 1)).real,
    "rfft": lambda a, v, i: np.abs(np.fft.rfft(v, 6)),
    "flip": lambda a, v, i: np.flip(a) + np.flip(a, 0),
    "rot90": lambda a, v, i: np.rot90(a),
    "moveaxis": lambda a, v, i: np.moveaxis(a[None], 0, -1),
    "kron": lambda a, v, i: np.kron(v, VECTOR),
    "outer": lambda a, v, i: np.outer(v, v) + np.inner(v, v),
    "tensordot": lambda a, v, i: np.tensordot(a, SAME, axes=([0], [1])),
}
_NEW = {  # in NumPy 2.1 or later
    "vecdot": lambda a, v, i: np.vecdot(a, v),
    "matvec": lambda a, v, i: np.matvec(a, v) + np.matvec(SAME, v),
    "vecmat": lambda a, v, i: np.vecmat(v, a) + np.vecmat(VECTOR, a),
    "unstack": lambda a, v, i: np.unstack(a)[1],
    "cumulative_sum": lambda a, v, i: np.cumulative_sum(a, axis=0),
}
CASES |= {name: case for name, case in _NEW.items() if hasattr(np, name)}
if hasattr(np, "matvec"):  # NumPy 2.2
    CASES["pad, by axis"] = lambda a, v, i: np.pad(a, {0: (1, 2), -1: 1})


@pytest.mark.parametrize("case", CASES)
def test_a_batch_gives_what_a_loop_gives(case):
    f = CASES[case]
    found = mg.vmap(f)(A, V, I)
    want = np.stack([np.asarray(f(a, v, i)) for a, v, i in zip(A, V, I, strict=True)])
    np.testing.assert_allclose(found, want, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("case", [case for case in CASES if "index_" not in case])
def test_so_do_the_rules_of_arrays_without_a_tensor_around_them(case):
    """A formula works on these; what a loop over the members would give is that of the same function."""
    f = CASES[case]
    found = mg.vmap(lambda *members: wrap(f(*[x._array for x in members])))(A, V, I)
    want = np.stack([np.asarray(f(a, v, i)) for a, v, i in zip(A, V, I, strict=True)])
    np.testing.assert_allclose(found, want, rtol=1e-12, atol=1e-12)


def test_writes_in_place_are_those_of_the_members():
    def f(a, v):
        b = np.zeros_like(a)
        np.copyto(b, v)
        np.copyto(b, a, where=a > 0)
        return b

    np.testing.assert_array_equal(mg.vmap(f)(A, V), np.where(A > 0, A, V[:, None, :]))


@pytest.mark.parametrize(
    "f",
    [
        lambda v: np.copyto(SAME[0].copy(), v),
        lambda v: np.add(v, 1, out=VECTOR.copy()),
        lambda v: np.sum(v, out=np.zeros((), np.float64)),
        lambda v: np.concatenate([v, v], out=np.zeros(8, np.float64)),
    ],
)
def test_what_differs_by_member_is_not_written_into_what_is_one_for_all(f):
    with pytest.raises(BatchError, match="written into an array that is one for all"):
        mg.vmap(f)(V)


def test_errors_are_those_of_a_member():
    for f in (lambda a: np.reshape(a, (5, 5)), lambda a: np.reshape(a, (-1, -1)), lambda a: a[0, 0, 0]):
        with pytest.raises((ValueError, IndexError)):
            mg.vmap(f)(A)
    with pytest.raises(ValueError, match="matmul"):
        mg.vmap(lambda v: np.matmul(v[0], v))(V)


def test_a_batch_of_none():
    found = mg.vmap(lambda a: np.rot90(np.roll(a, 1)))(np.zeros((0, 4, 4), np.float64))
    assert found.shape == (0, 4, 4)
