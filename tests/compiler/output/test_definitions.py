"""Own functions as text: what is written out, and what has no text."""

import functools
import math
from collections.abc import Callable
from typing import NamedTuple

import numpy as np
import pytest

from minigrad.compiler.tracing.trace_comparison import same_bits
from minigrad.errors import CompileError
from tests.compiler.output.test_listing import _SHIFTS, written

_TABLE = np.array([0.5, 0.25], np.float32)


def _moved(x, by):
    # A remark that stays.
    return np.roll(x, by)  # pragma: no cover


@functools.cache
def _root(number):
    return math.sqrt(number)


class _Size(NamedTuple):
    """How far."""

    shift: int
    factor: float = 2.0


def _plain(x: np.ndarray, size: _Size) -> np.ndarray:
    moved = _moved(x, size.shift + _SHIFTS["one"])
    assert isinstance(size, _Size)
    return moved * np.float32(_root(4) * size.factor) + _TABLE.sum()


def test_the_text_of_own_functions():
    text, namespace = written(_plain, taken={"np", "_root"})
    assert "# A remark that stays." in text
    assert "pragma" not in text
    assert "_root_2(4)" in text  # the name was taken
    assert "@functools.cache" in text
    x = np.float32([1, 2, 3])
    assert same_bits(namespace["_plain"](x, namespace["_Size"](1)), _plain(x, _Size(1)))


class _Elsewhere:
    _size = staticmethod(len)


def _reads_object():
    return _ELSEWHERE._size(())


_ELSEWHERE = _Elsewhere()


def test_what_has_no_text():
    namespace = {}
    exec("def typed(x): return x", namespace)
    for function, message in [
        (namespace["typed"], "typed, which has no source text"),
        (lambda x: x, "no name: write it as a function, with def"),
        (_reads_object, "_reads_object uses _ELSEWHERE, a _Elsewhere, which cannot be written"),
    ]:
        with pytest.raises(CompileError, match=message):
            written(function)


def test_constants_of_modules():
    def f(x):
        return x * _TABLE.sum() + _KINDS["a"][0] + len(_ALLOWED)

    text, namespace = written(f)
    assert "_ALLOWED = frozenset([1, 2])" in text
    assert same_bits(namespace["f"](np.float32([1])), f(np.float32([1])))


_KINDS = {"a": (0.5, None)}


_ALLOWED = frozenset({1, 2})


_Sizes = int | tuple[int, ...] | None
_Named = dict[str, np.ndarray]
_Rate = float | Callable[[int], float]


def _typed(x: np.ndarray, named: _Named, size: _Sizes = None, rate: _Rate = 1.0) -> np.ndarray:
    return x * named["factor"] * rate if size is None else x


def test_names_of_types_have_what_they_mention():
    text, namespace = written(_typed)
    assert "_Sizes = int | tuple[int, ...] | None" in text
    assert "_Named = dict[str, ndarray]" in text
    assert "_Rate = float | Callable" in text
    x = np.float32([1, 2])
    assert same_bits(namespace["_typed"](x, {"factor": x}), x * x)
