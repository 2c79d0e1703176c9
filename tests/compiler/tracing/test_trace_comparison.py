"""Two recordings must agree: what differs is refused with its line."""

import decimal

import numpy as np
import pytest

from tests.compiler.refusing import refused


@pytest.fixture(autouse=True)
def _first_turn():
    with decimal.localcontext() as context:
        context.prec = 1
        yield


def turn():
    """1, 2, 3, from where no walk over names can look."""
    context = decimal.getcontext()
    context.prec += 1
    return context.prec - 1


def test_data_that_changes_from_call_to_call():
    def row():
        return np.full(3, turn(), np.float32)

    assert "x * row()" in refused(lambda x: x * row(), "from outside differs from call to call", calls=20)


def test_a_number_that_changes_from_call_to_call():
    message = refused(lambda x: x * (turn() / 10), "differs from call to call", calls=20)
    assert "it was 0.7, and is 0.8" in message


def test_what_is_done_differs():
    message = refused(lambda x: x + x if turn() % 2 else x * x, "something else from call to call", calls=20)
    assert "if turn() % 2" in message
