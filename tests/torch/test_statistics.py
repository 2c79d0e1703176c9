"""Reductions, statistics, sorting, scans and segments against PyTorch."""

import numpy as np
import pytest

import minigrad as mg
from tests.torch.differential import compare, torch

RNG = np.random.default_rng(5)


def normal(*shape):
    return RNG.normal(size=shape)


def positive(*shape):
    return RNG.uniform(0.5, 3, shape)


NAN = np.array([[False, True, False, False], [False] * 4, [True, True, False, False]])
KEYS = RNG.permutation(12).reshape(3, 4)
RUNS = np.array([[0, 0, 1, 1], [2, 3, 3, 3], [4, 4, 4, 4]])
IDS = np.array([2, 0, 2, 3, 0])
Q = np.array([0.1, 0.5, 0.8])
ZEROS = np.array([[0.0, 2.0, 3.0], [0.0, 0.0, 5.0], [2.0, 3.0, 4.0]])


def with_nan(ours):
    return lambda x: ours(mg.where(NAN, np.nan, x))


def torch_with_nan(theirs):
    return lambda x: theirs(torch.where(torch.tensor(NAN), torch.nan, x))


def torch_present(x):
    """The sum over the last axis of what is not NaN, and of how much that is."""
    there = torch.tensor(~NAN)
    return torch.where(there, x, 0), there.sum(1)


def torch_nanvar(x):
    found, count = torch_present(x)
    deviation = torch.where(torch.tensor(~NAN), x - (found.sum(1) / count)[:, None], 0)
    return (deviation**2).sum(1) / count


def torch_average(x, w):
    return (x * w).sum(1) / w.sum()


def torch_recurrence(x, w):
    z = [x[:, 0]]
    for i in range(1, x.shape[1]):
        z.append(x[:, i] + w[:, i] * z[-1])
    return torch.stack(z, 1)


def torch_runs(x):
    total = []
    for row, keys in zip(x, RUNS, strict=True):
        for i in range(len(keys)):
            total.append(row[i] + (total[-1] if i and keys[i] == keys[i - 1] else 0))
    return torch.stack(total).reshape(x.shape)


def torch_polyval(p, x):
    return sum(p[i] * x ** (len(p) - 1 - i) for i in range(len(p)))


def torch_segments(how):
    def reduced(x):
        ids = torch.tensor(IDS)[:, None].expand(x.shape)
        return torch.zeros(4, x.shape[1], dtype=x.dtype).scatter_reduce(0, ids, x, how, include_self=False)

    return reduced


ROWS = {
    "prod": (lambda x: mg.prod(x, 1), lambda x: torch.prod(x, 1), [normal(3, 4)]),
    "prod, all": (mg.prod, torch.prod, [normal(2, 3)]),
    "prod, zeros": (lambda x: mg.prod(x, 1, True), lambda x: torch.prod(x, 1, True), [ZEROS]),
    "ptp": (lambda x: mg.ptp(x, 1), lambda x: torch.amax(x, 1) - torch.amin(x, 1), [normal(3, 4)]),
    "nansum": (with_nan(lambda x: mg.nansum(x, 1)), torch_with_nan(lambda x: torch.nansum(x, 1)), [normal(3, 4)]),
    "nanprod": (
        with_nan(lambda x: mg.nanprod(x, 1)),
        lambda x: torch.where(torch.tensor(NAN), 1, x).prod(1),
        [normal(3, 4)],
    ),
    "nanmean": (with_nan(lambda x: mg.nanmean(x, 1)), torch_with_nan(lambda x: torch.nanmean(x, 1)), [normal(3, 4)]),
    "nanmax": (
        with_nan(lambda x: mg.nanmax(x, 1)),
        lambda x: torch.where(torch.tensor(NAN), -torch.inf, x).amax(1),
        [normal(3, 4)],
    ),
    "nanmin": (
        with_nan(lambda x: mg.nanmin(x, 1)),
        lambda x: torch.where(torch.tensor(NAN), torch.inf, x).amin(1),
        [normal(3, 4)],
    ),
    "nanvar": (with_nan(lambda x: mg.nanvar(x, 1)), torch_nanvar, [normal(3, 4)]),
    "nanstd": (with_nan(lambda x: mg.nanstd(x, 1)), lambda x: torch.sqrt(torch_nanvar(x)), [normal(3, 4)]),
    "average": (
        lambda x, w: mg.average(x, 1, weights=w),
        torch_average,
        [normal(3, 4), positive(4)],
    ),
    "cov": (mg.cov, torch.cov, [normal(3, 5)]),
    "cov, weights": (
        lambda x, w: mg.cov(x, ddof=0, fweights=[1, 2, 1, 3], aweights=w),
        lambda x, w: torch.cov(x, correction=0, fweights=torch.tensor([1, 2, 1, 3]), aweights=w),
        [normal(3, 4), positive(4)],
    ),
    "corrcoef": (mg.corrcoef, torch.corrcoef, [normal(3, 5)]),
    "polyval": (mg.polyval, torch_polyval, [normal(4), normal(3, 2)]),
    # torch.vander's own backward fails: it multiplies in place.
    "vander": (mg.vander, lambda x: torch.stack([x**3, x**2, x, x**0], 1), [normal(4)]),
    "vander, at 0": (
        lambda x: mg.vander(x, 3, True),
        lambda x: torch.stack([x**0, x, x**2], 1),
        [np.array([0.0, 1.0, -2.0])],
    ),
    "sort": (lambda x: mg.sort(x, 0), lambda x: torch.sort(x, 0)[0], [normal(3, 4)]),
    "sort_by": (
        lambda x: mg.table.ops["sort_by"](x, KEYS, 1),
        lambda x: torch.gather(x, 1, torch.argsort(torch.tensor(KEYS), 1)),
        [normal(3, 4)],
    ),
    "unsort_by": (
        lambda x: mg.table.ops["unsort_by"](x, KEYS, 1),
        lambda x: torch.gather(x, 1, torch.argsort(torch.argsort(torch.tensor(KEYS), 1), 1)),
        [normal(3, 4)],
    ),
    "partition": (
        lambda x: mg.partition(x, 2, 1)[:, 2],
        lambda x: torch.kthvalue(x, 3, 1)[0],
        [normal(3, 5)],
    ),
    "median": (lambda x: mg.median(x, 1), lambda x: torch.quantile(x, 0.5, 1), [normal(3, 4)]),
    "median, odd": (lambda x: mg.median(x, 1), lambda x: torch.median(x, 1)[0], [normal(3, 5)]),
    "nanmedian": (
        with_nan(lambda x: mg.nanmedian(x, 1)),
        torch_with_nan(lambda x: torch.nanquantile(x, 0.5, 1)),
        [normal(3, 4)],
    ),
    "quantile": (
        lambda x: mg.quantile(x, Q, 1),
        lambda x: torch.quantile(x, torch.tensor(Q), 1),
        [normal(3, 6)],
    ),
    "quantile, lower": (
        lambda x: mg.quantile(x, Q, method="lower"),
        lambda x: torch.quantile(x, torch.tensor(Q), interpolation="lower"),
        [normal(3, 6)],
    ),
    "percentile": (
        lambda x: mg.percentile(x, 30, 0, keepdims=True),
        lambda x: torch.quantile(x, 0.3, 0, keepdim=True),
        [normal(3, 4)],
    ),
    "nanquantile": (
        with_nan(lambda x: mg.nanquantile(x, Q, 1)),
        torch_with_nan(lambda x: torch.nanquantile(x, torch.tensor(Q), 1)),
        [normal(3, 4)],
    ),
    "nanpercentile": (
        with_nan(lambda x: mg.nanpercentile(x, 30, 1)),
        torch_with_nan(lambda x: torch.nanquantile(x, 0.3, 1)),
        [normal(3, 4)],
    ),
    "cumsum": (lambda x: mg.cumsum(x, 1), lambda x: torch.cumsum(x, 1), [normal(3, 5)]),
    "cumprod": (lambda x: mg.cumprod(x, 1), lambda x: torch.cumprod(x, 1), [normal(3, 5)]),
    "cumprod, zeros": (lambda x: mg.cumprod(x, 1), lambda x: torch.cumprod(x, 1), [ZEROS]),
    "nancumsum": (
        with_nan(lambda x: mg.nancumsum(x, 1)),
        lambda x: torch.where(torch.tensor(NAN), 0, x).cumsum(1),
        [normal(3, 4)],
    ),
    "nancumprod": (
        with_nan(lambda x: mg.nancumprod(x, 1)),
        lambda x: torch.where(torch.tensor(NAN), 1, x).cumprod(1),
        [normal(3, 4)],
    ),
    "cumulative_sum": (
        lambda x: mg.cumulative_sum(x, axis=0, include_initial=True),
        lambda x: torch.nn.functional.pad(torch.cumsum(x, 0), (0, 0, 1, 0)),
        [normal(3, 4)],
    ),
    "cumulative_prod": (mg.cumulative_prod, lambda x: torch.cumprod(x, 0), [normal(4)]),
    "logcumsumexp": (
        lambda x: mg.logcumsumexp(x, 1),
        lambda x: torch.logcumsumexp(x, 1),
        [normal(3, 5) * 10],
    ),
    "cummax": (lambda x: mg.cummax(x, 1), lambda x: torch.cummax(x, 1)[0], [normal(3, 5)]),
    "cummin": (lambda x: mg.cummin(x, 1), lambda x: torch.cummin(x, 1)[0], [normal(3, 5)]),
    "linear_recurrence": (mg.linear_recurrence, torch_recurrence, [normal(3, 6), normal(3, 6)]),
    "run_cumsum": (lambda x: mg.table.ops["run_cumsum"](x, RUNS), torch_runs, [normal(3, 4)]),
    "diff": (
        lambda x, a: mg.diff(x, 2, 1, prepend=a),
        lambda x, a: torch.diff(x, 2, 1, prepend=a),
        [normal(3, 4), normal(3, 1)],
    ),
    "ediff1d": (
        lambda x, a: mg.ediff1d(x, to_end=a),
        lambda x, a: torch.cat([torch.diff(x.ravel()), a]),
        [normal(2, 3), normal(2)],
    ),
    "gradient": (
        lambda x: mg.gradient(x, 0.5, axis=1),
        lambda x: torch.gradient(x, spacing=0.5, dim=1)[0],
        [normal(3, 5)],
    ),
    "gradient, coordinates": (
        lambda x: mg.gradient(x, np.array([0.0, 1.0, 1.5, 3.0]), axis=0, edge_order=2),
        lambda x: torch.gradient(x, spacing=(torch.tensor([0.0, 1.0, 1.5, 3.0], dtype=float),), dim=0, edge_order=2)[0],
        [normal(4, 2)],
    ),
    "trapezoid": (
        lambda y, x: mg.trapezoid(y, x),
        torch.trapezoid,
        [normal(3, 4), normal(3, 4)],
    ),
    "trapezoid, steps": (
        lambda y: mg.trapezoid(y, dx=0.3, axis=0),
        lambda y: torch.trapezoid(y, dx=0.3, dim=0),
        [normal(3, 4)],
    ),
    "segment_sum": (lambda x: mg.segment_sum(x, IDS), torch_segments("sum"), [normal(5, 2)]),
    "bincount": (lambda x: mg.bincount(IDS, x), lambda x: torch_segments("sum")(x[:, None])[:, 0], [normal(5)]),
    "segment_mean": (lambda x: mg.segment_mean(x, IDS), torch_segments("mean"), [normal(5, 2)]),
    "segment_max": (
        lambda x: mg.segment_max(x, IDS)[np.array([0, 2, 3])],
        lambda x: torch_segments("amax")(x)[[0, 2, 3]],
        [normal(5, 2)],
    ),
    "segment_min": (
        lambda x: mg.segment_min(x, IDS)[np.array([0, 2, 3])],
        lambda x: torch_segments("amin")(x)[[0, 2, 3]],
        [normal(5, 2)],
    ),
}

WITHOUT: dict[str, str] = {}


@pytest.mark.parametrize("row", ROWS)
def test_equals_pytorch_to_the_second_order(row):
    compare(ROWS[row])
