"""An error inside an op says its name, the shapes, the options, and what to write."""

import numpy as np
import pytest

import minigrad as mg
from minigrad.compat.autograd.extend import defvjp, primitive
from minigrad.core.failures import named
from minigrad.errors import DTypeError, MinigradError, ShapeError
from minigrad.nn import functional as F


def ones(*shape):
    return mg.tensor(np.ones(shape, "float32"))


FAILING = {
    "shapes that do not broadcast": (
        lambda: ones(2) + ones(3),
        ShapeError,
        r"add of shapes \(2,\) and \(3,\).*broadcast",
    ),
    "a product": (lambda: ones(2, 3) @ ones(2, 3), ShapeError, r"matmul of shapes .*write x @ w\.T"),
    "an axis": (lambda: ones(2).sum(axis=3), MinigradError, r"sum of shapes \(2,\) with axis=3"),
    "too many indices": (lambda: ones(2)[0, 0], IndexError, "getitem"),
    "None": (lambda: mg.multiply(ones(2), None), DTypeError, "an operand is None"),
    "None in another place": (lambda: mg.arctan2(ones(2), None), DTypeError, "arctan2 of NoneType: an operand is None"),
    "None alone": (lambda: mg.sum(None), DTypeError, "sum of NoneType: an operand is None"),
    "None for a mask": (lambda: mg.where(None, ones(2), 1.0), DTypeError, "where: condition is None"),
    "an option of NumPy's": (lambda: mg.sort(ones(2), kind="abc"), ValueError, r"^sort of shapes \(2,\) .*kind='abc'"),
    "an index": (lambda: mg.take(ones(2), 5), IndexError, r"^take of shapes \(2,\) with indices=5"),
    "two axes": (lambda: mg.rot90(ones(2, 2), axes=(0, 0)), ShapeError, r"^rot90 .*axes=\(0, 0\).*different"),
    "a type": (lambda: mg.trim_zeros(ones(2), trim=(0, 1)), DTypeError, r"^trim_zeros .*\(0, 1\) is of a type that"),
    "too few axes": (lambda: mg.linalg.cond(ones(), 1), ShapeError, "cond .*an axis that the array does not have"),
    "a function inside of it": (lambda: mg.vstack([ones(1, 2), ones(1, 3)]), ShapeError, "^vstack: concatenate of"),
    "three of them": (lambda: mg.hsplit(ones(3), 2), ShapeError, "^hsplit: "),
    "True or False": (
        lambda: F.scaled_dot_product_attention(*[ones(2, 2)] * 3, is_causal="no"),
        ValueError,
        "is_causal",
    ),
    "a flag of NumPy's": (lambda: mg.nanstd(ones(2), keepdims="no"), ValueError, "nanstd: keepdims is True or False"),
    "a flag in its place": (lambda: mg.linalg.cho_factor(ones(2, 2), "upper"), ValueError, "cho_factor: lower is True"),
    "options of many operands": (
        lambda: mg.einsum("i,i", ones(2), ones(2), optimize=1),
        DTypeError,
        "subscripts='i,i->', optimize=1",
    ),
    "text": (lambda: mg.multiply(ones(2), "two"), (DTypeError, TypeError), "."),
}


@pytest.mark.parametrize("name", FAILING)
def test_what_an_error_says(name):
    call, error, match = FAILING[name]
    with pytest.raises(error, match=match):
        call()


def test_a_function_made_of_ops_says_its_own_name():
    @named
    def both(x, y, scale=1):
        return np.add(x, y) * scale

    with pytest.raises(ShapeError, match=r"both of shapes \(2,\) and \(3,\) with scale=2"):
        both(np.ones(2), np.ones(3), scale=2)
    with pytest.raises(TypeError, match="both has no option factor="):
        both(np.ones(2), np.ones(2), factor=3)
    with pytest.raises(TypeError, match="missing 1 required positional argument"):
        both(np.ones(2))


@pytest.mark.parametrize("error", [KeyError("missing"), ValueError("too many values to unpack"), StopIteration("end")])
def test_an_error_of_the_users_own_code_stays_as_it_is(error):
    text = str(error)

    def f(_):
        raise error

    with pytest.raises(type(error)) as caught:
        mg.apply_along_axis(f, 0, ones(2, 3))
    assert caught.value is error
    assert str(error) == text
    assert error.__notes__[0].startswith("in apply_along_axis of shapes (2, 3)")


class NoConvergenceError(ValueError):
    """A user's error, of a class that NumPy raises too, in words that NumPy has too."""


def _fails(_):
    raise NoConvergenceError("the array of that shape does not converge")


def _fails_in_numpy(_):
    return np.linalg.solve(np.ones((2, 2)), np.ones(3))


@mg.custom_vjp
def _with_a_rule(x):
    return _fails(x)


_with_a_rule.defvjp(lambda x: (_fails(x), x), lambda x, g: (g,))

THROUGH_THE_USERS = {
    "custom_vjp": (NoConvergenceError, lambda x: _with_a_rule(x)),
    "a primitive of autograd's names": (NoConvergenceError, primitive(_fails)),
    "NumPy in a primitive of these": (ValueError, primitive(_fails_in_numpy)),
    "a solver": (NoConvergenceError, lambda x: mg.implicit.root(_fails, lambda z, x: z - x)(x)),
    "checkpoint": (NoConvergenceError, lambda x: mg.checkpoint(_fails, x)),
    "a row at a time": (NoConvergenceError, lambda x: mg.apply_along_axis(_fails, 0, x)),
    "an op of the user's": (NoConvergenceError, mg.primitive(_fails, lambda g: g, name="failing")),
}


@pytest.mark.parametrize("name", THROUGH_THE_USERS)
def test_an_error_of_the_users_function_keeps_its_class_and_its_lines(name):
    """It became a ShapeError, which nobody waits for, for the words in it, and the user's line was not shown."""
    kind, f = THROUGH_THE_USERS[name]
    if hasattr(f, "rules"):
        defvjp(f, lambda z, x: lambda g: g)
    with pytest.raises(kind) as caught:
        mg.grad(lambda x: f(x).sum())(np.ones(3))
    assert type(caught.value) is kind
    assert any(entry.name in {"_fails", "_fails_in_numpy"} for entry in caught.traceback)


def test_an_error_without_words_has_no_name_either():
    assert [str(ShapeError(text)) for text in ("", "...")] == ["", "..."]


def test_an_error_keeps_no_array_alive():
    import gc
    import weakref

    x = np.ones(3)
    reference = weakref.ref(x)
    gc.disable()
    try:
        with pytest.raises(ShapeError):
            mg.tensor(np.ones(2)) + x
        del x
        assert reference() is None
    finally:
        gc.enable()


# Each is called with None for an argument that has no default: the error names it.
WITHOUT = {
    "an operator": (lambda: ones(2, 2) @ None, "matmul of NoneType"),
    "the other operand": (lambda: None @ ones(2, 2), "matmul of NoneType"),
    "a weight": (lambda: F.linear(ones(2, 2), None), "got None"),
    "a kernel": (lambda: F.conv2d(ones(1, 1, 2, 2), None), "conv2d: weight is None"),
    "a target": (lambda: F.mse_loss(ones(2), None), "mse_loss: target is None"),
    "labels": (lambda: F.cross_entropy(ones(2, 2), None), "cross_entropy: "),
    "a key": (lambda: F.scaled_dot_product_attention(ones(2, 2), None, ones(2, 2)), "key is None"),
    "a slope": (lambda: F.prelu(ones(2, 2), None), "prelu: "),
    "what is normalised": (lambda: F.layer_norm(None, 3), "layer_norm: x is None"),
    "a right side": (lambda: mg.linalg.solve(ones(2, 2), None), "solve of NoneType"),
    "one of several": (lambda: mg.einsum("i,i", ones(2), None), "operands is None"),
    "by name": (lambda: F.huber_loss(prediction=ones(2), target=None), "huber_loss: target is None"),
    "ids": (lambda: mg.segment_sum(ones(2), None), "segment_sum: "),
}


@pytest.mark.parametrize("name", WITHOUT)
def test_none_for_what_must_be_given_is_named(name):
    call, match = WITHOUT[name]
    with pytest.raises(DTypeError, match=match):
        call()


def test_none_where_an_argument_may_be_left_out_is_none():
    x = mg.tensor(np.ones((2, 3)), requires_grad=True)
    F.linear(x, np.ones((4, 3)), None).sum().backward()
    np.testing.assert_array_equal(x.grad, np.full((2, 3), 4.0))
    assert F.batch_norm(x, None, None, training=True).shape == (2, 3)
    assert mg.index_add(x, None, 1.0).shape == (2, 3)  # None is np.newaxis
    own = mg.primitive(lambda x, w: x if w is None else x * w, lambda g, w: g if w is None else g * w, None, name="own")
    assert own(x, None).shape == (2, 3)
