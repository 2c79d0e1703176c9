"""Lists, dicts and sequences of modules: what they hold is found, replaced and run in order."""

import numpy as np
import pytest

import minigrad as mg
from minigrad import nn
from minigrad.errors import MinigradError


def test_a_sequence_runs_in_order():
    model = nn.Sequential(nn.Linear(2, 3), nn.Tanh(), nn.Linear(3, 1))
    x = mg.tensor(np.ones((4, 2), "float32"))
    expected = model[2](model[1](model[0](x)))
    np.testing.assert_array_equal(model(x).data, expected.data)
    assert len(model) == 3
    assert isinstance(model[:2], nn.Sequential)
    assert nn.Sequential()(x) is x


def test_a_list_holds_what_is_put_into_it():
    layers = nn.ModuleList([nn.Linear(1, 1)])
    layers.append(nn.Tanh()).extend([nn.ReLU()])
    layers.insert(0, nn.Identity())
    assert [type(layer).__name__ for layer in layers] == ["Identity", "Linear", "Tanh", "ReLU"]
    layers[1] = nn.Linear(2, 2)
    assert [name for name, _ in layers.named_parameters()] == ["1.weight", "1.bias"]
    del layers[0]
    assert len(layers) == 3
    assert layers[-1] is list(layers)[2]


def test_a_dict_names_its_modules():
    parts = nn.ModuleDict({"one": nn.Linear(1, 2), "two": nn.Tanh()})
    parts["three"] = nn.Linear(2, 1)
    assert parts.keys() == ["one", "two", "three"]
    assert next(iter(parts.named_parameters()))[0] == "one.weight"
    assert "two" in parts
    del parts["two"]
    assert [name for name, _ in parts.items()] == ["one", "three"]
    assert parts.values()[0] is parts["one"]


@pytest.mark.parametrize(
    "wrong", [lambda: nn.Sequential(3), lambda: nn.ModuleList([nn.Tanh]), lambda: nn.ModuleDict({"a": np.tanh})]
)
def test_what_is_no_module(wrong):
    with pytest.raises((MinigradError, TypeError)):
        wrong()


@pytest.mark.parametrize("holder", [nn.ModuleList, nn.ModuleDict])
@pytest.mark.parametrize("modules", [3, [1], nn.Tanh])
def test_what_holds_no_modules_is_refused_by_name(holder, modules):
    with pytest.raises(TypeError, match=holder.__name__):
        holder(modules)


def test_pairs_of_names_and_modules_are_a_dict():
    assert nn.ModuleDict([("a", nn.Tanh())]).keys() == ["a"]
