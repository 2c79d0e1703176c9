"""Names for annotations: they can be used at run time, and say what they are for."""

import typing

import numpy as np
import pytest

import minigrad as mg
from minigrad import typing as names


@pytest.mark.parametrize("name", names.__all__)
def test_each_name_can_stand_in_an_annotation(name):
    def f(x):
        return x

    f.__annotations__["x"] = getattr(names, name)
    assert typing.get_type_hints(f)["x"] is not None


@pytest.mark.parametrize("name", ["Array", "ArrayLike"])
def test_arrays_and_tensors_are_both(name):
    kinds = typing.get_args(getattr(names, name))
    flat = {inner for kind in kinds for inner in (typing.get_args(kind) or (kind,))} | set(kinds)
    assert {np.ndarray, mg.Tensor} <= flat
