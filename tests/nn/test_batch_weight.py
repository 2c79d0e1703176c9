"""What the mean of a loss was divided by, as whoever listens hears it."""

import numpy as np
import pytest

import minigrad as mg
from minigrad.nn import functional as F
from minigrad.nn.batch_weight import NothingCountsError, counted, is_heard, noted, nothing_counts

LOGITS, LABELS = mg.tensor(np.random.default_rng(0).normal(size=(4, 3))), np.array([0, 2, 1, 0])
CASES = {
    "a mean over rows": (lambda: F.cross_entropy(LOGITS, LABELS), 4, False),
    "a sum": (lambda: F.cross_entropy(LOGITS, LABELS, reduction="sum"), None, True),
    "with labels that are ignored": (lambda: F.cross_entropy(LOGITS, LABELS, ignore_index=0), 2, False),
    "with weights of classes": (lambda: F.cross_entropy(LOGITS, LABELS, weight=[1.0, 2.0, 3.0]), 7, False),
    "times a factor": (lambda: F.cross_entropy(LOGITS, LABELS) * 3, 4, False),
    "two of one count": (lambda: F.cross_entropy(LOGITS, LABELS) + F.cross_entropy(LOGITS, LABELS), 4, False),
    "nobody said": (lambda: (LOGITS**2).mean(), None, False),
}


@pytest.mark.parametrize("name", CASES)
def test_what_is_counted(name):
    loss, count, is_sum = CASES[name]
    value, heard, heard_sum = counted(loss)
    assert value.item() == loss().item()
    assert heard_sum == is_sum
    if not is_sum:
        assert heard is None if count is None else float(np.asarray(getattr(heard, "data", heard))) == count


def test_nobody_hears_outside():
    assert not is_heard()
    assert noted(3, 1) == 3
    assert counted(is_heard)[0]


def test_nothing_counts_is_an_error_where_nobody_listens():
    with pytest.raises(NothingCountsError, match="no rows"):
        nothing_counts("no rows")
    with pytest.raises(NothingCountsError):
        counted(lambda: F.cross_entropy(LOGITS, np.full(4, -100), ignore_index=-100))


def test_an_error_ends_the_listening():
    with pytest.raises(ZeroDivisionError):
        counted(lambda: 1 // 0)
    assert not is_heard()
