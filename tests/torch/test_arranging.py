"""Shaping, arranging, splitting, padding and gathering: equal to PyTorch's, to the second order."""

import numpy as np
import pytest

import minigrad as mg
from tests.torch.differential import compare, torch

TF = torch.nn.functional

RNG = np.random.default_rng(0)


def normal(*shape):
    return RNG.normal(size=shape)


MASK = RNG.random((3, 4)) > 0.5
ROWS_OF = np.array([2, 0, 2, 1, -1])  # repeated and negative
PLACES = RNG.integers(0, 3, (2, 4))
KNOTS = np.array([-1.0, 0.2, 0.7, 2.0])


def squared(f):
    """f, and after it something with a second gradient."""
    return lambda *xs: f(*xs) ** 2


def joined(f):
    """The outputs of f, each cubed, in one vector."""

    def g(*xs):
        cat = torch.cat if isinstance(xs[0], torch.Tensor) else mg.concatenate
        return cat([(part**3).reshape(-1) for part in f(*xs)])

    return g


def torch_pad(width, mode):
    """Over the last axes, which PyTorch wants in front of two others."""
    return lambda x: TF.pad(x[None, None], width, mode)[0, 0]


def torch_interp(x, xp, fp):
    line = torch.clamp(torch.searchsorted(xp, x, right=True) - 1, 0, len(xp) - 2)
    z = fp[line] + (x - xp[line]) * (fp[line + 1] - fp[line]) / (xp[line + 1] - xp[line])
    return torch.where(x < xp[0], fp[0], torch.where(x >= xp[-1], fp[-1], z))


def torch_written(x, value, index, accumulate=False):
    return torch.index_put(x, index, value, accumulate=accumulate)


t = torch.tensor

#: (ours, PyTorch's, arrays); each is squared, or cubed if it has several outputs.
LINEAR = {
    "ravel": (mg.ravel, torch.ravel, [normal(2, 3)]),
    "ravel, F": (lambda x: mg.ravel(x, "F"), lambda x: x.T.ravel(), [normal(2, 3)]),
    "moveaxis": (lambda x: mg.moveaxis(x, 0, -1), lambda x: torch.moveaxis(x, 0, -1), [normal(2, 3, 4)]),
    "moveaxis, several": (
        lambda x: mg.moveaxis(x, (0, 1), (2, 0)),
        lambda x: torch.moveaxis(x, (0, 1), (2, 0)),
        [normal(2, 3, 4)],
    ),
    "rollaxis": (lambda x: mg.rollaxis(x, 2), lambda x: torch.moveaxis(x, 2, 0), [normal(2, 3, 4)]),
    "matrix_transpose": (mg.matrix_transpose, lambda x: x.mT, [normal(2, 3, 4)]),
    "atleast_1d": (mg.atleast_1d, torch.atleast_1d, [normal()]),
    "atleast_2d": (mg.atleast_2d, torch.atleast_2d, [normal(3)]),
    "atleast_3d": (mg.atleast_3d, torch.atleast_3d, [normal(3, 2)]),
    "flip": (lambda x: mg.flip(x, (0, 2)), lambda x: torch.flip(x, (0, 2)), [normal(2, 3, 4)]),
    "fliplr": (mg.fliplr, torch.fliplr, [normal(3, 4)]),
    "flipud": (mg.flipud, torch.flipud, [normal(3, 4)]),
    "roll": (lambda x: mg.roll(x, 2), lambda x: torch.roll(x, 2), [normal(3, 4)]),
    "roll, axes": (lambda x: mg.roll(x, (1, -2), (0, 1)), lambda x: torch.roll(x, (1, -2), (0, 1)), [normal(3, 4)]),
    "rot90": (lambda x: mg.rot90(x, 3, (1, 2)), lambda x: torch.rot90(x, 3, (1, 2)), [normal(2, 3, 4)]),
    "copy": (mg.copy, torch.clone, [normal(3, 4)]),
    "tile": (lambda x: mg.tile(x, (2, 1, 3)), lambda x: torch.tile(x, (2, 1, 3)), [normal(3, 4)]),
    "repeat": (lambda x: mg.repeat(x, 3, 1), lambda x: torch.repeat_interleave(x, 3, 1), [normal(2, 3)]),
    "repeat, flat": (lambda x: mg.repeat(x, 2), lambda x: torch.repeat_interleave(x, 2), [normal(2, 3)]),
    "repeat, each": (
        lambda x: mg.repeat(x, [2, 0, 1], 1),
        lambda x: torch.repeat_interleave(x, t([2, 0, 1]), 1),
        [normal(2, 3)],
    ),
    "hstack": (lambda x, y: mg.hstack([x, y]), lambda x, y: torch.hstack([x, y]), [normal(2, 3), normal(2, 1)]),
    "hstack, vectors": (lambda x, y: mg.hstack([x, y]), lambda x, y: torch.hstack([x, y]), [normal(2), normal(3)]),
    "vstack": (lambda x, y: mg.vstack([x, y]), lambda x, y: torch.vstack([x, y]), [normal(3), normal(2, 3)]),
    "dstack": (lambda x, y: mg.dstack([x, y]), lambda x, y: torch.dstack([x, y]), [normal(2, 3), normal(2, 3, 2)]),
    "column_stack": (
        lambda x, y: mg.column_stack([x, y]),
        lambda x, y: torch.column_stack([x, y]),
        [normal(2), normal(2, 3)],
    ),
    "append": (lambda x, y: mg.append(x, y, 1), lambda x, y: torch.cat([x, y], 1), [normal(2, 3), normal(2, 1)]),
    "block": (
        lambda x, y: mg.block([[x, y], [y, x]]),
        lambda x, y: torch.vstack([torch.hstack([x, y]), torch.hstack([y, x])]),
        [normal(2, 3), normal(2, 1)],
    ),
    "delete": (lambda x: mg.delete(x, [0, -1], 1), lambda x: x[:, 1:-1], [normal(2, 4)]),
    "insert": (
        lambda x, y: mg.insert(x, [1, 3], y, 1),
        lambda x, y: torch.cat([x[:, :1], y[:, :1], x[:, 1:], y[:, 1:]], 1),
        [normal(2, 3), normal(2, 2)],
    ),
    "trim_zeros": (mg.trim_zeros, lambda x: x[1:4], [np.array([0, 1.5, 0, 2, 0, 0])]),
    "diagonal": (
        lambda x: mg.diagonal(x, 1, 2, 0),
        lambda x: torch.diagonal(x, 1, 2, 0),
        [normal(4, 2, 3)],
    ),
    "put_diagonal": (
        lambda x: mg.table.ops["put_diagonal"](x, (2, 4, 4), -1, 1, 2),
        lambda x: torch.diag_embed(x, -1),
        [normal(2, 3)],
    ),
    "diag": (lambda x: mg.diag(x, -2), lambda x: torch.diag(x, -2), [normal(3)]),
    "diag, of a matrix": (lambda x: mg.diag(x, 1), lambda x: torch.diag(x, 1), [normal(3, 4)]),
    "diagflat": (lambda x: mg.diagflat(x, 1), lambda x: torch.diagflat(x, 1), [normal(2, 3)]),
    "trace": (mg.trace, torch.trace, [normal(3, 4)]),
    "tril": (lambda x: mg.tril(x, -1), lambda x: torch.tril(x, -1), [normal(2, 3, 4)]),
    "triu": (lambda x: mg.triu(x, 1), lambda x: torch.triu(x, 1), [normal(2, 3, 4)]),
    "pad": (lambda x: mg.pad(x, ((1, 2), (0, 3))), lambda x: TF.pad(x, (0, 3, 1, 2)), [normal(2, 3)]),
    "pad, edge": (lambda x: mg.pad(x, ((1, 2), (0, 5)), "edge"), torch_pad((0, 5, 1, 2), "replicate"), [normal(2, 3)]),
    "pad, reflect": (
        lambda x: mg.pad(x, ((1, 2), (3, 1)), "reflect"),
        torch_pad((3, 1, 1, 2), "reflect"),
        [normal(3, 4)],
    ),
    "pad, wrap": (lambda x: mg.pad(x, ((1, 2), (3, 1)), "wrap"), torch_pad((3, 1, 1, 2), "circular"), [normal(3, 4)]),
    "pad_constant": (
        lambda x: mg.table.ops["pad_constant"](x, (1, 2), 5), lambda x: TF.pad(x, (1, 2), value=5), [normal(3)]
    ),
    "take": (lambda x: mg.take(x, ROWS_OF, 0), lambda x: x[t(ROWS_OF)], [normal(3, 4)]),
    "take, flat": (
        lambda x: mg.take(x, PLACES),
        lambda x: torch.take(x, t(PLACES)),
        [normal(3, 4)],
    ),
    "take, last axis": (lambda x: mg.take(x, PLACES, -1), lambda x: x[:, t(PLACES)], [normal(2, 3)]),
    "take_along_axis": (
        lambda x: mg.take_along_axis(x, PLACES, 0),
        lambda x: torch.take_along_dim(x, t(PLACES), 0),
        [normal(3, 4)],
    ),
    "compress": (
        lambda x: mg.compress([True, False, True], x, 0),
        lambda x: x[t([True, False, True])],
        [normal(3, 4)],
    ),
    "extract": (lambda x: mg.extract(MASK, x), lambda x: torch.masked_select(x, t(MASK)), [normal(3, 4)]),
    "index_set": (
        lambda x, v: mg.index_set(x, ([0, 2], [1, -1]), v),
        lambda x, v: torch_written(x, v, (t([0, 2]), t([1, -1]))),
        [normal(3, 4), normal(2)],
    ),
    "index_set, mask": (
        lambda x, v: mg.index_set(x, MASK, v),
        lambda x, v: torch_written(x, v, (t(MASK),)),
        [normal(3, 4), normal()],
    ),
    "index_set, slice": (
        lambda x, v: mg.index_set(x, (slice(None), slice(1, 3)), v),
        lambda x, v: torch.slice_scatter(x, v.expand(3, 2), 1, 1, 3),
        [normal(3, 4), normal(3, 1)],
    ),
    "index_add": (
        lambda x, v: mg.index_add(x, ROWS_OF, v),
        lambda x, v: torch_written(x, v, (t(ROWS_OF),), accumulate=True),
        [normal(3, 4), normal(5, 4)],
    ),
    "index_add, one value": (
        lambda x, v: mg.index_add(x, (ROWS_OF, ROWS_OF), v),
        lambda x, v: torch_written(x, v, (t(ROWS_OF), t(ROWS_OF)), accumulate=True),
        [normal(3, 4), normal()],
    ),
    "interp": (mg.interp, torch_interp, [normal(3, 4), KNOTS, normal(4)]),
}  # fmt: skip

SEVERAL = {
    "atleast_2d, two": (mg.atleast_2d, lambda x, y: torch.atleast_2d(x, y), [normal(), normal(2, 3)]),
    "broadcast_arrays": (mg.broadcast_arrays, torch.broadcast_tensors, [normal(3, 1), normal(4)]),
    "meshgrid": (mg.meshgrid, lambda *xs: torch.meshgrid(*xs, indexing="xy"), [normal(2), normal(3)]),
    "meshgrid, ij": (
        lambda *xs: mg.meshgrid(*xs, indexing="ij"),
        lambda *xs: torch.meshgrid(*xs, indexing="ij"),
        [normal(2), normal(3), normal(2)],
    ),
    "split": (lambda x: mg.split(x, 2, 1), lambda x: torch.split(x, 2, 1), [normal(2, 4)]),
    "array_split": (
        lambda x: mg.array_split(x, 3, -1),
        lambda x: torch.tensor_split(x, 3, -1),
        [normal(2, 5)],
    ),
    "array_split, at": (
        lambda x: mg.array_split(x, [1, 4], -1),
        lambda x: torch.tensor_split(x, (1, 4), -1),
        [normal(2, 5)],
    ),
    "hsplit": (lambda x: mg.hsplit(x, 2), lambda x: torch.hsplit(x, 2), [normal(2, 4)]),
    "vsplit": (lambda x: mg.vsplit(x, 2), lambda x: torch.vsplit(x, 2), [normal(4, 2)]),
    "dsplit": (lambda x: mg.dsplit(x, 2), lambda x: torch.dsplit(x, 2), [normal(2, 2, 4)]),
    "unstack": (lambda x: mg.unstack(x, axis=1), lambda x: torch.unbind(x, 1), [normal(2, 3)]),
}

ROWS = {
    **{name: (squared(ours), squared(theirs), arrays) for name, (ours, theirs, arrays) in LINEAR.items()},
    **{name: (joined(ours), joined(theirs), arrays) for name, (ours, theirs, arrays) in SEVERAL.items()},
}

WITHOUT = {
    "choose": "torch.gather of a stack, which take_along_axis compares",
    "resize": "torch.Tensor.resize_ does something else; it is a tile and a slice, compared above",
}


@pytest.mark.parametrize("row", ROWS)
def test_equal_to_pytorch(row):
    compare(ROWS[row])
