"""Memory that tensors share: what a graph has saved stays what it was, whoever writes to it."""

import numpy as np
import pytest

import minigrad as mg
from minigrad import nn, optim

SAVED = [4.0, 5.0, 6.0]


def made(kind):
    """A tensor of ``SAVED``: as the user makes it, computed outside a graph, or computed in one."""
    x = mg.tensor(SAVED, dtype=float)
    ones = mg.ones(3, dtype=float, requires_grad=True)
    return {"plain": lambda: x, "computed": lambda: x * 1, "in a graph": lambda: x * ones}[kind]()


def stepped(p):
    """One step of SGD, which writes where the parameter is."""
    optimizer = optim.SGD([p], lr=0.5)
    (p * p).sum().backward()
    optimizer.step()


def in_place(tensor):
    tensor.data[0] = 9.0


def followed(x):
    layer = nn.BatchNorm1d(3, dtype=float)
    layer.running_mean.data = x
    layer(np.arange(6.0).reshape(2, 3))


WRITES = {
    "a leaf of its own data": lambda x: in_place(x.requires_grad_()),
    "a leaf of detached data": lambda x: in_place(x.detach().requires_grad_()),
    "a leaf of a detached view": lambda x: in_place(x[:2].detach().requires_grad_()),
    "a leaf of a reshaped view": lambda x: stepped(x.reshape(3, 1).detach().requires_grad_()),
    "a step on detached data": lambda x: stepped(x.detach().requires_grad_()),
    "a parameter": lambda x: in_place(nn.Parameter(x)),
    "a frozen parameter that is let go": lambda x: in_place(nn.Parameter(x, requires_grad=False).requires_grad_()),
    "a parameter that is trained": lambda x: stepped(nn.Parameter(x)),
    "data of another tensor": lambda x: in_place(_with_data(x)),
    "running statistics": followed,
}


def _with_data(x):
    tensor = mg.zeros(3, dtype=float)
    tensor.data = x
    return tensor


@pytest.mark.parametrize("kind", ["plain", "computed", "in a graph"])
@pytest.mark.parametrize("write", WRITES.values(), ids=WRITES)
@pytest.mark.filterwarnings("ignore::minigrad.errors.DetachWarning")
def test_what_a_graph_saved_before_stays(write, kind):
    if kind == "in a graph" and write is WRITES["a leaf of its own data"]:
        pytest.skip("a computed tensor is no leaf")
    x, w = made(kind), mg.tensor([1.0, 2.0, 3.0], dtype=float, requires_grad=True)
    y = (x * w).sum()
    write(x)
    y.backward()
    np.testing.assert_array_equal(w.grad, SAVED)


DETACHED = {
    "detach": lambda p: p.detach(),
    "stop_gradient": mg.stop_gradient,
    "detach of a view": lambda p: p[:].detach(),
    "view of detach": lambda p: p.detach().reshape(3),
    "view of a view": lambda p: p.reshape(3, 1).detach()[:, 0],
    "no_grad": lambda p: _without_grad(p),
    "Tensor": mg.Tensor,
    "Tensor of a view": lambda p: mg.Tensor(p.reshape(3)),
}


def _without_grad(p):
    with mg.no_grad():
        return p.reshape(3)


@pytest.mark.parametrize("change", [stepped, in_place, lambda p: p.data.fill(1.0)], ids=["step", "item", "fill"])
@pytest.mark.parametrize("detached", DETACHED.values(), ids=DETACHED)
@pytest.mark.parametrize("call", [lambda a, w: (a * w).sum(), lambda a, w: mg.stack([a, w]).prod(0).sum()])
@pytest.mark.filterwarnings("ignore::minigrad.errors.DetachWarning")
def test_what_is_outside_a_leafs_graph_is_saved_as_it_was(call, detached, change):
    p = mg.tensor(SAVED, dtype=float, requires_grad=True)
    stepped(p)
    p.data[...] = SAVED
    p.grad = None
    w = mg.tensor([1.0, 2.0, 3.0], dtype=float, requires_grad=True)
    y = call(detached(p), w)
    change(p)
    y.backward()
    np.testing.assert_array_equal(w.grad, SAVED)


def test_a_leaf_that_is_written_first_by_its_optimizer_leaves_what_was_detached():
    """Nobody has asked for ``.data``, which would have made all that follows save copies."""
    p = mg.tensor(SAVED, dtype=float, requires_grad=True)
    optimizer = optim.SGD([p], lr=0.5)
    (p * 0.0).sum().backward()
    optimizer.step()
    w = mg.tensor([1.0, 2.0, 3.0], dtype=float, requires_grad=True)
    y = (p.detach() * w).sum()
    (p * p).sum().backward()
    optimizer.step()
    y.backward()
    np.testing.assert_array_equal(w.grad, SAVED)


def test_a_detached_leaf_of_a_leaf_has_memory_of_its_own():
    p = mg.tensor(SAVED, dtype=float, requires_grad=True)
    q = p.detach().requires_grad_()
    q.data[0] = 9.0
    assert p.data[0] == 4.0
    p.data[1] = 7.0
    assert q.data.tolist() == [9.0, 5.0, 6.0]


@pytest.mark.parametrize("change", [stepped, lambda p: p.data.fill(1.0)], ids=["step", "fill"])
@pytest.mark.parametrize("outside", [lambda x: x.detach(), lambda x: x.detach()[1:], lambda x: x[1:].detach()])
def test_a_graph_goes_on_with_a_tensor_whose_detached_view_became_a_leaf(outside, change):
    x = made("in a graph")
    p = outside(x).requires_grad_()
    w = mg.tensor([1.0, 2.0, 3.0], dtype=float, requires_grad=True)
    y = (x * w).sum()
    change(p)
    y.backward()
    np.testing.assert_array_equal(w.grad, SAVED)


def test_views_go_on_sharing_where_one_becomes_a_leaf():
    x = mg.tensor(SAVED, dtype=float)
    part = x[:2]
    _ = x * mg.ones(3, requires_grad=True)  # a graph has saved the memory
    x.requires_grad_()
    x.data[0] = 9.0
    assert part.data.tolist() == [9.0, 5.0]


def test_a_graph_of_running_statistics_is_of_the_batches_so_far():
    layer = nn.BatchNorm1d(3, dtype=float)
    w = mg.ones(3, dtype=float, requires_grad=True)
    y = (layer.running_mean * w).sum() + (layer.num_batches_tracked * w).sum()
    layer(np.arange(12.0).reshape(4, 3))
    assert layer.running_mean.data[0] > 0
    y.backward()
    np.testing.assert_array_equal(w.grad, np.zeros(3))


def test_memory_that_nobody_else_has_is_not_copied():
    x = mg.ones(3, dtype=float)
    place = x._array.__array_interface__["data"][0]
    x.requires_grad_()
    assert x._array.__array_interface__["data"][0] == place


@mg.custom_vjp
def product(a, b):
    return (a * b).sum()


product.defvjp(lambda a, b: ((a * b).sum(), (a, b)), lambda saved, g: (g * saved[1], g * saved[0]))

CALLS = {
    "custom_vjp": product,
    "checkpoint": lambda a, w: mg.checkpoint(lambda a, w: (a * w).sum(), a, w),
    "cond": lambda a, w: mg.cond(True, lambda a, w: (a * w).sum(), lambda a, w: a.sum(), a, w),
    "scan": lambda a, w: mg.scan(lambda s, x: (s + x[0] * x[1], s), mg.zeros((), dtype=float), (a, w))[0],
    "grad": lambda a, w: mg.grad(lambda a: (a * a * w).sum() / 2)(a).sum(),
    "vmap": lambda a, w: mg.vmap(lambda a, w: a * w)(a, w).sum(),
}


@pytest.mark.parametrize("how", ["detached", "written", "statistics"])
@pytest.mark.parametrize("call", CALLS.values(), ids=CALLS)
def test_calls_keep_their_arguments_as_they_were(call, how):
    w = mg.tensor([1.0, 2.0, 3.0], dtype=float, requires_grad=True)
    if how == "statistics":
        layer = nn.BatchNorm1d(3, dtype=float)
        layer.running_mean.data[...] = SAVED
        y = call(layer.running_mean, w)
        layer(np.arange(6.0).reshape(2, 3))
    elif how == "detached":
        p = mg.tensor(SAVED, dtype=float, requires_grad=True)
        optimizer = optim.SGD([p], lr=0.5)
        (p * 0.0).sum().backward()
        optimizer.step()
        y = call(p.detach(), w)
        (p * p).sum().backward()
        optimizer.step()
    else:
        x = made("computed")
        y = call(x, w)
        in_place(x)
    y.backward()
    np.testing.assert_array_equal(w.grad, SAVED)
