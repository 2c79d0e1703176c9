"""``detect_anomaly`` finds the first value that is not finite and says where; ``strict_dtypes`` refuses promotion."""

import threading
import warnings

import numpy as np
import pytest

import minigrad as mg
from minigrad import nn
from minigrad.core.context import mode
from minigrad.core.graph import Node
from minigrad.errors import AnomalyError, DTypeError, GraphError


def leaf(values, dtype=float):
    return mg.tensor(np.array(values, dtype), requires_grad=True)


def message(kind, f):
    with pytest.raises(kind) as raised, mg.detect_anomaly():
        f()
    return str(raised.value)


# -- values -------------------------------------------------------------------------------------


def test_the_first_value_that_is_not_finite_is_named_with_everything_one_needs():
    x = leaf([[1.0, 2.0], [0.5, 3.0]])

    def loss():
        shifted = x - 0.5  # the line of subtract
        return mg.log(shifted).sum()  # the line of log

    text = message(AnomalyError, loss)
    assert "log made the first value that is not finite: -inf at (1, 0)" in text
    assert "x = 0.0 there" in text
    assert "test_watching.py" in text
    assert "return mg.log(shifted).sum()  # the line of log" in text
    assert "computed from:\n    subtract at" in text
    assert "the line of subtract" in text
    assert "log_softmax" in text  # the remedy


def test_operands_of_a_broadcast_op_are_those_that_met():
    x, y = leaf([[1.0], [4.0]]), leaf([2.0, 0.0])
    text = message(AnomalyError, lambda: x / y)
    assert "inf at (0, 1)" in text
    assert "x = 1.0 there" in text
    assert "y = 0.0 there" in text
    assert "add a small number to the denominator" in text


def test_operands_of_another_shape_are_described():
    x, w = leaf(np.full((2, 3), 1e200)), leaf(np.full((3, 2), 1e200))
    text = message(AnomalyError, lambda: x @ w)
    assert "matmul made the first value that is not finite: inf at (0, 0)" in text
    assert "of shape (3, 2), 0 not finite, from 1e+200 to 1e+200" in text


def test_nan_that_came_in_with_the_data_is_not_blamed_on_the_op():
    data = mg.tensor([1.0, np.nan])
    text = message(AnomalyError, lambda: data * 2)
    assert "nan at (1,)" in text
    assert "it came in with the data" in text


@pytest.mark.parametrize(
    ("f", "said"),
    [
        (lambda: (mg.tensor([[np.inf, 1.0]]) @ leaf([[0.0], [1.0]])).sum(), "x holds NaN or inf already"),
        (
            lambda: mg.tanh(mg.tensor([[np.inf, 1.0]]) @ leaf([[1.0], [1.0]])).sum().backward(),
            "x holds NaN or inf already",
        ),
        (lambda: (leaf([2.0]) * 3).backward(np.array([np.nan])), "g holds NaN or inf already"),
        (lambda: mg.log(mg.tensor([np.inf, 0.0])), "the logarithm of 0 is -inf"),  # the inf is another element's
        (lambda: leaf([1e200]) ** 2.5, "the power overflowed"),
        (lambda: mg.sqrt(leaf([-1.0])), "the root of a negative number is NaN"),
        (lambda: mg.arcsin(leaf([2.0])), "NaN beyond"),
    ],
)
def test_the_cause_is_the_operand_that_came_in_or_else_what_the_op_did(f, said):
    *_, cause = message(AnomalyError, f).splitlines()  # the lines before it show the words of this file
    assert said in cause


def test_ops_of_any_number_of_arrays_are_watched_too():
    text = message(AnomalyError, lambda: mg.stack([leaf([1.0]), mg.tensor([np.nan])]))
    assert "stack made the first value" in text


def test_a_mask_of_minus_infinity_is_no_anomaly():
    scores, mask = leaf([[1.0, 2.0], [3.0, 4.0]]), np.array([[True, False], [True, True]])
    with mg.detect_anomaly():
        mg.softmax(mg.where(mask, scores, -np.inf)).sum().backward()
    assert np.isfinite(scores.grad).all()


def test_under_no_grad_values_are_watched_and_nothing_is_recorded():
    x = leaf([0.0])
    with mg.detect_anomaly(), mg.no_grad():
        assert not (x + 1).requires_grad
        with mg.enable_grad():
            assert (x + 1).requires_grad
        with pytest.raises(AnomalyError):
            mg.log(x)


# -- gradients ----------------------------------------------------------------------------------


def test_the_first_gradient_that_is_not_finite_is_named():
    x = leaf([4.0, 0.0])

    def step():
        root = mg.sqrt(x)  # the line of sqrt
        (root * 3).sum().backward()

    text = message(AnomalyError, step)
    assert "the gradient of sqrt with respect to argument 0 is the first that is not finite: inf at (1,)" in text
    assert "g = 3.0 there" in text
    assert "z = 0.0 there" in text
    assert "the line of sqrt" in text
    assert "on its way from:\n    multiply at" in text
    assert "sqrt(x + eps)" in text
    assert x.grad is None


def test_recorded_gradients_are_watched_as_well():
    x = leaf([0.0])

    def second():
        with np.errstate(all="ignore"):
            return mg.autograd.grad(mg.sqrt(x).sum(), x, create_graph=True)

    text = message(AnomalyError, second)
    assert "divide made the first value" in text or "the gradient of sqrt" in text


def test_what_is_finite_passes_and_is_the_same():
    def gradients():
        model = nn.Sequential(nn.Linear(3, 4, generator=np.random.default_rng(0)), nn.Tanh())
        model(np.ones((2, 3), np.float32)).sum().backward()
        return [p.grad for p in model.parameters()]

    plain = gradients()
    with mg.detect_anomaly():
        watched = gradients()
    for a, b in zip(plain, watched, strict=True):
        np.testing.assert_array_equal(a, b)


# -- data that changes --------------------------------------------------------------------------


@pytest.mark.parametrize("alias", [lambda x: x.data, lambda x: x.detach().data, lambda x: x.data[:1]])
def test_a_write_through_numpy_is_caught_and_the_op_named(alias):
    x = leaf([1.0, 2.0])

    def step():
        y = x * x  # the line that saved x
        alias(x)[...] = 7.0
        y.sum().backward()

    text = message(GraphError, step)
    assert "data changed between forward and backward: multiply saved an array" in text
    assert "the line that saved x" in text
    assert x.grad is None


def test_a_write_into_what_no_gradient_needs_is_nobodys_business():
    x = leaf([1.0, 2.0])
    with mg.detect_anomaly():
        y = x + 1
        y.data[...] = 0
        y.sum().backward()
    assert x.grad.tolist() == [1, 1]


# -- the context --------------------------------------------------------------------------------


def test_numpys_warnings_are_off_inside_and_on_after():
    before = np.geterr()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        message(AnomalyError, lambda: leaf([1.0]) / 0.0)
        with mg.detect_anomaly(), mg.detect_anomaly():
            pass
    assert np.geterr() == before
    assert mode() is Node


def test_as_a_decorator():
    @mg.detect_anomaly()
    def f(x):
        return mg.log(x)

    with pytest.raises(AnomalyError):
        f(leaf([0.0]))
    with pytest.raises(TypeError, match=r"@detect_anomaly\(\) with parentheses"):
        mg.detect_anomaly(f)
    assert mode() is Node


def test_one_thread_does_not_watch_another():
    seen = []
    with mg.detect_anomaly():
        thread = threading.Thread(target=lambda: seen.append(mode()))
        thread.start()
        thread.join()
    assert seen == [Node]


# -- dtypes -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "f",
    [
        lambda x: x * np.float64(2),
        lambda x: x + np.ones(2),
        lambda x: mg.concatenate([x, np.zeros(2, float)]),
        lambda x: mg.exp(mg.tensor(np.array([1, 2]))),
        lambda x: x.astype("float64") * x,
    ],
)
def test_strict_dtypes_refuse_promotion(f):
    x = leaf([1.0, 2.0], np.float32)
    f(x)
    with pytest.raises(DTypeError, match=r"under strict_dtypes\(\) nothing is promoted"), mg.strict_dtypes():
        f(x)


def test_strict_dtypes_let_pure_code_pass():
    x, labels = leaf([[1.0, 2.0], [3.0, 0.5]], np.float32), np.array([0, 1])
    with mg.strict_dtypes():
        y = mg.where(x.data > 1, x * 2 + 1.5, x**2)[labels, labels] - np.float32(1)
        loss = mg.softmax_cross_entropy(x, labels) + y.mean() + x.astype("float64").sum().astype("float32")
        loss.backward()
    assert type(loss._node) is Node
    assert x.grad.dtype == np.float32


def test_both_at_once():
    with mg.strict_dtypes(), mg.detect_anomaly():
        with pytest.raises(DTypeError):
            leaf([1.0], np.float32) * np.float64(2)
        with pytest.raises(AnomalyError):
            mg.log(leaf([0.0]))
