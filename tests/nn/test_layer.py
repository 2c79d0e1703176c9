"""Layers that are one statement over their function: what Python, an editor and a reader see of them."""

import copy
import inspect
import pickle

import numpy as np
import pytest

import minigrad as mg
from minigrad import nn
from minigrad.nn import functional as F
from minigrad.nn.layer import AxesLayer, FunctionLayer

LAYERS = [
    kind for kind in vars(nn).values()
    if inspect.isclass(kind) and issubclass(kind, FunctionLayer) and kind.__name__ in nn.__all__
]  # fmt: skip
LOSSES = [kind for kind in LAYERS if kind.__module__ == "minigrad.nn.losses"]
ACTIVATIONS = [kind for kind in LAYERS if kind.__module__ == "minigrad.nn.activations"]


def test_which_layers_are_made_so():
    assert {nn.GELU, nn.ReLU, nn.Softmax, nn.MSELoss, nn.CrossEntropyLoss} < set(LAYERS)


@pytest.mark.parametrize("kind", LAYERS)
def test_options_are_those_of_the_function(kind):
    """In name, default and order: what is stated twice could differ."""
    options = list(inspect.signature(kind).parameters.values()) if kind.__init__ is not object.__init__ else []
    of_function = inspect.signature(kind._function).parameters
    for option in options:
        assert of_function[option.name].default == option.default
        assert option.annotation is not inspect.Parameter.empty
    places = [list(of_function).index(option.name) for option in options]
    assert places == sorted(places)


@pytest.mark.parametrize("kind", ACTIVATIONS)
def test_copies_and_pickles(kind):
    layer, x = kind(), mg.tensor([[-1.5, 0.5], [2.0, -0.25]], requires_grad=True)
    for other in (copy.deepcopy(layer), pickle.loads(pickle.dumps(layer))):  # noqa: S301 - our own
        assert type(other) is kind
        assert repr(other) == repr(layer)
        assert vars(other) == vars(layer)
        np.testing.assert_array_equal(other(x).data, layer(x).data)


@pytest.mark.parametrize("kind", ACTIVATIONS)
def test_a_changed_option_is_the_one_that_counts(kind):
    other = {"negative_slope": 0.5, "alpha": 2.0, "beta": 3.0, "approximate": "tanh", "min_val": -0.5, "axis": 0}
    layer, x = kind(), np.array([[-1.5, 0.5], [2.0, -0.75]])
    for name in [name for name in vars(layer) if name in other]:
        before = layer(x)
        setattr(layer, name, other[name])
        np.testing.assert_array_equal(layer(x), type(layer)._function(x, **{name: other[name]}))
        assert np.shape(layer(x)) != np.shape(before) or np.any(layer(x) != before)
    assert "weight" in vars(layer) or repr(layer) == f"{kind.__name__}({layer.extra_repr()})"


@pytest.mark.parametrize("kind", LOSSES)
def test_losses_take_their_arguments_by_the_names_of_the_function(kind):
    prediction, target, *_ = inspect.signature(kind._function).parameters
    assert list(inspect.signature(kind.forward).parameters) == ["self", prediction, target]
    classes = kind in {nn.CrossEntropyLoss, nn.NLLLoss, nn.CategoricalCrossEntropy, nn.MultiMarginLoss}
    x = mg.tensor([[0.25, 0.75], [0.5, 0.5]], requires_grad=True)
    y = np.array([1, 0]) if classes else np.ones((2, 2))
    for loss in (kind(), kind("none"), copy.deepcopy(kind("sum")), pickle.loads(pickle.dumps(kind("sum")))):  # noqa: S301
        other = kind._function(x, y, reduction=loss.reduction)
        np.testing.assert_array_equal(loss(x, y).data, other.data)
        np.testing.assert_array_equal(loss(**{target: y, prediction: x}).data, other.data)


def test_subclasses():
    class Steep(nn.LeakyReLU):
        def __init__(self, times):
            super().__init__(0.1 * times)
            self.times = times

        def forward(self, x):
            return super().forward(x) * self.times

    layer = Steep(2)
    assert isinstance(layer, nn.Module)
    assert repr(layer) == "Steep(negative_slope=0.2, times=2)"
    np.testing.assert_allclose(layer(np.array([-1.0, 1.0])), [-0.4, 2.0])

    class Bare(nn.GELU):
        """Does not call the ``__init__`` above it, which no module need do."""

        def __init__(self):
            self.more = 1

    np.testing.assert_array_equal(Bare()(np.ones(2)), F.gelu(np.ones(2)))


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: nn.ReLU(1), r"ReLU\(\) takes no arguments, got 1"),
        (lambda: nn.LeakyReLU(0.1, inplace=True), r"LeakyReLU has no option inplace="),
        (lambda: nn.Softmax(dim=1), r"Softmax has no option dim=; write axis=1"),
        (lambda: nn.GELU(tanh=True), r"GELU has no option tanh=; it takes \(approx"),
        (lambda: nn.ELU(1.0, 2.0), r"ELU.__init__\(\) too many positional arguments; it takes \(alpha=1.0\)"),
        (
            lambda: nn.CrossEntropyLoss("sum", 0, None, -1, 1),
            r"it takes \(reduction=.*ignore_index=None, \*, axis=None\)",
        ),
        (lambda: nn.MSELoss()(np.ones(2)), r"mse_loss\(\) missing 1 required positional argument: 'target'"),
        (lambda: nn.MSELoss()(np.ones(2), np.ones(2), "sum"), r"mse_loss\(\) got multiple values for .*'reduction'"),
        (lambda: nn.ReLU()(np.ones(2), 3), r"forward\(\) takes 2 positional arguments but 3 were given"),
        (lambda: nn.ELU()(np.ones(2), 3), r"forward\(\) takes 2 positional arguments but 3 were given"),
    ],
)
def test_what_is_refused(make, message):
    with pytest.raises(TypeError, match=message):
        make()


def test_signatures_and_texts():
    assert str(inspect.signature(nn.Hardtanh)) == "(min_val: 'float' = -1.0, max_val: 'float' = 1.0) -> 'None'"
    assert list(inspect.signature(nn.GELU.__init__).parameters) == ["self", "approximate"]
    assert list(inspect.signature(nn.GELU.forward).parameters) == ["self", "x"]
    assert nn.GELU.__init__.__qualname__ == "GELU.__init__"
    assert all(inspect.getdoc(kind) for kind in LAYERS)


TWINS = [kind for kind in vars(nn).values() if inspect.isclass(kind) and issubclass(kind, AxesLayer)]


@pytest.mark.parametrize("kind", TWINS)
def test_twins_have_the_function_and_the_axes_of_their_name(kind):
    """And so has a class that derives from one."""

    class Derived(kind):
        pass

    words = "".join(f"_{c.lower()}" if c.isupper() else c for c in kind.__name__).lstrip("_")  # max_pool2d
    for one in (kind, Derived):
        assert one._function.__name__ == words
        assert one._axes == int(words[-2])
        assert one.__doc__ is None or f"x (N, {'C' if 'Pool' in kind.__name__ else 'in_channels'}, " in one.__doc__
