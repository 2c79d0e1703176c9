"""Layers in dataclasses, which are found as those in lists, tuples and dicts."""

import dataclasses
import types

import numpy as np

from minigrad import nn, optim


@dataclasses.dataclass
class Block:
    layer: nn.Linear
    scale: nn.Parameter
    others: list = dataclasses.field(default_factory=list)
    rate: float = 0.5
    unset: nn.Linear = dataclasses.field(init=False, repr=False)


@dataclasses.dataclass(frozen=True, slots=True)
class Pair:
    one: nn.Linear
    other: object


class OfBlocks(nn.Module):
    def __init__(self):
        self.block = Block(nn.Linear(2, 3), nn.Parameter(np.ones(3)), [nn.Linear(3, 3)])
        self.pair = Pair(nn.Linear(3, 3), {"deep": nn.Linear(3, 1)})

    def forward(self, x):
        x = self.block.others[0](self.block.layer(x) * self.block.scale)
        return self.pair.other["deep"](self.pair.one(x))


def test_layers_in_dataclasses_are_found_by_their_fields():
    model = OfBlocks()
    names = [name for name, _ in model.named_parameters()]
    assert names == [
        "block.layer.weight", "block.layer.bias", "block.scale", "block.others.0.weight", "block.others.0.bias",
        "pair.one.weight", "pair.one.bias", "pair.other.deep.weight", "pair.other.deep.bias",
    ]  # fmt: skip
    before = {name: value.copy() for name, value in model.state_dict().items()}
    optimizer = optim.SGD(model.parameters(), lr=0.1)
    (model(np.ones((4, 2), "float32")) ** 2).sum().backward()
    optimizer.step()
    assert all((model.state_dict()[name] != before[name]).any() for name in names)
    model.eval().load_state_dict(before)
    assert not model.block.layer.training
    assert all((model.state_dict()[name] == before[name]).all() for name in names)


def test_a_dataclass_that_is_a_type_or_leads_back_is_no_place():
    model = OfBlocks()
    model.kind = Block
    model.block.others.append(model)
    model.block.rate = model.block
    assert len(model.parameters()) == 9


def test_layers_in_a_namespace_are_found_by_their_names():
    model = nn.Module()
    model.parts = types.SimpleNamespace(one=nn.Linear(2, 3), rate=0.5, others=[nn.Linear(3, 1)])
    model.parts.again = model.parts
    names = [name for name, _ in model.named_parameters()]
    assert names == ["parts.one.weight", "parts.one.bias", "parts.others.0.weight", "parts.others.0.bias"]
