"""Layers that are attributes of a class are refused where it is made."""

import pytest

from minigrad import nn


@pytest.mark.parametrize(
    "member",
    [lambda: nn.Linear(2, 2), lambda: nn.Parameter([1.0]), lambda: nn.BatchNorm1d(2), lambda: nn.Linear(None, 2),
     lambda: nn.Sequential(nn.ReLU(), nn.Dropout())],
    ids=["weights", "a parameter", "buffers", "a size from the first call", "dropout"],
)  # fmt: skip
def test_a_layer_that_is_an_attribute_of_the_class_is_refused(member):
    with pytest.raises(TypeError, match=r"Net.layer is an attribute of the class: .*; write self.layer = "):
        type("Net", (nn.Module,), {"layer": member()})
    type("Net", (nn.Module,), {"activation": nn.Sequential(nn.ReLU(), nn.Flatten())})  # holds nothing of a model
