"""Operations belong to the module whose parameters they use, and those between two to what holds both."""

import numpy as np

import minigrad as mg
from minigrad import nn
from minigrad.viz.modules import module_groups
from minigrad.viz.nodes import nodes_below


def groups_of(model, loss):
    nodes = nodes_below(loss._node)
    names = {p._node: name for name, p in model.named_parameters()}
    found = module_groups(nodes, names)
    return [(getattr(getattr(node, "op", None), "name", names.get(node)), ".".join(found[node])) for node in nodes]


class Block(nn.Module):
    def __init__(self):
        self.first, self.second = nn.Linear(2, 3), nn.Linear(3, 2)

    def forward(self, x):
        return x + self.second(self.first(x).relu())


def test_what_lies_between_two_layers_belongs_to_their_module():
    model = nn.Sequential(Block(), Block())
    pairs = groups_of(model, model(mg.tensor(np.ones((4, 2), "float32"))).sum())
    assert ("0.first.weight", "0.first") in pairs
    assert [group for name, group in pairs if name == "linear"] == ["0.first", "0.second", "1.first", "1.second"]
    assert [group for name, group in pairs if name == "relu"] == ["0", "1"]
    assert [group for name, group in pairs if name in ("add", "sum")] == ["", "", ""]


def test_without_names_there_are_no_groups():
    x = mg.tensor([1.0, 2.0], requires_grad=True)
    assert set(module_groups(nodes_below((x * x).sum()._node), {}).values()) == {()}
