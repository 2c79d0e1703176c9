"""The mode: what records here and now, in threads, decorators and after errors; the default dtype."""

import threading

import numpy as np
import pytest

import minigrad as mg
from minigrad.core import context
from minigrad.core.context import ModeContext, enable_grad, is_recording, mode, no_grad
from minigrad.core.graph import Node
from minigrad.errors import DTypeError


def test_contexts_nest_and_end():
    assert mode() is Node
    with no_grad():
        assert not is_recording()
        with enable_grad():
            assert is_recording()
        assert not is_recording()
    assert mode() is Node


def test_an_error_ends_a_context_too():
    with pytest.raises(ZeroDivisionError), no_grad():
        1 / 0  # noqa: B018
    assert is_recording()


def test_another_thread_records():
    seen = []
    with no_grad():
        thread = threading.Thread(target=lambda: seen.append(is_recording()))
        thread.start()
        thread.join()
    assert seen == [True]


def test_a_decorated_function_may_call_itself():
    @no_grad()
    def depth(n):
        return is_recording() if n == 0 else depth(n - 1)

    assert depth(3) is False
    assert is_recording()


@pytest.mark.parametrize("wrong", [lambda: no_grad(lambda: 1), lambda: enable_grad(print)])
def test_a_decorator_without_parentheses_is_refused(wrong):
    with pytest.raises(TypeError, match="with parentheses"):
        wrong()


def test_a_generator_is_not_decorated():
    def numbers():
        yield 1

    with pytest.raises(TypeError, match="decorates plain functions"):
        no_grad()(numbers)


def test_a_mode_of_ones_own_says_how_it_changes():
    with pytest.raises(NotImplementedError), ModeContext():
        pass


def test_outside_of_a_recorded_step_a_phase_is_nothing():
    with context.phase("update"):
        assert context.recorder() is None
        assert mode() is Node


@pytest.mark.parametrize("wrong", ["int32", "complex64", "no dtype", None])
def test_the_default_dtype_is_real_and_floating(wrong):
    before = mg.get_default_dtype()
    if wrong is None:
        mg.set_default_dtype("float64")
        try:
            assert mg.tensor([1.0]).dtype == np.float64
        finally:
            mg.set_default_dtype(before)
    else:
        with pytest.raises(DTypeError, match="the default is a floating dtype"):
            mg.set_default_dtype(wrong)
    assert mg.get_default_dtype() == before
