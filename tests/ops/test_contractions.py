"""Every row of minigrad/ops/contractions.py has the properties that a row must have; large sums are matrix products."""

import numpy as np
import pytest

import minigrad as mg
from minigrad.ops import contractions
from tests.ops.families import properties_of

test_properties = properties_of(contractions)

SIZES = {"b": 5, "h": 3, "i": 8, "j": 12, "k": 16, "q": 1}

#: One of each kind: with and without indices that all have, orders of the output, none to add up, none that stay, a
#: diagonal, an index that one has alone, three and four operands.
KINDS = """ij,jk->ik ji,kj->ki bhij,bhjk->bhik ibhj,hkbj->hbki bjqi,jbk->qbik bij,bkj->kbi bij,bij->b
    i,k->ki jij,jk->ik bij,jk->ik bi,ijk,bj->bk ij,jk,ki-> bi,bj,bk->ijk hij,hjk,k,bk->bi"""


@pytest.mark.parametrize("subscripts", KINDS.split())
@pytest.mark.parametrize("dtype", ["float64", "complex128"])
def test_values_and_gradients_are_those_of_a_loop_over_all_indices(subscripts, dtype):
    rng = np.random.default_rng(0)
    terms, output = subscripts.split("->")[0].split(","), subscripts.split("->")[1]
    shapes = [[SIZES[c] for c in term] for term in terms]
    arrays = [rng.standard_normal(shape) + (1j * rng.standard_normal(shape) if "c" in dtype else 0) for shape in shapes]
    g = rng.standard_normal([SIZES[c] for c in output])
    z, pull = mg.vjp(lambda *xs: np.einsum(subscripts, *xs), *arrays)
    np.testing.assert_allclose(z, np.einsum(subscripts, *arrays), 1e-12, 1e-12)
    assert np.shape(z) == g.shape
    for i, found in enumerate(pull(np.asarray(g, dtype))):
        if len({*terms[i]}) < len(terms[i]):
            continue  # a diagonal, whose gradient einsum cannot write
        others = [*arrays[:i], np.asarray(g, dtype), *arrays[i + 1 :]]
        rest = [*terms[:i], output, *terms[i + 1 :]]
        alone = [c for c in terms[i] if not any(c in term for term in rest)]
        others, rest = [*others, np.ones([SIZES[c] for c in alone])], [*rest, "".join(alone)]
        np.testing.assert_allclose(found, np.einsum(f"{','.join(rest)}->{terms[i]}", *others), 1e-12, 1e-11)


@pytest.mark.parametrize(
    ("subscripts", "shapes", "looped"),
    [
        ("ij,jk->ki", [(20, 30), (30, 40)], []),
        ("ij,jk,kl->li", [(20, 30), (30, 40), (40, 20)], []),
        ("ij,jk->ik", [(3, 4), (4, 5)], ["ij,jk->ik"]),  # finding the product would take longer
        ("ia,ib,ic->abc", [(20, 30)] * 3, ["ia,ib,ic->abc"]),  # a product of two would be larger than all operands
    ],
)
def test_large_sums_are_matrix_products(monkeypatch, subscripts, shapes, looped):
    calls, einsum = [], np.einsum
    monkeypatch.setattr(np, "einsum", lambda sub, *arrays, **options: calls.append(sub) or einsum(sub, *arrays))
    z = contractions.contract(*[np.ones(shape) for shape in shapes], subscripts=subscripts)
    assert calls == looped
    np.testing.assert_array_equal(z, einsum(subscripts, *[np.ones(shape) for shape in shapes]))
