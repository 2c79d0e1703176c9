"""Indices into members: basic ones, integers, masks of the shape."""

import numpy as np
import pytest

import minigrad as mg
from tests.batching.loops import check_gradients_of_squares, check_values

X = np.random.default_rng(0).normal(size=(5, 3, 4))
FUNCTIONS = {
    "an integer": lambda x: x[1],
    "a slice": lambda x: x[:, ::2],
    "a new axis": lambda x: x[:, None, -1],
    "integers": lambda x: x[np.array([0, 2, 0])],
    "two axes": lambda x: x[np.array([0, 1]), np.array([3, 0])],
    "integers apart": lambda x: x[None, np.array([1, 2]), :, None],
    "take": lambda x: np.take(x, np.array([1, 1]), axis=1),
    "take_along_axis": lambda x: np.take_along_axis(x, np.zeros((3, 1), int), 1),
    "a place of its own": lambda x: np.take_along_axis(x, np.argmax(x, 1)[:, None], 1),
}


@pytest.mark.parametrize("name", FUNCTIONS)
def test_a_batch_is_a_loop_over_its_members(name):
    check_values(FUNCTIONS[name], X)


@pytest.mark.parametrize("name", FUNCTIONS)
def test_gradients_of_members_are_those_of_the_loop(name):
    check_gradients_of_squares(FUNCTIONS[name], X)


# -- arrays and indices of different batches ---------------------------------------------------------

V = np.random.default_rng(1).normal(size=(2, 3))
INDEX = np.array([[0, 0, 1], [1, 2, 1]])


def _assigned(v, i):
    z = mg.zeros(3, "float64")
    z[i] = v
    return z


def _added_at(v, i):
    z = mg.zeros(3, "float64")
    np.add.at(z, i, v)
    return z


def _put_along_axis(v, i):
    z = mg.zeros(3, "float64")
    np.put_along_axis(z, i, v, 0)
    return z


BY_INDEX = {
    "z[i] = v": _assigned,
    "np.add.at": _added_at,
    "np.put_along_axis": _put_along_axis,
    "index_set": lambda v, i: mg.index_set(mg.zeros(3, "float64"), i, v),
    "index_set of one": lambda v, i: mg.index_set(v, i, v[::-1]),
    "index_add": lambda v, i: mg.index_add(v, i, v**2),
    "segment_sum": lambda v, i: mg.segment_sum(v, i, 3),
    "segment_max": lambda v, i: mg.where(mg.segment_sum(mg.ones(3, "float64"), i, 3) > 0, mg.segment_max(v, i, 3), 0),
    "segment_mean": lambda v, i: mg.segment_mean(v, i, 3),
    "bincount": lambda v, i: np.bincount(i, v, 3),
    "v[i]": lambda v, i: v[i],
    "one element": lambda v, i: v[i[0]] * v,
    "two axes": lambda v, i: (v[:, None] * v)[i, i[::-1]],
    "behind a slice": lambda v, i: (v[:, None] * v)[:, i],
    "a table of indices": lambda v, i: (v[:, None] * v)[:, i[:, None] + np.zeros(2, int)],
    "apart": lambda v, i: (v[:, None, None] * v[:, None] * v)[i, :, i],
    "np.take": lambda v, i: np.take(v[:, None] * v, i, axis=1),
    "np.take_along_axis": lambda v, i: np.take_along_axis(v, i, 0),
    "np.choose": lambda v, i: np.choose(i, [v, v**2, v**3]),
}
DERIVATIVES = {
    "hessian": mg.hessian,
    "jacfwd(grad)": lambda f: mg.jacfwd(mg.grad(f)),
    "jacrev(grad)": lambda f: mg.jacrev(mg.grad(f)),
    "grad(grad)": lambda f: mg.grad(lambda v, i: (mg.grad(f)(v, i) ** 2).sum()),
    "jvp": lambda f: lambda v, i: mg.jvp(lambda v: f(v, i), (v,), (v * 2,))[1],
    "hvp": lambda f: lambda v, i: mg.hvp(lambda v: f(v, i), v, v * 2),
}


@pytest.mark.parametrize("derivative", DERIVATIVES)
@pytest.mark.parametrize("name", BY_INDEX)
def test_derivatives_through_an_index_of_each_member_are_those_of_the_loop(name, derivative):
    f = DERIVATIVES[derivative](lambda v, i: (BY_INDEX[name](v, i) ** 2).sum())
    expected = np.stack([np.asarray(f(v, i)) for v, i in zip(V, INDEX, strict=True)])
    assert np.any(expected)
    np.testing.assert_allclose(np.asarray(mg.vmap(f)(V, INDEX)), expected, rtol=1e-9, atol=1e-11)


@pytest.mark.parametrize("order", range(3))
@pytest.mark.parametrize("outer", [(None, 0), (0, None)])
@pytest.mark.parametrize("name", BY_INDEX)
def test_arrays_and_indices_of_two_nested_batches_are_those_of_two_loops(name, outer, order):
    def loss(v, i):
        return (BY_INDEX[name](v, i) ** 2).sum()

    f = [BY_INDEX[name], mg.grad(loss), mg.hessian(loss)][order]
    inner = outer[::-1]
    got = mg.vmap(mg.vmap(f, inner), outer)(V, INDEX)
    pairs = [[(v, i) for v in V] for i in INDEX] if outer == (None, 0) else [[(v, i) for i in INDEX] for v in V]
    expected = np.stack([np.stack([np.asarray(f(mg.tensor(v), i)) for v, i in row]) for row in pairs])
    np.testing.assert_allclose(np.asarray(got), expected, rtol=1e-9, atol=1e-11)


@pytest.mark.parametrize("layer", [mg.nn.LayerNorm(4), mg.nn.RMSNorm(4), mg.nn.GroupNorm(2, 4)], ids=repr)
@pytest.mark.parametrize("of_weights", [True, False], ids=["weights outside", "weights inside"])
def test_weights_of_one_batch_scale_inputs_of_another(layer, of_weights):
    rng = np.random.default_rng(2)
    w, x = rng.normal(size=(2, 4)).astype("float32"), rng.normal(size=(3, 2, 4)).astype("float32")

    def f(w, x):
        return mg.functional_call(layer, {"weight": w}, x)

    outer = (0, None) if of_weights else (None, 0)
    got = mg.vmap(mg.vmap(f, outer[::-1]), outer)(mg.tensor(w), mg.tensor(x)).detach().numpy()
    expected = np.stack([[f(mg.tensor(a), mg.tensor(b)).detach().numpy() for b in x] for a in w])
    np.testing.assert_allclose(got if of_weights else np.moveaxis(got, 0, 1), expected, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("axes", [range(2), [0, 1], np.array([0, 1])], ids=["range", "list", "array"])
def test_axes_may_be_any_sequence(axes):
    got = np.asarray(mg.vmap(lambda x: np.moveaxis(x, axes, axes[::-1]))(X))
    np.testing.assert_array_equal(got, np.stack([np.moveaxis(x, axes, axes[::-1]) for x in X]))
