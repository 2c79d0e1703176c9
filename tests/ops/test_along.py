"""Inputs of functions made of ops: kinds of numbers, masks, and parts along an axis."""

import numpy as np
import pytest

import minigrad as mg
from minigrad.errors import DTypeError
from minigrad.ops import along

X = np.arange(12.0).reshape(3, 4)


@pytest.mark.parametrize("make", [np.asarray, mg.tensor])
def test_parts_along_an_axis(make):
    x = make(X)
    for axis in (0, 1, -1):
        index = (slice(None),) * (axis % 2)
        np.testing.assert_array_equal(np.asarray(along.part(x, axis, 1, 3)), X[(*index, slice(1, 3))])
        np.testing.assert_array_equal(np.asarray(along.backwards(x, axis)), np.flip(X, axis))


@pytest.mark.parametrize(
    ("given", "wide", "floating"),
    [
        ("f2", "f4", "f2"),
        ("f4", "f4", "f4"),
        ("f8", "f8", "f8"),
        ("i4", "f8", "f8"),
        ("?", "f8", "f8"),
        ("c8", "c8", "c8"),
    ],
)
def test_room_for_sums(given, wide, floating):
    x = np.ones(2, given)
    assert along.widened(x).dtype == wide
    assert along.floating(x).dtype == floating


@pytest.mark.parametrize(
    "mask", [np.array([True, True]), np.array([True, False]), np.array([False, False]), np.bool_(True)]
)
def test_masks(mask):
    assert along.nowhere(mask) == (not mask.any())


def test_a_tensor_has_a_choice_for_each_element():
    assert not along.nowhere(mg.tensor([0.0, 0.0]))


def test_complex_numbers_are_refused_by_name():
    along.require_real("median", X)
    with pytest.raises(DTypeError, match="median"):
        along.require_real("median", X + 1j)


def test_what_is_given_stays_what_it_is():
    t = mg.tensor([1.0])
    assert along.given(X) is X
    assert along.given(t) is t
    assert along.given([1.0, 2.0]).dtype == mg.get_default_dtype()
