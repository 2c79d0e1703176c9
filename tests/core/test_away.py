"""Objects whose arrays lie elsewhere until somebody looks."""

import copy
import pickle

import numpy as np
import pytest

import minigrad as mg
from minigrad import optim
from minigrad.core import away
from minigrad.core.graph import Leaf
from minigrad.core.tensor import Tensor

_data, _gradient = Tensor.__dict__["_array"], Leaf.__dict__["grad"]


class Lodging:
    """Holds the data of a tensor, and its gradient."""

    def __init__(self, tensor):
        self.tensor, self.kind, self.data = tensor, type(tensor), tensor._array
        self.gradient, self.fetched = None, 0
        if tensor._node is not None:
            self.gradient = tensor._node.grad
            _gradient.__delete__(tensor._node)
            away.GRADIENTS[id(tensor._node)] = self
        _data.__delete__(tensor)
        self.made = away.class_away(self.kind, ("_array", "grad"), self)
        away.set_class(tensor, self.made)
        away.LODGINGS.add(self)

    def come_home(self):
        if type(self.tensor) is self.made:
            self.fetched += 1
            _data.__set__(self.tensor, self.data)
            away.set_class(self.tensor, self.kind)
            if self.tensor._node is not None:
                away.GRADIENTS.pop(id(self.tensor._node), None)
                self.tensor._node.grad = self.gradient


def tensor(requires_grad=True):
    made = mg.tensor([1.0, 2.0], requires_grad=requires_grad)
    if requires_grad:
        made.grad = [3.0, 4.0]
    return made, Lodging(made)


def pickled(x):
    return pickle.loads(pickle.dumps(x))  # noqa: S301 - our own


LOOKS = [
    lambda x: x.data.tolist() == [1, 2],
    lambda x: x.shape == (2,),
    lambda x: (x * 2).tolist() == [2, 4],
    lambda x: x.detach().numpy().tolist() == [1, 2],
    lambda x: x[1].item() == 2,
    lambda x: x.tolist() == [1, 2] and "1., 2." in repr(x),
    lambda x: copy.copy(x).data.tolist() == copy.deepcopy(x).data.tolist() == [1, 2],
    lambda x: pickled(x).data.tolist() == [1, 2],
    lambda x: type(copy.copy(x)) is type(pickled(x)) is mg.Tensor,
    lambda x: x.grad.tolist() == [3, 4],
    lambda x: mg.zeros_like(x).tolist() == [0, 0],
    lambda x: float(optim.clip_grad_norm_([x], 100.0)) == 5,
]


@pytest.mark.parametrize("look", range(len(LOOKS)))
def test_who_looks_brings_it_home(look):
    x, lodging = tensor()
    assert isinstance(x, mg.Tensor)
    assert x.__class__ is mg.Tensor is not type(x)
    assert x.requires_grad
    assert lodging.fetched == 0
    assert LOOKS[look](x)
    assert lodging.fetched == 1
    assert type(x) is mg.Tensor
    assert x.data.tolist() == [1, 2]
    assert x.grad.tolist() == [3, 4]


def test_who_writes_does_too():
    x, lodging = tensor()
    x.data = [5.0, 6.0]
    assert (type(x), lodging.fetched, x.data.tolist(), x.grad.tolist()) == (mg.Tensor, 1, [5, 6], [3, 4])
    x, lodging = tensor()
    x.data[0] = 7
    assert (lodging.fetched, x.data.tolist()) == (1, [7, 2])
    x, lodging = tensor()
    x.grad = [8.0, 9.0]
    assert (lodging.fetched, x.data.tolist(), x.grad.tolist()) == (1, [1, 2], [8, 9])
    x, lodging = tensor(requires_grad=False)
    x += 1
    assert (lodging.fetched, x.tolist()) == (1, [2, 3])


def test_a_gradient_is_added_to_one_that_is_away():
    x = mg.tensor([1.0, 2.0], requires_grad=True)
    loss = x.sum()
    x.grad = [3.0, 4.0]
    lodging = Lodging(x)
    loss.backward()
    assert (lodging.fetched, x.grad.tolist()) == (1, [4, 5])


def test_a_gradient_is_forgotten_without_a_look():
    x, lodging = tensor()
    assert away.has_gradient(x._node)
    x.zero_grad()
    assert lodging.fetched == 0
    assert not away.has_gradient(x._node)


def test_a_copy_of_a_leaf():
    x, lodging = tensor()
    assert copy.copy(x._node).grad.tolist() == [3, 4]
    assert lodging.fetched == 1


def test_all_come_home():
    (x, one), (y, other) = tensor(), tensor()
    away.bring([x._node])
    assert (one.fetched, other.fetched) == (1, 0)
    away.bring_all()
    assert (one.fetched, other.fetched) == (1, 1)
    assert type(y) is mg.Tensor


def test_an_object_made_by_hand_of_what_is_away():
    x, lodging = tensor()
    made = object.__new__(type(x))
    _data.__set__(made, np.ones(2))
    assert made._array.tolist() == [1, 1]
    assert type(made) is mg.Tensor
    assert lodging.fetched == 1


def test_arrays_of_an_optimizer_are_known():
    w = mg.tensor([1.0, 2.0], requires_grad=True)
    optimizer = optim.Adam([w], lr=0.1)
    w.grad = [1.0, 1.0]
    optimizer.step()
    (flat,) = optimizer._flats[0]
    assert all(away.keeper_of(array) is flat for array in flat.kept())
    assert len(flat.kept()) == 3
    assert away.keeper_of(np.zeros(2)) is None
    assert list(flat.tensors()) == [w]
    copies = [array.copy() for array in flat.kept()]
    w._array = copies[0].reshape(2)
    flat.take(copies)
    assert flat.is_current()
    optimizer.step()
    assert np.array_equal(w.data, copies[0])
