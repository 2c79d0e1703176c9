"""Options of functions against PyTorch's, over a grid each: the other files have one or two rows for a function."""

import itertools
import zlib

import numpy as np
import pytest

import minigrad as mg
from minigrad.nn import functional as F
from tests.torch.differential import compare, torch

LABELS = np.array([2, 0, 1, 2])
SPOTS = np.array([[2, 0, 1], [1, 1, 2], [0, 2, 2], [0, 1, 0]])  # labels of (4, classes, 3)
WEIGHTS = np.array([0.5, 2.0, 1.5])
SIGNS = np.array([[1.0, -1.0, 1.0], [-1.0, -1.0, 1.0]])
SHARES = np.array([[0.2, 0.0, 0.8], [0.5, 0.25, 0.25]])
INDEX = np.array([[0, 2, 1], [2, 2, 0]])
MASK = np.array([[True, False, True], [False, False, True]])
SOURCE = np.array([[4.0, 5.0, 6.0], [7.0, 8.0, 9.0]])
COORDINATES = np.array([0.0, 0.3, 0.5, 1.1, 1.2])
REDUCTIONS = ("mean", "sum", "none")
T = torch.tensor
L, TL, TF = mg.linalg, torch.linalg, torch.nn.functional


def grid(**options):
    """Every choice of one value for each option."""
    return [dict(zip(options, chosen, strict=True)) for chosen in itertools.product(*options.values())]


def along(shape, d):
    """The indices of an array of this shape, with INDEX along axis d."""
    return tuple(INDEX if axis == d else np.indices(shape, sparse=True)[axis] for axis in range(2))


def unfolded(x, axis, size, step):
    starts = np.arange((x.shape[axis] - size) // step + 1) * step
    return mg.stack([mg.take(x, starts + i, axis) for i in range(size)], -1)


def torch_multi_margin(x, p, margin, reduction):
    """PyTorch's own has no second order."""
    own = torch.nn.functional.one_hot(T(LABELS), 3).bool()
    above = torch.relu(margin - x[own][:, None] + x) ** p
    rows = torch.where(own, 0, above).sum(1) / 3
    return rows if reduction == "none" else getattr(rows, reduction)()


# name -> (ours, PyTorch's, shapes of the inputs, the options of both): each is called with all options of a choice.
GRIDS = {
    "kl_div": (
        lambda x, **o: F.kl_div(F.log_softmax(x), SHARES, **o),
        lambda x, **o: TF.kl_div(torch.log_softmax(x, 1), T(SHARES), **o),
        [(2, 3)], grid(reduction=("batchmean", "sum", "none")),
    ),
    "hinge_embedding_loss": (
        lambda x, **o: F.hinge_embedding_loss(x, SIGNS, **o), lambda x, **o: TF.hinge_embedding_loss(x, T(SIGNS), **o),
        [(2, 3)], grid(reduction=REDUCTIONS, margin=(1.0, 0.3, 4.0)),
    ),
    "nll_loss": (
        lambda x, weight, ignore_index, reduction: F.nll_loss(
            x, LABELS, reduction, weight=None if weight is None else WEIGHTS, ignore_index=ignore_index),
        lambda x, weight, ignore_index, reduction: TF.nll_loss(
            x, T(LABELS), weight, ignore_index=-100 if ignore_index is None else ignore_index, reduction=reduction),
        [(4, 3)], grid(weight=(None, T(WEIGHTS)), ignore_index=(None, 0, 2), reduction=REDUCTIONS),
    ),
    "nll_loss of positions": (
        lambda x, weight, ignore_index, reduction: F.nll_loss(
            x, SPOTS, reduction, weight=None if weight is None else WEIGHTS, ignore_index=ignore_index, axis=1),
        lambda x, weight, ignore_index, reduction: TF.nll_loss(
            x, T(SPOTS), weight, ignore_index=-100 if ignore_index is None else ignore_index, reduction=reduction),
        [(4, 3, 3)], grid(weight=(None, T(WEIGHTS)), ignore_index=(None, 1), reduction=REDUCTIONS),
    ),
    "cross_entropy": (
        lambda x, weight, **o: F.cross_entropy(x, SPOTS, weight=None if weight is None else WEIGHTS, axis=1, **o),
        lambda x, **o: TF.cross_entropy(x, T(SPOTS), **o),
        [(4, 3, 3)], grid(weight=(None, T(WEIGHTS)), label_smoothing=(0.0, 0.3), reduction=REDUCTIONS),
    ),
    "multi_margin_loss": (
        lambda x, **o: F.multi_margin_loss(x, LABELS, **o), torch_multi_margin,
        [(4, 3)], grid(p=(1, 2), margin=(1.0, 0.4), reduction=REDUCTIONS),
    ),
    "binary_cross_entropy": (
        lambda x, **o: F.binary_cross_entropy(F.sigmoid(x), SHARES, **o),
        lambda x, **o: TF.binary_cross_entropy(torch.sigmoid(x), T(SHARES), **o),
        [(2, 3)], grid(reduction=REDUCTIONS),
    ),
    "binary_cross_entropy_with_logits": (
        lambda x, pos_weight, **o: F.binary_cross_entropy_with_logits(
            x, SHARES, pos_weight=None if pos_weight is None else WEIGHTS, **o),
        lambda x, **o: TF.binary_cross_entropy_with_logits(x, T(SHARES), **o),
        [(2, 3)], grid(pos_weight=(None, T(WEIGHTS)), reduction=REDUCTIONS),
    ),
    "huber_loss": (
        lambda x, y, **o: F.huber_loss(x, y, **o), TF.huber_loss,
        [(2, 3), (2, 3)], grid(delta=(0.2, 1.0, 5.0), reduction=REDUCTIONS),
    ),
    "smooth_l1_loss": (
        lambda x, y, **o: F.smooth_l1_loss(x, y, **o), TF.smooth_l1_loss,
        [(2, 3), (2, 3)], grid(beta=(0.2, 1.0, 5.0), reduction=REDUCTIONS),
    ),
    "normalize": (
        lambda x, p, axis: F.normalize(x, p, axis), lambda x, p, axis: TF.normalize(x, p, axis),
        [(2, 3, 4)], grid(p=(1.0, 2.0, 3.0, 0.5), axis=(0, 1, -1)),
    ),
    "quantile": (
        lambda x, q, axis, keepdims, method: mg.quantile(x, q, axis, method, keepdims),
        lambda x, q, axis, keepdims, method: torch.quantile(x, T(np.array(q)), axis, keepdims, interpolation=method),
        [(3, 4)],
        grid(q=(0.3, [0.1, 0.5, 0.9]), axis=(None, 0), keepdims=(False, True),
             method=("linear", "lower", "higher", "midpoint", "nearest")),
    ),
    "median": (
        lambda x, axis, keepdims: mg.quantile(x, 0.5, axis, "lower", keepdims),
        lambda x, axis, keepdims: torch.median(x, axis, keepdims).values,
        [(4, 4)], grid(axis=(0, -1), keepdims=(False, True)),
    ),
    "var": (
        lambda x, axis, ddof, keepdims: mg.var(x, axis, ddof, keepdims),
        lambda x, axis, ddof, keepdims: torch.var(x, axis, correction=ddof, keepdim=keepdims),
        [(2, 3, 4)], grid(axis=(None, 0, (0, 2), (0, 1, 2)), ddof=(0, 1, 1.5), keepdims=(False, True)),
    ),
    "cov": (
        lambda x, w, ddof, fweights: mg.cov(x, ddof=ddof, fweights=fweights, aweights=w**2 + 0.5),
        lambda x, w, ddof, fweights: torch.cov(
            x, correction=ddof, fweights=None if fweights is None else T(fweights), aweights=w**2 + 0.5),
        [(3, 4), (4,)], grid(ddof=(0, 1), fweights=(None, [1, 3, 2, 1])),
    ),
    "gradient": (
        lambda x, spacing, axis, edge_order: sum(
            g**2 for g in mg.gradient(x, *([] if spacing is None else [spacing] * len(axis)), axis=axis,
                                      edge_order=edge_order)),
        lambda x, spacing, axis, edge_order: sum(
            g**2 for g in torch.gradient(x, dim=axis, edge_order=edge_order,
                                         spacing=1 if spacing is None else [T(np.array(spacing))] * len(axis)
                                         if np.ndim(spacing) else spacing)),
        [(5, 5)], grid(spacing=(None, 0.3, COORDINATES), axis=((0, 1), (1, 0)), edge_order=(1, 2)),
    ),
    "diff": (
        lambda x, y, n, axis: mg.diff(x, n, axis, prepend=y), lambda x, y, n, axis: torch.diff(x, n, axis, prepend=y),
        [(4, 4), (4, 4)], grid(n=(1, 2, 3), axis=(0, 1)),
    ),
    "trapezoid": (
        lambda y, x, axis: mg.trapezoid(y, x, axis=axis), lambda y, x, axis: torch.trapezoid(y, x, dim=axis),
        [(3, 3), (3, 3)], grid(axis=(0, 1)),
    ),
    "roll": (
        lambda x, shift, axis: mg.roll(x, shift, axis), lambda x, shift, axis: torch.roll(x, shift, axis),
        [(2, 3, 4)], [
            {"shift": s, "axis": a}
            for s, a in ((1, None), (-7, None), (2, 1), ((1, -2), (0, 2)), ((1, 5), (1, 1)))
        ],
    ),
    "rot90": (
        lambda x, k, axes: mg.rot90(x, k, axes), lambda x, k, axes: torch.rot90(x, k, axes),
        [(2, 3, 4)], grid(k=(-1, 0, 1, 2, 3, 5), axes=((0, 1), (2, 0))),
    ),
    "cross": (
        lambda x, y, axis: mg.cross(x, y, axis=axis), lambda x, y, axis: TL.cross(x, y, dim=axis),
        [(3, 2, 3), (3, 1, 3)], grid(axis=(0, 2, -1)),
    ),
    "moveaxis": (
        lambda x, a, b: mg.moveaxis(x, a, b) * np.arange(24.0).reshape(mg.moveaxis(x, a, b).shape),
        lambda x, a, b: torch.movedim(x, a, b) * T(np.arange(24.0)).reshape(torch.movedim(x, a, b).shape),
        [(2, 3, 4)], [{"a": a, "b": b} for a, b in ((0, 2), (-1, 0), ((0, 1), (2, 0)), ((2, 0), (0, 1)))],
    ),
    "unfold": (
        unfolded, lambda x, axis, size, step: x.unfold(axis, size, step),
        [(5, 6)], grid(axis=(0, 1), size=(1, 3), step=(1, 2)),
    ),
    "put_diagonal": (
        lambda x, offset: mg.table.ops["put_diagonal"](x, (2, 3 + abs(offset), 3 + abs(offset)), offset, 1, 2),
        lambda x, offset: torch.diag_embed(x, offset), [(2, 3)], grid(offset=(-2, 0, 1)),
    ),
    "gather": (
        lambda x, axis: x[along((2, 3), axis)], lambda x, axis: torch.gather(x, axis, T(INDEX)),
        [(3, 3)], grid(axis=(0, 1)),
    ),
    "scatter_add": (
        lambda x, y, axis: mg.index_add(x, along((2, 3), axis), y),
        lambda x, y, axis: torch.scatter_add(x, axis, T(INDEX), y),
        [(3, 3), (2, 3)], grid(axis=(0, 1)),
    ),
    "index_put": (
        lambda x, y, accumulate: (mg.index_add if accumulate else mg.index_set)(x, (np.array([0, 2]),), y),
        lambda x, y, accumulate: x.index_put((T([0, 2]),), y, accumulate),
        [(3, 3), (2, 3)], grid(accumulate=(False, True)),
    ),
    "masked": (
        lambda x, y: mg.where(MASK, x, y) * x[MASK].sum(), lambda x, y: torch.where(T(MASK), x, y) * x[T(MASK)].sum(),
        [(2, 3), (3,)], [{}],
    ),
    "pinv": (
        lambda x, rtol: L.pinv(x, rtol=rtol), lambda x, rtol: TL.pinv(x, rtol=rtol),
        [(2, 4, 3)], grid(rtol=(1e-10, 0.4)),
    ),
    "pinv of a wide matrix": (lambda x: L.pinv(x), lambda x: TL.pinv(x), [(3, 5)], [{}]),
    "lstsq": (lambda a, b: L.lstsq(a, b)[0], lambda a, b: TL.lstsq(a, b).solution, [(5, 3), (5, 2)], [{}]),
    "lstsq of a wide matrix": (
        lambda a, b: L.lstsq(a, b)[0], lambda a, b: TL.lstsq(a, b, driver="gelsd").solution, [(3, 5), (3, 2)], [{}],
    ),
    "slogdet": (lambda a: L.slogdet(a)[1], lambda a: TL.slogdet(a).logabsdet, [(2, 4, 4)], [{}]),
    "matrix_power": (
        lambda a, n: L.matrix_power(a, n), lambda a, n: TL.matrix_power(a, n), [(2, 3, 3)], grid(n=(-2, -1, 0, 1, 3)),
    ),
    "norm of vectors": (
        lambda x, p, axis, keepdims: L.vector_norm(x, ord=p, axis=axis, keepdims=keepdims),
        lambda x, p, axis, keepdims: TL.vector_norm(x, p, axis, keepdims),
        [(2, 3, 4)],
        grid(p=(2, 1, 3, 0.5, -1, -2.5, np.inf, -np.inf), axis=(None, 1, (0, 2)), keepdims=(False, True)),
    ),
    "norm of matrices": (
        lambda x, p, axis, keepdims: L.norm(x, p, axis, keepdims),
        lambda x, p, axis, keepdims: TL.matrix_norm(x, p, axis, keepdims),
        [(3, 2, 4)],
        grid(p=("fro", "nuc", 2, -2, 1, -1, np.inf, -np.inf), axis=((0, 1), (2, 0)), keepdims=(False, True)),
    ),
    "cond": (
        lambda x, p: L.cond(x, p), lambda x, p: TL.matrix_norm(x, p) * TL.matrix_norm(TL.inv(x), p), [(2, 3, 3)],
        grid(p=(2, -2, "fro", "nuc", 1, -1, np.inf, -np.inf)),
    ),
    "triangles": (
        lambda x, k: mg.tril(x, k) @ mg.triu(x, -k), lambda x, k: torch.tril(x, k) @ torch.triu(x, -k),
        [(2, 4, 4)], grid(k=(-5, -1, 0, 2)),
    ),
    "fft": (
        lambda x, n, axis, norm: mg.abs(mg.fft.rfft(x, n, axis, norm)) ** 2,
        lambda x, n, axis, norm: torch.fft.rfft(x, n, axis, norm).abs() ** 2,
        [(4, 5)], grid(n=(None, 3, 7), axis=(0, -1), norm=("backward", "ortho", "forward")),
    ),
    "fft of several axes": (
        lambda x, s, axes: mg.fft.irfftn(mg.fft.fftn(x, s, axes), None, axes),
        lambda x, s, axes: torch.fft.irfftn(torch.fft.fftn(x, s, axes), None, axes),
        [(4, 5)], grid(s=(None, (3, 6)), axes=((0, 1), (1, 0))),
    ),
    "mvlgamma": (
        lambda x, p: mg.special.multigammaln(x**2 + 3, p), lambda x, p: torch.mvlgamma(x**2 + 3, p),
        [(2, 3)], grid(p=(1, 2, 3)),
    ),
    "softmax": (
        lambda x, axis: mg.special.softmax(x, axis) * mg.special.log_softmax(x, axis),
        lambda x, axis: torch.softmax(x, axis) * torch.log_softmax(x, axis), [(2, 3, 4)], grid(axis=(0, 1, -1)),
    ),
}  # fmt: skip
CASES = [
    pytest.param(name, options, id=f"{name} {' '.join(map(str, options.values()))}"[:80])
    for name, (_, _, _, choices) in GRIDS.items()
    for options in choices
]


@pytest.mark.parametrize(("name", "options"), CASES)
def test_each_choice_of_options_equals_pytorchs(name, options):
    ours, theirs, shapes, _ = GRIDS[name]
    rng = np.random.default_rng(zlib.crc32(name.encode()))
    arrays = [rng.normal(size=shape) for shape in shapes]
    compare((lambda *xs: ours(*xs, **options), lambda *xs: theirs(*xs, **options), arrays))
