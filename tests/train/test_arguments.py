"""Arguments that are several."""

import functools

import pytest

from minigrad import nn
from minigrad.errors import DTypeError
from minigrad.nn import functional as F
from minigrad.train.arguments import listed, takes_targets_first


@pytest.mark.parametrize("several", [[1], (1, 2), {1}, (x for x in "ab")])
def test_several_are_taken_as_they_are(several):
    assert listed(several, "callbacks") is several


@pytest.mark.parametrize("one", ["text", 3, None, nn.Tanh()])
def test_one_alone_is_refused_with_what_to_write(one):
    with pytest.raises(DTypeError, match=r"metrics are a list, got .*: write metrics=\[\.\.\.\]"):
        listed(one, "metrics")


class Reversed(nn.Module):
    def forward(self, labels, logits):
        return F.cross_entropy(logits, labels)


def quantile(y_true, y_pred, share=0.9):
    return (y_true - y_pred).mean() * share


@pytest.mark.parametrize("function", [quantile, functools.partial(quantile, share=0.5), Reversed(), Reversed().forward])
def test_targets_first_is_read_from_the_names_of_parameters(function):
    assert takes_targets_first(function)


@pytest.mark.parametrize(
    "function",
    [F.mse_loss, nn.MSELoss(), lambda p, t: 0, lambda y, x: 0, lambda y_pred, y_true: 0, lambda y_true: 0, print, min],
)
def test_other_names_say_nothing(function):
    assert not takes_targets_first(function)
