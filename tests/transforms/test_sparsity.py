"""Patterns of Jacobians: no entry is missing, of any op of the table and of plain NumPy code; and colours."""

import numpy as np
import pytest
from hypothesis import HealthCheck, Phase, assume, given, settings
from scipy import sparse

import minigrad as mg
from minigrad.core.table import builtin, ops
from minigrad.transforms.sparsity import coloured
from tests.samples import samples

NAMES = sorted(name for name in builtin if hasattr(ops.get(name), "op"))


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.filterwarnings("ignore:.*(encountered|Degrees of freedom|All-NaN|Mean of empty|arbitrary).*")
def test_no_entry_of_an_op_is_missing(name):
    """Nor behind another op, nor before it."""

    @settings(max_examples=2, phases=[Phase.generate], deadline=None, suppress_health_check=list(HealthCheck))
    @given(samples(ops[name]))
    def check(sample):
        floats = [x for x in sample.arrays if x.dtype.kind == "f"]
        size = sum(x.size for x in floats)
        assume(0 < size < 30)

        def f(x):
            x, end, given = x * 1.0, 0, []
            for array in sample.arrays:
                part = array
                if array.dtype.kind == "f":
                    part = x[end : end + array.size].reshape(array.shape)
                    end += array.size
                given.append(part)
            z = sample.call(ops[name], given, sample.options)
            return (z.real if z.dtype.kind == "c" else z).ravel() * 2.0

        x = np.concatenate([x.ravel() for x in floats]).astype(np.float64)
        dense = mg.jacobian(f)(x)
        assume(dense.size)
        places = mg.sparse.jacobian_sparsity(f)(x).toarray()
        # Of entries that are 0, where a formula adds up what cancels.
        rounding = 1e-12 * np.max(np.abs(dense), initial=0, where=np.isfinite(dense))
        assert not (~(np.abs(dense) <= rounding) & (places == 0)).any()

    check()


RNG = np.random.default_rng(0)
A = sparse.random_array((8, 8), density=0.3, rng=0).tocsr()
W, INDEX = RNG.normal(size=(4, 2, 2)), np.array([0, 3, 3, 7, 1])


def filled(x):
    out = mg.zeros(8, x.dtype)
    out[0] = x[0] * x[1]
    out[1:7] = x[:-2] * x[2:]
    return out


#: Code, and how many entries its pattern has at a random x of 8 elements; None where it is all.
CODE = {
    "diff": (lambda x: np.diff(x) ** 2, 14),
    "roll": (lambda x: x - 2 * np.roll(x, 1) * np.roll(x, -1), 24),
    "grid": (lambda x: x.reshape(4, 2)[1:] * x.reshape(4, 2)[:-1], 12),
    "gradient": (np.gradient, 16),
    "where": (lambda x: np.where(x > 0, x * x, x[::-1]), 16),
    "maximum": (lambda x: np.maximum(x, np.roll(x, 1)), 16),
    "clip": (lambda x: np.clip(x, -0.1, 0.1), 8),
    "relu": (lambda x: mg.relu(x), 8),
    "sort": (lambda x: np.sort(x) ** 2, 8),
    "max of rows": (lambda x: x.reshape(4, 2).max(1) ** 2, 4),
    "sums": (lambda x: (x.reshape(4, 2) ** 2).sum(1), 8),
    "means": (lambda x: (x.reshape(2, 4) ** 2).mean(0), 8),
    "cumsum": (lambda x: np.cumsum(x * x), 36),
    "a sparse matrix": (lambda x: A @ (x**2), A.nnz),
    "a matrix with zeros": (lambda x: A.toarray() @ (x**2), A.nnz),
    "a matrix with zeros, from the left": (lambda x: (x**2) @ A.toarray(), A.nnz),
    "small matrices": (lambda x: W @ x.reshape(4, 2, 1), 16),
    "a product with itself": (lambda x: (x - x) @ np.roll(x, 1), 8),  # 0 here, and not elsewhere
    "einsum": (lambda x: np.einsum("ni,nij->nj", x.reshape(4, 2), W), 16),
    "einsum of two": (lambda x: np.einsum("ni,nj->nij", x.reshape(4, 2), x.reshape(4, 2) ** 2), 24),
    "convolve": (lambda x: np.convolve(x, [1.0, -1.0, 2.0]), 24),
    "softmax": (lambda x: mg.softmax(x.reshape(4, 2)), 16),
    "norms": (lambda x: np.linalg.norm(x.reshape(4, 2), axis=1), 8),
    "gather": (lambda x: x[INDEX] ** 2, 5),
    "repeat and tile": (lambda x: np.repeat(x, 2) * np.tile(x, 2), 30),
    "windows": (lambda x: np.lib.stride_tricks.sliding_window_view(x, 3).sum(1) ** 2, 18),
    "filled": (filled, 14),
    "a loop": (lambda x: np.stack([x[i] * x[(i + 3) % 8] for i in range(8)]), 16),
    "a constant": (lambda _x: np.ones(3), 0),
    "itself": (lambda x: x, 8),
    "one number": (lambda x: np.sum(x**2), 8),
    "solve": (lambda x: np.linalg.solve(np.eye(8) + np.outer(x, x), x), None),
    "checkpoint": (lambda x: mg.checkpoint(lambda x: x * 2, x), None),
    "a branch of Python's": (lambda x: x[:2] if x[0] < 100 else x, 2),
    "broadcast": (lambda x: x[:, None] * np.ones((8, 2)), 16),
    "flat part of a kink": (lambda x: np.floor(x) + mg.relu(x - 100), 8),
}


@pytest.mark.parametrize("name", CODE)
@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_plain_code(name, dtype):
    f, count = CODE[name]
    for seed in range(2):
        x = np.random.default_rng(seed).normal(size=8).astype(dtype)
        dense = np.reshape(mg.jacobian(f)(x), (-1, 8))
        places = mg.sparse.jacobian_sparsity(f)(x)
        assert places.nnz == (dense.size if count is None else count)
        assert not ((dense != 0) & (places.toarray() == 0)).any()
        found = mg.sparse.jacobian(f)(x)
        assert found.dtype == x.dtype
        close = {"rtol": 1e-4, "atol": 1e-5} if dtype == "float32" else {"rtol": 1e-12, "atol": 1e-12}
        np.testing.assert_allclose(found.toarray(), dense, **close)


def test_colours():
    for seed in range(5):
        places = sparse.random_array((30, 20), density=0.1, rng=seed).tocsr()
        colours = coloured(places)
        assert set(colours) == set(range(colours.max() + 1))
        for row in range(30):
            in_row = colours[places.indices[places.indptr[row] : places.indptr[row + 1]]]
            assert len(set(in_row)) == len(in_row)
    tridiagonal = sparse.diags_array([1.0, 1.0, 1.0], offsets=[-1, 0, 1], shape=(50, 50))
    assert coloured(tridiagonal).max() == 2
    assert coloured(sparse.eye_array(50)).max() == 0
    assert coloured(sparse.csr_array(np.ones((3, 5)))).tolist() == [0, 1, 2, 3, 4]
    assert len(coloured(sparse.csr_array((3, 0)))) == 0
