"""The search for ways: all of them where there are few, and the largest first where there are many."""

import numpy as np
import pytest

import minigrad as mg
from minigrad.core.graph import leading_to
from minigrad.viz import ways


def search(loss, w, element=None):
    route, _ = leading_to({w._node}, [loss._node])
    direction = np.ones(w.shape)
    if element is not None:
        direction = np.zeros(w.shape)
        direction[element] = 1
    return ways.Search(loss._node, w._node, route, direction, element)


def lattice(w, depth):
    """A value with 2 ** depth ways to w, of sizes that differ."""
    value = w
    for number in range(depth):
        value = 0.9 * mg.sin(value) + (0.1 + number / 100) * value
    return value


def test_all_ways_are_found_where_they_are_few():
    w = mg.tensor(0.3, dtype="float64", requires_grad=True)
    loss = lattice(w, 6)
    found = search(loss, w, ())
    parts = [place.gradient for place in found.ways()]
    assert found.complete
    assert len(parts) == 64
    assert sum(parts) == pytest.approx(mg.autograd.grad(loss, w)[0].item(), rel=1e-12)


def test_the_largest_is_among_the_first_of_very_many(monkeypatch):
    w = mg.tensor(0.3, dtype="float64", requires_grad=True)
    loss = lattice(w, 10)
    most = max(abs(place.gradient) for place in search(loss, w, ()).ways())
    monkeypatch.setattr(ways, "PLACES", 200)
    few = search(loss, w, ())
    parts = [abs(place.gradient) for place in few.ways()]
    assert not few.complete
    assert len(parts) < 100
    assert max(parts) == most


def test_only_so_many_elements_of_a_step_are_followed(monkeypatch):
    monkeypatch.setattr(ways, "WIDTH", 3)
    w = mg.tensor(2.0, requires_grad=True)
    x = np.arange(6, dtype="float32")
    found = search((w * x).sum(), w, ())
    assert sorted(place.gradient for place in found.ways()) == [3, 4, 5]
    assert not found.complete


def test_ways_of_elements_that_cancel_are_followed_and_dead_ends_are_not():
    w = mg.tensor([1.0, 2.0], requires_grad=True)
    h = mg.exp(w)
    found = search((h - mg.exp(w)).sum() + mg.exp(w).sum(), w, (1,))
    parts = [float(place.gradient) for place in found.ways()]
    assert sorted(parts) == pytest.approx([-np.exp(2), np.exp(2), np.exp(2)])
