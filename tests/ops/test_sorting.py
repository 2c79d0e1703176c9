"""Every row of minigrad/ops/sorting.py has the properties that a row must have."""

import numpy as np
import pytest

import minigrad as mg
from minigrad.errors import GraphError
from minigrad.ops import sorting
from tests.ops.families import properties_of

test_properties = properties_of(sorting)


@pytest.mark.parametrize("f", [np.quantile, np.percentile, np.nanquantile, np.nanpercentile])
@pytest.mark.parametrize("method", ["linear", "nearest", "median_unbiased", "inverted_cdf"])
def test_shares_of_each_member(f, method):
    rng = np.random.default_rng(0)
    x, q = rng.normal(size=(3, 4, 5)), rng.uniform(0.1, 0.9, (3, 2)) * (100 if "percentile" in f.__name__ else 1)
    g = lambda x, q: f(x, q, axis=1, method=method)  # noqa: E731
    np.testing.assert_allclose(mg.vmap(g)(x, q), [f(a, b, axis=1, method=method) for a, b in zip(x, q, strict=True)])
    np.testing.assert_allclose(mg.vmap(g, in_axes=(None, 0))(x[0], q), [f(x[0], b, axis=1, method=method) for b in q])
    loss = lambda x, q: (g(x, q) ** 2).sum()  # noqa: E731
    each = mg.vmap(mg.grad(loss))(x, q)
    np.testing.assert_allclose(each, [mg.grad(loss)(a, b) for a, b in zip(x, q, strict=True)])
    shared = mg.grad(lambda a: mg.vmap(lambda q: loss(a, q))(q).sum())(x[0])
    np.testing.assert_allclose(shared, sum(mg.grad(loss)(x[0], b) for b in q))
    table = x[0]  # a plain array that the function closes over
    np.testing.assert_allclose(mg.vmap(lambda q: g(table, q))(q), mg.vmap(g, in_axes=(None, 0))(x[0], q))
    with pytest.raises(GraphError, match=r"requires.a?.?grad"):
        f(x[0], mg.tensor(q[0], requires_grad=True))
