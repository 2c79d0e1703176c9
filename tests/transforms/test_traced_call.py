"""One call with new tensors for its arguments: structures, names, numbers of arguments."""

from collections import OrderedDict
from dataclasses import dataclass

import numpy as np
import pytest

import minigrad as mg
from minigrad.errors import ShapeError
from minigrad.transforms import grad, hessian, jvp, value_and_grad
from tests.transforms.test_functions import A, Point, X, equal, linear


def test_structures_of_arguments():
    p = {"a": [1.0, (2.0, None)], "b": Point(3.0, np.ones(2, np.float32)), "c": (), "d": mg.tensor(5.0)}

    def f(p):
        assert type(p["b"]) is Point
        assert p["c"] == ()
        assert p["a"][1][1] is None
        return p["a"][0] * p["a"][1][0] + p["b"].x * p["b"].y.sum() + p["d"] ** 2

    found = grad(f)(p)
    equal(found, {"a": [2.0, (1.0, None)], "b": Point(2.0, np.full(2, 3.0)), "c": (), "d": 10.0})
    assert p["a"][0] == 1.0
    assert not p["d"].requires_grad


def test_subclasses_stay_what_they_are():
    found = grad(lambda p: p["x"] * p["y"])(OrderedDict(x=2.0, y=3.0))
    assert type(found) is OrderedDict
    model = linear()
    found = grad(lambda ps: ps[0].sum() * 2.0 + ps[1].sum())(model.parameters())
    equal(list(found), [np.full((2, 3), 2.0), np.ones(2)])
    assert found.names == ["weight", "bias"]


def test_argnums_and_what_passes_through():
    marker = object()

    def f(x, other, y, *, scale, things):
        assert other is marker
        assert things is marker
        assert type(scale) is int
        return (x * y).sum() * scale

    found = grad(f, argnums=(2, 0))(X, marker, A[0], scale=2, things=marker)
    equal(found, (2 * X, 2 * A[0]))
    equal(grad(f, argnums=-1)(X, marker, A[0], scale=2, things=marker), 2 * X)
    equal(value_and_grad(f)(X, marker, A[0], scale=1, things=marker), (X @ A[0], A[0]))


@dataclass(frozen=True)
class Line:
    slope: float
    offset: np.ndarray
    name: None = None


def test_dataclasses():
    found = grad(lambda line, x: (line.slope * x + line.offset).sum())(Line(2.0, X), X)
    assert type(found) is Line
    equal(found.slope, X.sum())
    equal(found.offset, np.ones(3))
    equal(jvp(lambda p: p.slope * p.offset, (Line(2.0, X),), (Line(1.0, X),))[1], X + 2 * X)
    with pytest.raises(ShapeError, match="a Line"):
        jvp(lambda p: p.slope, (Line(2.0, X),), ((1.0, X),))


def test_arguments_by_name():
    def f(x, y, *, scale=1.0):
        return (x * y).sum() * scale

    equal(grad(f, argnums="y")(X, A[0]), X)
    equal(grad(f, argnums="y")(X, y=A[0]), X)
    equal(grad(f, argnums=1)(X, y=A[0]), X)
    equal(grad(f, argnums=["scale", "x"])(X, A[0], scale=2.0), (X @ A[0], 2 * A[0]))
    equal(hessian(f, argnums=("x", "y"))(X, y=X)[0][1], np.eye(3, dtype=float))
    with pytest.raises(TypeError, match="twice"):
        grad(f, argnums=(1, "y"))(X, X)
    with pytest.raises(TypeError, match="argnums='z' names an argument that was not given"):
        grad(f, argnums="z")(X, X)
