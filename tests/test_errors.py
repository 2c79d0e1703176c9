"""Exceptions: each is the package's, and the built-in one that a user of NumPy would catch."""

import pickle

import pytest

from minigrad import errors
from minigrad.errors import MinigradError

KINDS = [x for x in vars(errors).values() if isinstance(x, type) and issubclass(x, MinigradError)]
BUILT_IN = {
    "ShapeError": ValueError, "AxisError": IndexError, "ScalarError": TypeError, "DTypeError": TypeError,
    "TargetError": ValueError, "GraphError": RuntimeError, "AnomalyError": FloatingPointError,
    "GradientError": AssertionError, "UnsupportedError": TypeError, "CompileError": RuntimeError,
    "HyperparameterError": ValueError, "StateError": ValueError, "FileError": OSError, "DataError": ValueError,
    "DivergenceError": FloatingPointError,
}  # fmt: skip


@pytest.mark.parametrize("name", BUILT_IN)
def test_it_is_a_built_in_one_too(name):
    with pytest.raises(BUILT_IN[name], match="what was wrong"):
        raise getattr(errors, name)("what was wrong")


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__)
def test_it_says_the_layer_that_it_came_through(kind):
    error = kind("what was wrong")
    assert error.layer is None
    error.layer, error.layer_path = "Linear(3, 2)", ("0",)
    assert "Linear(3, 2)" in str(error)
    again = pickle.loads(pickle.dumps(kind("what was wrong")))  # noqa: S301
    assert type(again) is kind
    assert "what was wrong" in str(again)
