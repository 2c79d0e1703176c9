"""Gradient clipping: what is clipped, what stays, what is refused. More in torch/test_optim and test_compiled_steps."""

import math

import numpy as np
import pytest

import minigrad as mg
from minigrad import nn, optim
from minigrad.errors import DTypeError, HyperparameterError


def with_gradients(*gradients, dtype="float32"):
    params = [nn.Parameter(np.zeros(np.shape(g), dtype)) for g in gradients]
    for p, g in zip(params, gradients, strict=True):
        p.grad = g
    return params


def test_all_gradients_have_one_norm():
    p, q = with_gradients([3.0], [[4.0]])
    norm = optim.clip_grad_norm_([p, q], 1.0)
    assert isinstance(norm, mg.Tensor)
    assert (float(norm), norm.requires_grad, norm.dtype) == (5.0, False, np.float64)
    np.testing.assert_allclose([p.grad[0], q.grad[0, 0]], [0.6, 0.8], rtol=1e-6)


def test_small_gradients_stay_the_same_arrays():
    params = with_gradients([3.0], [[4.0]])
    before = [p.grad for p in params]
    optim.clip_grad_norm_(params, 5.1)
    assert all(p.grad is g for p, g in zip(params, before, strict=True))


@pytest.mark.parametrize("clip", [lambda p: optim.clip_grad_norm_(p, 0.5), lambda p: optim.clip_grad_value_(p, 0.5)])
def test_a_gradient_that_a_user_keeps_is_not_changed(clip):
    (p,) = with_gradients([3.0, 4.0])
    kept = p.grad
    clip([p])
    assert kept.tolist() == [3, 4]
    assert p.grad.max() <= 0.5


def test_parameters_without_a_gradient_and_frozen_ones_are_passed_over():
    p, q = with_gradients([3.0], [4.0])
    q.zero_grad()
    frozen = nn.Parameter([1.0], requires_grad=False)
    assert float(optim.clip_grad_norm_([p, q, frozen], 1.0)) == 3
    assert q.grad is None
    optim.clip_grad_value_([p, q, frozen], 0.5)
    assert p.grad.tolist() == [0.5]
    assert float(optim.clip_grad_norm_([q, frozen], 1.0)) == 0
    assert float(optim.clip_grad_norm_([], 1.0)) == 0


def test_a_single_parameter_a_generator_and_a_model():
    (p,) = with_gradients([3.0, 4.0])
    assert float(optim.clip_grad_norm_(p, 10.0)) == 5
    assert float(optim.clip_grad_norm_((x for x in [p]), 10.0)) == 5
    gone_through = iter([p])
    list(gone_through)
    for clip in (optim.clip_grad_norm_, optim.clip_grad_value_):
        with pytest.raises(HyperparameterError, match=f"{clip.__name__} got an iterator that has nothing left, .*list"):
            clip(gone_through, 10.0)
    frozen = nn.Parameter([1.0], requires_grad=False)
    assert float(optim.clip_grad_norm_((x for x in [frozen] if x.requires_grad), 1.0)) == 0
    used = (x for x in [p])
    list(used)
    with pytest.raises(HyperparameterError, match="nothing left"):
        optim.clip_grad_norm_(used, 1.0)
    model = nn.Linear(2, 1)
    model(mg.tensor([[1.0, 2.0]])).sum().backward()
    assert math.isclose(float(optim.clip_grad_norm_(model.parameters(), 10.0)), math.sqrt(6))


def test_float32_gradients_whose_squares_overflow():
    """The norm is added up in float64."""
    p, q = with_gradients([3e30], np.full(20_000, 4e30 / math.sqrt(20_000)))
    norm = optim.clip_grad_norm_([p, q], 1.0)
    assert math.isclose(float(norm), 5e30, rel_tol=1e-6)
    np.testing.assert_allclose(p.grad, [0.6], rtol=1e-5)
    assert p.grad.dtype == q.grad.dtype == np.float32


def test_mixed_dtypes_each_stay_what_they_are():
    (p,), (q,) = with_gradients([3.0]), with_gradients([4.0], dtype="float64")
    optim.clip_grad_norm_([p, q], 1.0)
    assert (p.grad.dtype, q.grad.dtype) == (np.float32, np.float64)
    np.testing.assert_allclose([p.grad[0], q.grad[0]], [0.6, 0.8], rtol=1e-6)


def test_0d_and_empty_gradients_are_arrays_afterwards():
    params = with_gradients(2.0, np.zeros((0, 3)))
    optim.clip_grad_norm_(params, 1.0)
    optim.clip_grad_value_(params, 0.25)
    assert [type(p.grad) for p in params] == [np.ndarray] * 2
    assert (params[0].grad.shape, params[1].grad.shape) == ((), (0, 3))
    assert params[0].grad == 0.25


@pytest.mark.parametrize(("value", "after"), [(math.nan, [math.nan] * 2), (math.inf, [math.nan, 0.0])])
@pytest.mark.filterwarnings("ignore:invalid value:RuntimeWarning")
def test_a_norm_that_is_not_finite(value, after):
    (p,) = with_gradients([value, 1.0])
    with pytest.raises(FloatingPointError, match="norm of the gradients is not finite"):
        optim.clip_grad_norm_([p], 1.0, error_if_nonfinite=True)
    np.testing.assert_array_equal(p.grad, np.float32([value, 1]))
    assert not math.isfinite(float(optim.clip_grad_norm_([p], 1.0)))
    np.testing.assert_array_equal(p.grad, np.float32(after))


BAD = [
    (lambda p: optim.clip_grad_norm_([p], -1), HyperparameterError, "max_norm is a finite number >= 0, such as 1.0"),
    (lambda p: optim.clip_grad_norm_([p], math.nan), HyperparameterError, "max_norm is"),
    (lambda p: optim.clip_grad_norm_([p], 1.0, 0), HyperparameterError, "norm_type is a number > 0 or math.inf; got 0"),
    (lambda p: optim.clip_grad_norm_([p], 1.0, "fro"), HyperparameterError, "got 'fro'"),
    (lambda p: optim.clip_grad_value_([p], -1), HyperparameterError, "clip_value is a finite number >= 0"),
    (lambda p: optim.clip_grad_value_([p], math.inf), HyperparameterError, "got inf"),
    (lambda p: optim.clip_grad_norm_([p.data], 1.0), DTypeError, "takes tensors, got ndarray: pass model.parameters()"),
    (lambda p: optim.clip_grad_value_([("w", p)], 1.0), DTypeError, "got tuple"),
]  # fmt: skip


@pytest.mark.parametrize(("call", "error", "message"), BAD)
def test_wrong_arguments_are_refused(call, error, message):
    (p,) = with_gradients([3.0])
    with pytest.raises(error) as caught:
        call(p)
    assert message in str(caught.value)
    assert p.grad.tolist() == [3]


@pytest.mark.parametrize("norm_type", [1, 2, 3, math.inf])
def test_a_parameter_that_is_given_twice_counts_once(norm_type):
    """Lists of two models that share a layer, joined."""
    p, q = with_gradients([3.0], [4.0])
    others = with_gradients([3.0], [4.0])
    norm = optim.clip_grad_norm_([p, q, p, p], 1.0, norm_type)
    assert float(norm) == float(optim.clip_grad_norm_(others, 1.0, norm_type))
    assert [x.grad.tolist() for x in (p, q)] == [x.grad.tolist() for x in others]


@pytest.mark.parametrize("value", ["no", None, 2, 0.5], ids=repr)
def test_whether_to_raise_is_true_or_false(value):
    p = mg.tensor([0.0, 0.0], requires_grad=True)
    p.grad = [3.0, np.inf]
    with pytest.raises(HyperparameterError, match="error_if_nonfinite is True or False"):
        mg.optim.clip_grad_norm_([p], 1.0, error_if_nonfinite=value)
    assert p.grad.tolist() == [3.0, np.inf]


@pytest.mark.parametrize("clip", [optim.clip_grad_norm_, optim.clip_grad_value_])
def test_a_generator_that_was_gone_through_is_refused(clip):
    """A generator that nobody has asked may give nothing; one that has given all would clip nothing, in silence."""
    (p,) = with_gradients([3.0])
    clip((q for q in ()), 1.0)
    parameters = (q for q in [p])
    clip(parameters, 1.0)
    with pytest.raises(HyperparameterError, match="has nothing left"):
        clip(parameters, 1.0)
    begun = (q for q in [p])
    next(begun)
    with pytest.raises(HyperparameterError, match="has nothing left"):
        clip(begun, 1.0)
