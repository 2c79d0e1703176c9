"""Nested structures: what is a leaf, and what comes out where leaves are replaced."""

import dataclasses
from collections import OrderedDict, defaultdict, namedtuple
from typing import ClassVar

import numpy as np
import pytest

from minigrad import nn
from minigrad.core import trees

Pair = namedtuple("Pair", "one two")


@dataclasses.dataclass(frozen=True)
class Record:
    one: object
    two: object = None
    shared: ClassVar[int] = 3


class Listed(list):
    """A list that is made in another way than lists are."""

    def __init__(self, first, rest):
        super().__init__([first, *rest])


@dataclasses.dataclass(eq=False)
class Model(nn.Module):
    width: int = 2


MODEL = Model()
EMPTY_SLOT = Record.__new__(Record)
object.__setattr__(EMPTY_SLOT, "one", 1)  # without the other

TREES = [
    1, None, "text", (), [], {}, (1, None, 2), [1, [2, (3,)]], {"a": 1, "b": {"c": None}}, Pair(1, [2]),
    OrderedDict(b=1, a=2), Record(1, (2, None)), Listed(1, [2]), MODEL, [MODEL, 1], EMPTY_SLOT,
]  # fmt: skip


@pytest.mark.parametrize("tree", TREES, ids=lambda tree: type(tree).__name__)
def test_what_is_replaced_by_itself_stays_what_it_is(tree):
    other = trees.mapped_all(lambda leaf: leaf, tree)
    assert type(other) is type(tree)
    assert list(trees.flat(other)) == list(trees.flat(tree))
    assert repr(other) == repr(tree) if tree is not EMPTY_SLOT else other.one == 1
    leaf = not isinstance(tree, (tuple, list, dict, Record))
    assert leaf or other is not tree or not tree


@pytest.mark.parametrize("tree", TREES, ids=lambda tree: type(tree).__name__)
def test_none_is_a_leaf_in_one_way_and_none_in_the_other(tree):
    flat = list(trees.flat(tree))
    if tree is not EMPTY_SLOT:
        assert [leaf for _, leaf in trees.leaves(tree)] == [leaf for leaf in flat if leaf is not None]
    assert list(trees.flat(trees.mapped_all(lambda leaf: [leaf], tree))) == flat
    replaced = trees.mapped(lambda leaf: "x", tree)
    assert list(trees.flat(replaced)) == [None if leaf is None else "x" for leaf in flat]
    numbered = trees.rebuilt(tree, iter(range(100)))
    found = [leaf for leaf in trees.flat(numbered) if leaf is not None]
    assert found == list(range(len(found)))


def test_order_and_kinds():
    tree = {"b": (1, [2]), "a": Pair(3, Record(4, 5))}
    assert list(trees.flat(tree)) == [1, 2, 3, 4, 5]
    other = trees.mapped_all(lambda leaf: leaf * 10, tree)
    assert other == {"b": (10, [20]), "a": Pair(30, Record(40, 50))}
    assert list(other) == ["b", "a"]
    held = defaultdict(list, x=1)
    other = trees.mapped_all(lambda leaf: leaf + 1, held)
    assert (other, other["y"], held) == ({"x": 2, "y": []}, [], {"x": 1})


def test_which_dataclasses_are_taken_apart():
    tree = [Record(1, 2)]
    assert trees.mapped_all(type, tree) == [Record(int, int)]
    assert trees.mapped_all(type, tree, lambda _: False) == [Record]
    assert list(trees.flat(Record)) == [Record]  # the class itself
    assert list(trees.flat(MODEL)) == [MODEL]


def test_arrays_are_leaves():
    x = np.ones((2, 3))
    assert next(trees.flat([x])) is x
    assert trees.mapped_all(np.sum, {"x": x}) == {"x": 6.0}
