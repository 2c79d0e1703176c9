"""Modules: what they find, save, load and show; layers; initial weights; losses."""

import copy
import math
import pickle
from collections import UserDict, UserList, deque
from types import MappingProxyType

import numpy as np
import pytest

import minigrad as mg
from minigrad import nn, optim
from minigrad.errors import HyperparameterError, ShapeError, StateError
from minigrad.nn import functional as F
from minigrad.nn import members

RNG = np.random.default_rng


def names(module):
    return [name for name, _ in module.named_parameters()]


class Encoder(nn.Module):
    """A model two levels deep, for paths."""

    def __init__(self):
        self.hidden = nn.Linear(2, 64)

    def forward(self, x):
        return self.hidden(x).relu()


class Model(nn.Module):
    """Encoder and output, in float32."""

    def __init__(self):
        self.encoder = Encoder()
        self.output = nn.Linear(64, 3)

    def forward(self, x):
        return self.output(self.encoder(x))


# -- what is found ------------------------------------------------------------------------------


class Holder(nn.Module):
    """Parameters in every kind of place, and things that are none."""

    def __init__(self):
        self.first = nn.Parameter([1.0])
        self.in_list = [nn.Parameter([2.0]), [nn.Parameter([3.0])]]
        self.in_tuple = (nn.Linear(1, 1, bias=False), "text", None)
        self.in_dict = {"b": nn.Parameter([4.0]), "a": [nn.Linear(1, 1)]}
        self.constant = mg.tensor([1.0])
        self.running = nn.Buffer([0.0])
        self.number, self.function = 3, abs
        self.last = nn.Parameter([5.0])


HELD = [
    *("first", "in_list.0", "in_list.1.0", "in_tuple.0.weight"),
    *("in_dict.b", "in_dict.a.0.weight", "in_dict.a.0.bias", "last"),
]


def test_finds_parameters_in_lists_tuples_and_dicts_in_the_order_of_assignment():
    """Without super().__init__(), and the same each time."""
    for _ in range(3):
        assert names(Holder()) == HELD
    module = Holder()
    assert module.parameters().names == HELD
    assert all(p is q for p, (_, q) in zip(module.parameters(), module.named_parameters(), strict=True))


def test_a_shared_parameter_appears_once():
    """Under its first name; the state dict holds it under both, as PyTorch does."""

    class Tied(nn.Module):
        def __init__(self):
            self.a = nn.Linear(2, 2, bias=False)
            self.b = nn.Linear(2, 2, bias=False)
            self.b.weight = self.a.weight
            self.again = self.a

    tied = Tied()
    assert names(tied) == ["a.weight"]
    assert set(tied.state_dict()) == {"a.weight", "b.weight", "again.weight"}
    assert len(tied.modules()) == 3


def test_an_attribute_assigned_again_replaces_the_old_one():
    """Nothing is registered, so nothing stale stays behind."""
    model = Model()
    model.output = nn.Linear(64, 5)
    assert model.output.weight is model.parameters()[2]
    del model.encoder
    assert names(model) == ["output.weight", "output.bias"]


def test_buffers_are_saved_and_not_learned():
    """They stand in the state dict, not among the parameters."""
    module = Holder()
    assert [name for name, _ in module.named_buffers()] == ["running"]
    assert module.buffers() == [module.running]
    assert "running" in module.state_dict()
    assert "constant" not in module.state_dict()
    module.load_state_dict({**module.state_dict(), "running": [7.0]})
    assert module.running.data == [7.0]
    assert not module.running.requires_grad


def test_modules_and_children():
    """Each once, this one first; children are direct, also in containers of Python."""
    model = Model()
    assert [name for name, _ in model.named_modules()] == ["", "encoder", "encoder.hidden", "output"]
    assert [name for name, _ in model.named_children()] == ["encoder", "output"]
    assert model.children() == [model.encoder, model.output]
    assert [name for name, _ in Holder().named_children()] == ["in_tuple.0", "in_dict.a.0"]


def test_a_module_that_knows_its_parent():
    """References in a circle end every walk, the picture and the path in an error."""
    model = Model()
    model.encoder.parent = model
    model.encoder.hidden.siblings = [model, model.output]
    assert names(model)[:2] == ["encoder.hidden.weight", "encoder.hidden.bias"]
    assert len(model.parameters()) == 4
    assert len(model.modules()) == 4
    assert not model.eval().output.training
    model.load_state_dict(model.state_dict())
    assert copy.deepcopy(model).encoder.parent is not model
    assert "Linear(in_features=2, out_features=64" in repr(model)
    with pytest.raises(ShapeError, match=r"encoder\.hidden"):
        model(np.ones((1, 5)))


# -- containers ---------------------------------------------------------------------------------


def test_sequential():
    """Calls one after the other; is a list; named by number."""
    model = nn.Sequential(nn.Linear(2, 3), nn.Tanh(), nn.Linear(3, 1))
    x = RNG(0).normal(size=(4, 2))
    np.testing.assert_array_equal(model(x).data, model[2](model[1](model[0](x))).data)
    assert names(model) == ["0.weight", "0.bias", "2.weight", "2.bias"]
    assert len(model) == 3
    assert [type(m).__name__ for m in model] == ["Linear", "Tanh", "Linear"]
    assert model[-1] is model[2]
    model[1] = nn.ReLU()
    assert isinstance(model[1], nn.ReLU)
    assert model.append(nn.Softmax())[3].axis == -1
    assert nn.Sequential()(5) == 5


def test_module_list_and_dict():
    """A list and a dict of modules that are modules themselves."""
    layers = nn.ModuleList([nn.Linear(1, 1)]).extend([nn.Linear(1, 1, bias=False)])
    assert names(layers) == ["0.weight", "0.bias", "1.weight"]
    heads = nn.ModuleDict({"b": nn.Linear(1, 1, bias=False)})
    heads["a"] = nn.ReLU()
    assert (list(heads), heads.keys(), len(heads)) == (["b", "a"], ["b", "a"], 2)
    assert heads["a"] is heads.values()[1] is heads.items()[1][1]
    assert "a" in heads
    assert "c" not in heads
    assert names(heads) == ["b.weight"]


@pytest.mark.parametrize(
    "build",
    [
        lambda: nn.Sequential(nn.ReLU),
        lambda: nn.Sequential(nn.ReLU(), F.relu),
        lambda: nn.ModuleList([3]),
        lambda: nn.ModuleDict({"a": None}),
        lambda: nn.Sequential(nn.ReLU()).append("x"),
    ],
)
def test_containers_hold_modules_only(build):
    """A class or a function in place of a module is named in the message."""
    with pytest.raises(TypeError, match=r"holds modules, got \w+: write nn.ReLU\(\)"):
        build()


def test_a_failing_extend_adds_nothing():
    """Every module is looked at first."""
    layers = nn.ModuleList([nn.ReLU()])
    with pytest.raises(TypeError):
        layers.extend([nn.ReLU(), 3])
    assert len(layers) == 1


def test_module_dict_refuses_a_key_that_is_a_method():
    """It would hide the method."""
    with pytest.raises(KeyError, match="keys"):
        nn.ModuleDict({"keys": nn.ReLU()})


# -- all at once --------------------------------------------------------------------------------


def test_train_eval_apply_zero_grad_and_freezing():
    """Each reaches every module or parameter inside, and returns the module."""
    model = Model()
    assert model.training
    assert model.eval() is model
    assert not any(m.training for m in model.modules())
    assert all(m.training for m in model.train().modules())
    seen = []
    assert model.apply(seen.append) is model
    assert sorted(map(id, seen)) == sorted(map(id, model.modules()))
    assert seen[-1] is model

    model(np.ones((1, 2), np.float32)).sum().backward()
    assert all(p.grad is not None for p in model.parameters())
    model.zero_grad()
    assert all(p.grad is None for p in model.parameters())

    assert model.encoder.requires_grad_(False) is model.encoder
    model(np.ones((1, 2), np.float32)).sum().backward()
    assert [p.grad is None for p in model.parameters()] == [True, True, False, False]
    model.requires_grad_()
    assert all(p.requires_grad for p in model.parameters())


def test_a_frozen_layer_stays_as_it_is_while_others_learn():
    """Its parameters may stand in the optimizer."""
    model = Model()
    before = model.state_dict()
    model.encoder.requires_grad_(False)
    optimizer = optim.Adam(model.parameters(), lr=0.1)
    for _ in range(3):
        optimizer.zero_grad()
        F.cross_entropy(model(np.ones((2, 2), np.float32)), [0, 1]).backward()
        optimizer.step()
    for name, array in model.state_dict().items():
        assert np.array_equal(array, before[name]) == name.startswith("encoder")


# -- saving and loading -------------------------------------------------------------------------


def test_state_dict_round_trip():
    """Copies, by name, bit for bit; dtype of the module is kept."""
    one, two = Model(), Model()
    state = one.state_dict()
    assert list(state) == names(one)
    two.load_state_dict({name: array.astype(np.float64) for name, array in state.items()})
    for p, q in zip(one.parameters(), two.parameters(), strict=True):
        np.testing.assert_array_equal(p.data, q.data)
        assert q.dtype == np.float32
    state["output.bias"] += 1
    assert not one.output.bias.data.any()


def test_load_keeps_the_parameters_and_their_optimizer():
    """The parameters are the same objects, what was loaded is a copy, and the optimizer goes on from it."""
    model = nn.Linear(2, 1)
    weight, loaded = model.weight, np.array([[1, 2]], np.float32)
    optimizer = mg.optim.SGD(model.parameters(), lr=1.0)
    optimizer.step()
    model.load_state_dict({"weight": loaded, "bias": mg.tensor([3.0], requires_grad=True)})
    assert model.weight is weight
    assert not np.shares_memory(weight.data, loaded)
    weight.grad = np.ones((1, 2))
    optimizer.step()
    assert loaded.tolist() == [[1, 2]]
    assert weight.data.tolist() == [[0.0, 1.0]]
    assert model.bias.data.tolist() == [3.0]
    assert model.bias.requires_grad


@pytest.mark.parametrize("clone", [copy.deepcopy, lambda m: pickle.loads(pickle.dumps(m))])  # noqa: S301
def test_a_copy_of_a_model_shares_nothing(clone):
    """The copy has equal weights of its own, ties included, and trains alone."""
    model = nn.Sequential(nn.Linear(2, 2), nn.Linear(2, 2))
    model[1].weight = model[0].weight
    twin = clone(model)
    assert twin[1].weight is twin[0].weight
    assert isinstance(twin[0].weight, nn.Parameter)
    before = model.state_dict()
    twin(np.ones((1, 2), np.float32)).sum().backward()
    optim.SGD(twin.parameters(), lr=0.1).step()
    assert model[0].weight.grad is None
    np.testing.assert_array_equal(model.state_dict()["0.weight"], before["0.weight"])
    assert not np.array_equal(twin[0].weight.data, before["0.weight"])


# -- looking and errors -------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("module", "text"),
    [
        (nn.Linear(2, 3), "Linear(in_features=2, out_features=3)"),
        (nn.Linear(2, 3, bias=False), "Linear(in_features=2, out_features=3, bias=False)"),
        (nn.Softmax(0), "Softmax(axis=0)"),
        (nn.MSELoss("sum"), "MSELoss(reduction='sum')"),
        (nn.Sequential(), "Sequential()"),
        (
            nn.Sequential(nn.ModuleDict({"a": nn.ReLU()})),
            "Sequential(\n  (0): ModuleDict(\n    (a): ReLU()\n  )\n)",
        ),
    ],
)
def test_repr(module, text):
    """As PyTorch shows models."""
    assert repr(module) == text


def test_a_misspelled_attribute_names_the_near_one():
    """Or, without a near one, those there are."""
    with pytest.raises(AttributeError, match=r"Model has no attribute 'encodr'; did you mean 'encoder'\?"):
        _ = Model().encodr
    with pytest.raises(AttributeError, match="its attributes are: encoder, output"):
        _ = Model().zzzzzzzz
    assert not hasattr(Model(), "zzzzzzzz")


def test_an_attribute_error_inside_a_property_names_what_was_missing():
    """Not the property itself, which is there."""

    class Wide(Encoder):
        @property
        def width(self):
            return self.hiden.out_features

    with pytest.raises(AttributeError, match="'hiden'"):
        _ = Wide().width


def test_a_missing_forward_is_named():
    """With the method that may be meant."""

    class Misspelled(nn.Module):
        def foward(self, x):
            return x

    with pytest.raises(NotImplementedError, match=r"Misspelled defines no forward.*'foward'"):
        Misspelled()(1)
    with pytest.raises(NotImplementedError, match=r"Module defines no forward\(self, x\)"):
        nn.Module()(1)


def test_a_shape_error_names_the_layer_and_the_path_to_it():
    """Through attributes, lists and containers; both shapes are in the message."""
    with pytest.raises(ShapeError) as caught:
        Model()(np.ones((7, 5)))
    assert "(7, 5)" in str(caught.value)
    assert "(64, 2)" in str(caught.value)
    assert "encoder.hidden: Linear(in_features=2, out_features=64)" in str(caught.value)

    class Listed(nn.Module):
        def __init__(self):
            self.blocks = [nn.Sequential(nn.Linear(2, 3), nn.ReLU(), nn.Linear(4, 1))]

        def forward(self, x):
            return self.blocks[0](x)

    with pytest.raises(ShapeError, match=r"blocks\.0\.2: Linear\(in_features=4, out_features=1\)"):
        Listed()(np.ones((7, 2)))
    with pytest.raises(ShapeError, match=r"in layer Linear\(in_features=2"):
        nn.Linear(2, 3)(np.ones((7, 5)))


# -- Linear and initial weights -----------------------------------------------------------------

FAN_IN, FAN_OUT = 300, 200
INITS = {
    "glorot_uniform": ("uniform", math.sqrt(6 / (FAN_IN + FAN_OUT))),
    "glorot_normal": ("normal", math.sqrt(2 / (FAN_IN + FAN_OUT))),
    "he_uniform": ("uniform", math.sqrt(6 / FAN_IN)),
    "he_normal": ("normal", math.sqrt(2 / FAN_IN)),
    "lecun_uniform": ("uniform", math.sqrt(3 / FAN_IN)),
    "lecun_normal": ("normal", math.sqrt(1 / FAN_IN)),
    "notebook": ("normal", 0.01),
    "standard_normal": ("normal", 1),
}


def test_every_initialiser_is_tested():
    """The table above and the package's list hold the same names, but for two that follow."""
    assert {*INITS, "orthogonal", "truncated_normal"} == set(nn.init.INITIALIZERS)


@pytest.mark.parametrize("init", INITS)
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_initial_weights_have_the_distribution_of_their_paper(init, dtype):
    """Bounds and standard deviation over 60,000 draws; the same generator gives the same weights."""
    layers = [nn.Linear(FAN_IN, FAN_OUT, init=init, generator=RNG(5), dtype=dtype) for _ in range(2)]
    w = layers[0].weight.data
    kind, size = INITS[init]
    assert (w.shape, w.dtype) == ((FAN_OUT, FAN_IN), dtype)
    np.testing.assert_array_equal(w, layers[1].weight.data)
    std = size / math.sqrt(3) if kind == "uniform" else size
    assert abs(w.std() / std - 1) < 0.02
    assert abs(w.mean()) < 5 * std / math.sqrt(w.size)
    largest = np.abs(w).max() / size
    assert 0.99 < largest <= 1 + 1e-6 if kind == "uniform" else 3.5 < largest < 6
    assert not layers[0].bias.data.any()
    assert layers[0].bias.dtype == dtype


@pytest.mark.parametrize("shape", [(60, 40), (40, 60), (50, 50), (20, 4, 3, 3), (60, 4, 3, 3)])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_orthogonal_weights_have_orthonormal_rows_or_columns(shape, dtype):
    """Whichever are fewer; the kernel counts as inputs."""
    w = nn.init.orthogonal(shape, RNG(3), dtype)
    assert (w.shape, w.dtype) == (shape, dtype)
    matrix = w.reshape(shape[0], -1).astype("f8")
    product = matrix @ matrix.T if len(matrix) <= matrix.shape[1] else matrix.T @ matrix
    np.testing.assert_allclose(product, np.eye(len(product)), atol=1e-6 if dtype == "float32" else 1e-14)


def test_all_orthogonal_matrices_are_equally_likely():
    """Of 2000 matrices each element has the mean 0 and the variance 1/3, and half of them are reflections."""
    generator = RNG(3)
    drawn = np.array([nn.init.orthogonal((3, 3), generator, "f8") for _ in range(2000)])
    assert abs(drawn.mean(0)).max() < 0.06
    assert abs(drawn.var(0) - 1 / 3).max() < 0.04
    assert abs((np.linalg.det(drawn) > 0).mean() - 0.5) < 0.06


@pytest.mark.parametrize("std", [0.02, 0.5])
def test_truncated_normal_weights_end_at_two_standard_deviations(std):
    """Their own standard deviation is 0.8796 of that of the normal distribution."""
    w = nn.init.truncated_normal((300, 200), RNG(3), "f8", std=std)
    assert 1.99 < np.abs(w).max() / std <= 2
    assert abs(w.std() / (0.8796 * std) - 1) < 0.01
    assert abs(w.mean()) < 5 * std / math.sqrt(w.size)
    assert nn.init.truncated_normal((3,), RNG(3)).dtype == np.float32


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: nn.init.he_normal((3,)), r"\(out, in, \*kernel\), got \(3,\)"),
        (lambda: nn.init.orthogonal((3,)), r"got \(3,\)"),
        (lambda: nn.init.initializer("xavier_uniform"), "'xavier_uniform' is called 'glorot_uniform' here"),
        (lambda: nn.init.initializer("kaiming_normal"), "'kaiming_normal' is called 'he_normal' here"),
        (lambda: nn.init.initializer("kaiming"), "expected one of .*standard_normal$"),
        (lambda: nn.Linear(2, 2, generator=3), r"got 3: write np.random.default_rng\(seed\)"),
    ],
)
def test_initialisers_say_what_they_take(call, message):
    """Shapes without fans, other frameworks' names, seeds in the place of generators."""
    with pytest.raises((ShapeError, HyperparameterError), match=message):
        call()


def test_initialisers_of_convolutions_count_the_kernel():
    """fan_in is in * prod(kernel)."""
    w = nn.init.he_uniform((64, 32, 3, 3), RNG(0))
    assert abs(np.abs(w).max() / math.sqrt(6 / (32 * 9)) - 1) < 0.01


def test_manual_seed_repeats_the_weights_of_layers_without_a_generator():
    """And neither reads nor changes the global state of np.random."""
    state = np.random.get_state()[1].copy()
    drawn = []
    for _ in range(2):
        mg.manual_seed(7)
        drawn.append(nn.Linear(3, 3).weight.data)
    np.testing.assert_array_equal(*drawn)
    np.testing.assert_array_equal(np.random.get_state()[1], state)


@pytest.mark.parametrize("shape", [(2,), (5, 2), (4, 3, 2)])
@pytest.mark.parametrize("bias", [True, False])
def test_linear_is_the_product_plus_the_bias(shape, bias):
    """x @ weight.T + bias for any number of leading axes."""
    layer = nn.Linear(2, 3, bias=bias, dtype="float64")
    x = RNG(0).normal(size=shape)
    expected = x @ layer.weight.data.T
    if bias:
        layer.bias.data = RNG(1).normal(size=3)
        expected = expected + layer.bias.data
    np.testing.assert_allclose(layer(x).data, expected, rtol=1e-14)
    assert names(layer) == (["weight", "bias"] if bias else ["weight"])


@pytest.mark.parametrize(("weight", "bias"), [((3, 2), (1,)), ((3, 2), (1, 3)), ((1, 2), (3,)), ((2,), (4,))])
def test_a_bias_has_one_number_for_each_output(weight, bias):
    with pytest.raises(ShapeError, match=r"write bias\.reshape\(-1\)"):
        F.linear(np.ones((4, 2)), np.ones(weight), mg.tensor(np.ones(bias)))


def test_linear_takes_a_function_as_initialiser_and_the_default_dtype():
    """float32 unless told otherwise."""
    layer = nn.Linear(2, 3, init=lambda shape, generator, dtype: np.full(shape, 0.5, dtype))
    assert layer.weight.data.tolist() == [[0.5, 0.5]] * 3
    assert layer.weight.dtype == np.float32
    mg.set_default_dtype("float64")
    try:
        assert nn.Linear(2, 3).bias.dtype == np.float64
    finally:
        mg.set_default_dtype("float32")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((0, 3), "in_features is a whole number of at least 1, got 0"),
        ((2, -1), "out_features is a whole number of at least 1, got -1"),
        ((2.0, 3), "in_features is a whole number of at least 1, got 2.0"),
        ((2, "3"), "out_features is a whole number of at least 1, got '3'"),
        ((2, 3, True, "nope"), "init='nope' is no initialiser: expected one of glorot_uniform"),
    ],
)
def test_linear_refuses_sizes_and_names_that_mean_nothing(arguments, message):
    """The message says what was got and what was expected."""
    with pytest.raises(HyperparameterError, match=message):
        nn.Linear(*arguments)


# -- losses -------------------------------------------------------------------------------------


def softmax(x):
    e = np.exp(x - x.max(-1, keepdims=True))
    return e / e.sum(-1, keepdims=True)


def reduced(losses, reduction):
    return {"mean": np.mean, "sum": np.sum, "none": np.asarray}[reduction](losses)


@pytest.mark.parametrize("reduction", ["mean", "sum", "none"])
@pytest.mark.parametrize("shape", [(6, 4), (4,), (2, 3, 5)])
@pytest.mark.parametrize("smoothing", [0.0, 0.1])
def test_cross_entropy_against_its_formula(reduction, shape, smoothing):
    """Sparse labels, one-hot labels and the formula agree, in values and gradients."""
    x, classes = RNG(0).normal(size=shape), shape[-1]
    labels = RNG(1).integers(0, classes, shape[:-1])
    rows = (labels[..., None] == np.arange(classes)).astype(float)
    smooth = (1 - smoothing) * rows + smoothing / classes
    expected = reduced(-(smooth * np.log(softmax(x))).sum(-1), reduction)
    gradient = softmax(x) - smooth
    if reduction == "mean":
        gradient = gradient / max(labels.size, 1)
    for target in (labels, labels.astype(np.uint8), rows, rows.astype(int), mg.tensor(rows)):
        logits = mg.tensor(x, requires_grad=True)
        loss = nn.CrossEntropyLoss(reduction, label_smoothing=smoothing)(logits, target)
        np.testing.assert_allclose(loss.data, expected, rtol=1e-12)
        loss.sum().backward()
        np.testing.assert_allclose(logits.grad, gradient, rtol=1e-10, atol=1e-15)


@pytest.mark.parametrize("reduction", ["mean", "sum", "none"])
def test_other_losses_against_their_formulas(reduction):
    """Categorical cross entropy on probabilities, mean squared error, binary cross entropy on logits."""
    x, t = RNG(0).normal(size=(2, 5, 3))
    labels, p = RNG(1).integers(0, 3, 5), softmax(x)
    rows = (labels[:, None] == np.arange(3)).astype(float)
    expected = reduced(-np.log(p[range(5), labels]), reduction)
    for target in (labels, rows):
        loss = nn.CategoricalCrossEntropy(reduction)(mg.tensor(p), target)
        np.testing.assert_allclose(loss.data, expected, rtol=1e-12)
    np.testing.assert_allclose(nn.MSELoss(reduction)(mg.tensor(x), t).data, reduced((x - t) ** 2, reduction))
    share, s = 1 / (1 + np.exp(-t)), 1 / (1 + np.exp(-x))
    expected = reduced(-share * np.log(s) - (1 - share) * np.log(1 - s), reduction)
    np.testing.assert_allclose(nn.BCEWithLogitsLoss(reduction)(mg.tensor(x), share).data, expected, rtol=1e-12)


def test_categorical_cross_entropy_clips_as_the_notebook_does():
    """A probability of 0 gives -log(1e-7), one of 1 gives -log(1 - 1e-7)."""
    loss = F.categorical_cross_entropy(mg.tensor(np.array([[1.0, 0.0], [0.0, 1.0]])), [1, 1], reduction="none")
    np.testing.assert_allclose(loss.data, [-np.log(1e-7), -np.log(1 - 1e-7)], rtol=1e-12)


@pytest.mark.parametrize("loss", [nn.CrossEntropyLoss, nn.CategoricalCrossEntropy, nn.MSELoss, nn.BCEWithLogitsLoss])
@pytest.mark.parametrize("reduction", ["Mean", "average", None])
def test_an_unknown_reduction_is_refused_at_once(loss, reduction):
    """When the loss is made, not when it is first used."""
    with pytest.raises(HyperparameterError, match=r"reduction=.* expected one of 'mean', 'sum', 'none'"):
        loss(reduction)


@pytest.mark.parametrize("value", [-0.1, 1.0, 2, math.nan, math.inf])
def test_label_smoothing_out_of_range_is_refused_at_once(value):
    """When the loss is made, and by the function."""
    with pytest.raises(HyperparameterError, match=r"label_smoothing is a number in \[0, 1\)"):
        F.cross_entropy(mg.tensor(np.zeros((1, 2))), [0], label_smoothing=value)
    with pytest.raises(HyperparameterError, match=r"label_smoothing is a number in \[0, 1\)"):
        nn.CrossEntropyLoss(label_smoothing=value)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("target", [np.array([0, 0]), np.eye(3)[[0, 0]]], ids=["sparse", "one-hot"])
@pytest.mark.parametrize("other", ["most negative", "-inf", "small"])
def test_cross_entropy_of_extreme_logits(dtype, target, other):
    """A right answer of certainty costs 0 and has gradient 0: no NaN, no warning (warnings are errors)."""
    big = np.float64(1e300) if dtype == "float64" else np.float64(3e38)
    low = {"most negative": -big, "-inf": -np.inf, "small": 0.0}[other]
    for axis in (3, 70):  # narrow and wide layouts have code of their own
        x = np.full((2, axis), low)
        x[:, 0] = [big, 5]
        x[1] = [5, *[-np.inf if other == "-inf" else -900] * (axis - 1)]
        rows = np.zeros((2, axis))
        rows[:, 0] = 1
        logits = mg.tensor(x.astype(dtype), requires_grad=True)
        loss = F.cross_entropy(logits, target if target.ndim == 1 else rows)
        loss.backward()
        assert loss.item() == 0
        assert not logits.grad.any()
        assert np.isfinite(F.log_softmax(logits.detach()).data[:, 0]).all()


@pytest.mark.parametrize(("dtype", "big"), [("float32", 3e38), ("float64", 1e300), ("float64", 1.7e308)])
def test_binary_cross_entropy_of_extreme_logits(dtype, big):
    """Right answers cost 0, wrong ones |x|; the gradient is sigmoid(x) - t. No warning."""
    x = mg.tensor(np.array([big, -big, big, -big], dtype), requires_grad=True)
    loss = F.binary_cross_entropy_with_logits(x, [1, 0, 0, 1], reduction="none")
    loss.backward(np.ones(4))
    np.testing.assert_allclose(loss.data, np.array([0, 0, big, big], dtype))
    assert x.grad.tolist() == [0, 0, 1, -1]


def test_a_wrong_answer_of_certainty_has_a_finite_gradient():
    """The loss is the difference of the logits, the gradient softmax - one hot."""
    logits = mg.tensor(np.array([[1e300, -1e300]]), requires_grad=True)
    loss = F.cross_entropy(logits, [1])
    loss.backward()
    assert loss.item() == 2e300
    assert logits.grad.tolist() == [[1, -1]]


def test_accuracy():
    """Sparse and one-hot labels, Tensors and arrays, more than one leading axis."""
    logits = np.array([[1.0, 2.0], [3.0, 0.0], [0.0, 1.0]])
    assert F.accuracy(mg.tensor(logits), [1, 0, 0]) == 2 / 3
    assert F.accuracy(logits, np.array([[0, 1], [1, 0], [0, 1]])) == 1.0
    assert F.accuracy(logits.reshape(1, 3, 2), np.array([[0, 1, 0]], np.uint8)) == 0.0
    assert isinstance(F.accuracy(logits, [1, 0, 0]), float)


@pytest.mark.parametrize(
    ("module", "function"),
    [
        (nn.ReLU(), lambda x: np.maximum(x, 0)),
        (nn.Sigmoid(), lambda x: 1 / (1 + np.exp(-x))),
        (nn.Tanh(), np.tanh),
        (nn.Softmax(), softmax),
        (nn.Softmax(axis=0), lambda x: softmax(x.T).T),
    ],
)
def test_activations_against_their_formulas(module, function):
    """As modules, on float64."""
    x = RNG(0).normal(size=(4, 3))
    np.testing.assert_allclose(module(mg.tensor(x)).data, function(x), rtol=1e-13)


def containing_itself(kind):
    """A container with a parameter that contains itself, once directly and once by way of another."""
    p = nn.Parameter(np.zeros(2, np.float32))
    if kind is dict:
        holder = {"p": p}
        holder["itself"] = holder
        holder["around"] = [holder]
        return holder
    holder = [p]
    holder += [holder, {"around": (holder,)}]
    return holder


@pytest.mark.parametrize("kind", [dict, list])
def test_an_attribute_that_contains_itself_is_gone_through_once(kind):
    class Model(nn.Module):
        def __init__(self):
            self.held = containing_itself(kind)
            self.inner = nn.Linear(2, 1)
            self.inner.parent = self
            self.again = [self, self.inner]

    names = ["held.p" if kind is dict else "held.0", "inner.weight", "inner.bias"]
    assert [name for name, _ in Model().named_parameters()] == names
    assert list(Model().state_dict()) == [*names, "again.1.weight", "again.1.bias"]
    assert len(Model().modules()) == 2


def test_attributes_and_modules_may_be_nested_deeper_than_python_calls():
    deep = nested = [nn.Parameter(np.zeros(1, np.float32))]
    for _ in range(3000):
        nested = [nested]
    model = nn.Module()
    model.held = nested
    assert model.parameters()[0] is deep[0]
    chain = last = nn.Module()
    for _ in range(3000):
        last.next = nn.Module()
        last = last.next
    last.weight = deep[0]
    assert len(chain.modules()) == 3001
    assert len(chain.state_dict()) == len(chain.parameters()) == 1


def test_a_long_vocabulary_is_passed_over(monkeypatch):
    looked_at = []
    items = members._items

    def counted(holder, *others):
        for key, item in items(holder, *others):
            looked_at.append(key)
            yield key, item

    monkeypatch.setattr(members, "_items", counted)
    model = nn.Linear(2, 1)
    model.words = {f"word {i}": i for i in range(200_000)}
    model.table = list(model.words)
    model.layers = [nn.Linear(1, 1)]
    assert len(model.state_dict()) == 4
    assert 0 in looked_at  # the layer in a list
    assert len(looked_at) < 100  # attributes, and none of the words


@pytest.mark.parametrize(
    "collection",
    [
        lambda layer: {layer},
        lambda layer: frozenset([layer]),
        lambda layer: deque([layer]),
        lambda layer: UserList([layer]),
        lambda layer: UserDict(a=layer),
        lambda layer: MappingProxyType({"a": layer}),
        lambda layer: {"a": layer}.values(),
        lambda layer: np.frompyfunc(lambda i: (None, layer)[i], 1, 1)([0, 1]),
        lambda layer: [{"a": {layer}}],
    ],
)
@pytest.mark.parametrize("member", [nn.Linear(2, 1), nn.Parameter([1.0]), nn.Buffer([1.0])])
def test_layers_in_collections_that_are_not_searched_are_refused(collection, member):
    model = nn.Sequential(nn.Linear(1, 1))
    model[0].others = collection(member)
    for ask in (model.parameters, model.state_dict, model.eval, lambda: optim.SGD(model.parameters(), lr=0.1)):
        with pytest.raises(StateError, match=f"0.others.* with a {type(member).__name__} in it, .*write a list"):
            ask()
    model.found = member  # a second place, as in a set of the parameters that do not decay
    assert any(x is member for x in (*model.parameters(), *model.buffers(), *model.modules()))


def test_sets_of_other_things_are_no_error():
    model = nn.Linear(2, 1)
    model.words, model.queue, model.table = {"a", "b"}, deque([mg.tensor([1.0])]), np.array(["a", None], object)
    assert len(model.parameters()) == 2
