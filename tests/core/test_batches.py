"""Which calls of vmap are under way, and what each member must not do to the world outside."""

import threading

import numpy as np
import pytest

import minigrad as mg
from minigrad.core.batches import Batch, active, inside, refuse_effect
from minigrad.errors import BatchError


def test_batches_nest_and_end():
    outer, inner = Batch(3), Batch(2)
    assert inner.number > outer.number
    with inside((outer,)):
        with inside((outer, inner)):
            assert active() == (outer, inner)
        assert active() == (outer,)
    assert active() == ()


def test_an_error_ends_one_too():
    with pytest.raises(ZeroDivisionError), inside((Batch(1),)):
        1 / 0  # noqa: B018
    assert active() == ()


def test_another_thread_is_outside():
    seen = []
    with inside((Batch(1),)):
        thread = threading.Thread(target=lambda: seen.append(active()))
        thread.start()
        thread.join()
    assert seen == [()]


def test_effects_are_refused_inside_alone():
    refuse_effect("a file is written", "write it afterwards")
    with inside((Batch(2),)), pytest.raises(BatchError, match=r"vmap: a file is written.*write it afterwards"):
        refuse_effect("a file is written", "write it afterwards")


def test_gradients_of_what_is_outside_are_refused():
    w = mg.tensor([1.0, 2.0], requires_grad=True)

    def member(x):
        (w * x).sum().backward()
        return x

    with pytest.raises(BatchError, match=r"the \.grad of a tensor from outside is written|backward"):
        mg.vmap(member)(mg.tensor(np.ones((3, 2))))
    assert w.grad is None
