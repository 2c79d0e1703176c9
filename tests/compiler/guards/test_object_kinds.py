"""Kinds of objects: what is used up, and what cannot change."""

import itertools

from tests.compiler.refusing import X, refused


def test_an_iterator():
    """It may give the same in two recordings, and something else later."""
    turns = itertools.cycle([1.0, 1.0, 1.0, 2.0])
    refused(lambda x: x * next(turns), "take the item outside")


def test_an_argument_that_is_used_up():
    refused(lambda x, more: x * next(more), "from an argument, a", X, itertools.count())
    refused(lambda x, more: x * next(more), "from an argument, a", X, (i for i in range(9)))
