"""Arguments that are several."""

import pytest

from minigrad import nn
from minigrad.errors import DTypeError
from minigrad.train.arguments import listed


@pytest.mark.parametrize("several", [[1], (1, 2), {1}, (x for x in "ab")])
def test_several_are_taken_as_they_are(several):
    assert listed(several, "callbacks") is several


@pytest.mark.parametrize("one", ["text", 3, None, nn.Tanh()])
def test_one_alone_is_refused_with_what_to_write(one):
    with pytest.raises(DTypeError, match=r"metrics are a list, got .*: write metrics=\[\.\.\.\]"):
        listed(one, "metrics")
