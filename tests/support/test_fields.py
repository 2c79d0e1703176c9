"""Classes whose arguments are their annotated attributes."""

from __future__ import annotations

import inspect
from dataclasses import KW_ONLY
from typing import ClassVar

import pytest

from minigrad.support.fields import take_fields


class Base:
    shared: ClassVar[int] = 3
    size: int
    rate: float = 0.1

    def _take(self, **values):
        vars(self).update(values)


take_fields(Base)


class More(Base):
    rate: float = 0.5
    _: KW_ONLY
    name: str = "more"


def test_arguments_are_the_annotated_attributes():
    one = Base(2)
    assert vars(one) == {"size": 2, "rate": 0.1}
    assert list(inspect.signature(Base).parameters) == ["size", "rate"]


def test_those_of_a_base_keep_their_place_and_others_go_by_name():
    assert take_fields(More) == ("size", "rate", "name")
    assert vars(More(1, name="x")) == {"size": 1, "rate": 0.5, "name": "x"}
    with pytest.raises(TypeError, match="too many positional arguments; it takes"):
        More(1, 2, "x")


@pytest.mark.parametrize("call", [lambda: Base(), lambda: Base(1, size=2), lambda: Base(1, other=3)])
def test_an_error_says_what_it_takes(call):
    with pytest.raises(TypeError, match=r"Base.__init__\(\) .*it takes \(size, rate=0.1\)"):
        call()


def test_without_fields_the_init_stays():
    class Plain:
        def __init__(self, x):
            self.x = x

    init = Plain.__init__
    assert take_fields(Plain) == ()
    assert Plain.__init__ is init
