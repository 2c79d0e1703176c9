"""Structures as vectors and back, with gradients both ways."""

import numpy as np
import pytest

import minigrad.compat.autograd.numpy as anp
from minigrad.compat.autograd import grad
from minigrad.compat.autograd.misc.flatten import flatten, flatten_func

TREE = {"w": np.arange(4.0).reshape(2, 2), "b": (7.0, [np.array([8.0])]), "e": []}


def test_a_structure_comes_back_as_it_was():
    vector, unflatten = flatten(TREE)
    assert vector.tolist() == [7, 8, 0, 1, 2, 3]
    back = unflatten(2 * vector)
    assert list(back) == list(TREE)
    assert back["w"].tolist() == [[0, 2], [4, 6]]
    assert back["b"] == (14.0, [np.array([16.0])])
    assert type(back["b"][0]) is np.float64
    assert flatten([])[0].shape == (0,)


def test_gradients_pass_both_ways():
    found = grad(lambda tree: anp.sum(flatten(tree)[0] ** 2))(TREE)
    assert found["w"].tolist() == [[0, 2], [4, 6]]
    unflatten = flatten(TREE)[1]
    assert grad(lambda v: anp.sum(unflatten(v)["w"][0]))(np.ones(6)).tolist() == [0, 0, 1, 1, 0, 0]
    f, back, vector = flatten_func(lambda tree, c: {"s": c * tree["w"]}, TREE)
    assert grad(lambda v: anp.sum(f(v, 3.0)))(vector).tolist() == [0, 0, 3, 3, 3, 3]
    assert back(vector)["b"][0] == 7.0


def test_complex_parts_stay_complex_and_real_ones_real():
    vector, unflatten = flatten([1.0, np.array([1j])])
    back = unflatten(vector)
    assert back[0] == 1.0
    assert not np.iscomplexobj(back[0])
    assert back[1].tolist() == [1j]


def test_another_length_is_refused():
    with pytest.raises(ValueError, match="vector of shape"):
        flatten(TREE)[1](np.ones(7))
