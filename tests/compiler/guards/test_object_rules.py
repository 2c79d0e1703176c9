"""Which parts of each kind of object count."""

import functools
import itertools
import types

import numpy as np
import pytest

import minigrad as mg
from minigrad import nn
from minigrad.compiler.tracing.trace_comparison import same_bits
from tests.compiler.guards.test_reachable import SETTINGS
from tests.compiler.replaying import X


def test_isinstance_goes_the_same_way():
    compiled = mg.compile(lambda x: x * 2 if isinstance(x, np.ndarray) else x * 3)
    for _ in range(3):
        assert same_bits(compiled(np.float32([1, 2])), np.float32([2, 4]))
    with pytest.raises(AttributeError, match="no attribute 'colour'"):
        mg.compile(lambda x: x.data.colour)(mg.tensor([1.0]))


class Scaled:
    """An object of the user's, with a rate in an attribute and another in its class's code."""

    power = 1

    def __init__(self, rate, layer):
        self.rate = rate
        self.parts = [layer, {"shift": 1.0}]

    def __call__(self, x):
        y = self.parts[0](x) ** self.power * self.rate + self.parts[1]["shift"] + helper()
        return y * self.factor * UserSettings.factor

    @property
    def factor(self):
        return SETTINGS.factor

    def method(self, x):
        return self(x)


class UserSettings:
    factor = 1.0


def helper():
    return SETTINGS.offset


CALLABLES = {
    "object": lambda scaled: scaled,
    "method": lambda scaled: scaled.method,
    "partial": lambda scaled: functools.partial(Scaled.method, scaled),
    "lambda": lambda scaled: lambda x: scaled(x),
    "default": lambda scaled: lambda x, scaled=scaled: scaled.method(x),
}


@pytest.mark.parametrize("name", CALLABLES)
def test_what_is_behind_a_name_is_found(name):
    layer = nn.Linear(4, 2, generator=np.random.default_rng(0))
    scaled = Scaled(2.0, layer)
    function = CALLABLES[name](scaled)
    made = mg.compile(function)

    def both():
        return [same_bits(made(mg.tensor(X)).data, function(mg.tensor(X)).data) for _ in range(3)]

    assert all(both())
    for edit in (
        lambda: setattr(scaled, "rate", 3.0),
        lambda: scaled.parts[1].__setitem__("shift", 5.0),
        lambda: setattr(SETTINGS, "offset", SETTINGS.offset + 1),
        lambda: setattr(layer.bias, "data", np.float32([1, 2])),
        lambda: layer.weight.data.fill(0.5),
        lambda: scaled.parts.__setitem__(0, nn.Linear(4, 2, bias=False, generator=np.random.default_rng(1))),
        lambda: setattr(scaled, "more", 1),
        lambda: setattr(Scaled, "power", Scaled.power + 1),
        lambda: setattr(UserSettings, "factor", UserSettings.factor + 1),
        lambda: setattr(SETTINGS, "factor", SETTINGS.factor + 1),
    ):
        edit()
        assert all(both())
    assert made.stats()["replayed"] >= 6


def test_objects_given_as_arguments_are_looked_into():
    layer = nn.Linear(4, 2, generator=np.random.default_rng(0))
    made = mg.compile(lambda model, options, x: model(x) * options.scale)
    # A namespace is compared by its contents and has no hash; an object of a class of one's own has one.
    for options, scale in itertools.product((types.SimpleNamespace(), Options()), (2.0, 3.0)):
        options.scale = scale
        for _ in range(3):
            assert same_bits(made(layer, options, mg.tensor(X)).data, (layer(mg.tensor(X)) * scale).data)
    assert made.stats()["replayed"] == 4  # the third call of each four


class Options:
    scale = 1.0
