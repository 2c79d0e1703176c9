"""Faults of the core found by using it as nobody had: each is pinned by the example that showed it."""

import copy
import gc
import pickle

import numpy as np
import pytest

import minigrad as mg
from minigrad import nn, optim
from minigrad.errors import AnomalyError, DTypeError, HyperparameterError, StateError, UnsupportedError

CLONES = [copy.copy, copy.deepcopy, lambda x: pickle.loads(pickle.dumps(x))]  # noqa: S301


def leaf(values):
    return mg.tensor(np.array(values, float), requires_grad=True)


# -- errors ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "call",
    [
        lambda x: x[5], lambda x: x[0, 0], lambda x: mg.log(x - 1), lambda x: x * np.float32(2),
        lambda x: mg.median(x, 5), lambda x: mg.take_along_axis(x, np.array([9]), None), lambda x: mg.vander(x, "a"),
    ],
)  # fmt: skip
def test_an_error_in_an_op_leaves_no_reference_cycle(call):
    x = leaf([1.0, 2.0])
    gc.collect()
    gc.disable()
    try:
        with pytest.raises((IndexError, AnomalyError, DTypeError)), mg.detect_anomaly(), mg.strict_dtypes():
            call(x)
        assert gc.collect() == 0
    finally:
        gc.enable()


def test_a_misspelled_dtype_is_named():
    with pytest.raises(DTypeError, match="'flaot32' is no dtype"):
        mg.tensor([1.0]).astype("flaot32")


def test_an_inf_is_found_beside_one_that_came_in_with_the_data():
    x = leaf([np.inf, 0.0])
    with mg.detect_anomaly():
        assert (x + 1).tolist() == [np.inf, 1]
        with pytest.raises(AnomalyError, match=r"divide made the first value that is not finite: inf at \(1,\)"):
            1 / x


# -- copies ---------------------------------------------------------------------------------------


class Tagged(nn.Parameter):
    def __init__(self, data, tag):
        super().__init__(data)
        self.tag = tag


@pytest.mark.parametrize("clone", CLONES)
def test_a_subclass_of_tensor_is_copied_with_its_attributes(clone):
    p = clone(Tagged([1.0, 2.0], "first"))
    assert type(p) is Tagged
    assert p.tag == "first"
    assert p.requires_grad
    assert p.tolist() == [1, 2]


# -- modules --------------------------------------------------------------------------------------


def test_append_after_a_deletion_overwrites_nothing():
    layers = nn.ModuleList([nn.ReLU(), nn.Tanh()])
    delattr(layers, "0")
    layers.append(nn.Sigmoid())
    assert [type(layer) for layer in layers] == [nn.Tanh, nn.Sigmoid]


def test_modules_are_deleted_and_inserted():
    model = nn.Sequential(nn.ReLU(), nn.Linear(2, 3), nn.Tanh())
    del model[0]
    model.insert(1, nn.Linear(3, 1))
    assert [name for name, _ in model.named_children()] == ["0", "1", "2"]
    assert list(model.state_dict()) == ["0.weight", "0.bias", "1.weight", "1.bias"]
    assert model(mg.ones((4, 2))).shape == (4, 1)
    del model[1:]
    assert len(model) == 1
    with pytest.raises(TypeError, match="holds modules, got int"):
        model.insert(0, 3)
    with pytest.raises(TypeError, match="one module at a time"):
        model[:1] = [nn.ReLU()]
    assert len(model) == 1


def test_module_dicts_from_pairs_and_without_a_key():
    blocks = nn.ModuleDict([("a", nn.ReLU()), ("b", nn.Tanh())])
    del blocks["a"]
    assert blocks.keys() == ["b"]
    with pytest.raises(KeyError):
        del blocks["training"]


@pytest.mark.parametrize(("name", "value"), [("weight", [[1.0], [1.0, 2.0]]), (0, [1.0])])
def test_a_ragged_array_or_a_number_for_a_name_in_a_state_dict(name, value):
    layer = nn.Linear(1, 2)
    with pytest.raises(StateError, match=f"{name}"):
        layer.load_state_dict({**layer.state_dict(), name: value})


# -- optimizers -----------------------------------------------------------------------------------


@pytest.mark.parametrize("change", [{"lr": float("nan")}, {"lr": -1.0}, {"lr": "fast"}, {"betas": (2.0, 0.9)}])
def test_hyperparameters_changed_between_steps_are_checked_before_anything_moves(change):
    p, q = nn.Parameter([1.0]), nn.Parameter([2.0])
    optimizer = optim.Adam([{"params": [p]}, {"params": [q]}], lr=0.5)
    p.grad = q.grad = np.ones(1)
    optimizer.step()
    before, right = (p.item(), q.item()), dict(optimizer.param_groups[1])
    optimizer.param_groups[1].update(change)
    with pytest.raises(HyperparameterError, match=f"Adam: {next(iter(change))} is"):
        optimizer.step()
    assert (p.item(), q.item()) == before
    assert optimizer.iterations == 1
    optimizer.param_groups[1].update(right)
    optimizer.step()
    assert optimizer.iterations == 2


def test_a_numpy_rate_set_between_steps_promotes_nothing():
    p = nn.Parameter([1.0])
    optimizer = optim.SGD([p], lr=0.5)
    optimizer.param_groups[0]["lr"] = np.float64(0.25)
    p.grad = np.ones(1)
    optimizer.step()
    assert type(optimizer.lr) is float
    assert p.tolist() == [0.75]


def test_pairs_of_parameters_are_no_names():
    with pytest.raises(DTypeError, match="got tuple"):
        optim.SGD([(nn.Parameter([1.0]), nn.Parameter([2.0]))])


@pytest.mark.parametrize(
    "change", [{"param_groups": 3}, {"param_groups": [3]}, {"state": [1]}, {"state": {"0": 3}}], ids=str
)
def test_a_state_dict_of_another_structure(change):
    optimizer = optim.SGD([nn.Parameter([1.0])])
    with pytest.raises(StateError, match=next(iter(change))):
        optimizer.load_state_dict({**optimizer.state_dict(), **change})


# -- NumPy's functions ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    "call",
    [
        lambda x: np.isfinite(np.ones(2), out=x),
        lambda x: np.isfinite(np.ones(2), x),
        lambda x: np.greater(x, 3, out=(x,)),
        lambda x: np.isposinf(np.ones(2), x),
        lambda x: np.all(np.ones((2, 2)), 0, x),
    ],
)
def test_a_plain_answer_is_not_written_into_a_tensor(call):
    x = leaf([5.0, 7.0])
    with pytest.raises(UnsupportedError, match=r"\(out=\.\.\.\) does not write into a tensor"):
        call(x)
    assert x.tolist() == [5, 7]
    out = np.empty(2, bool)
    assert np.isfinite(x, out=out) is out
    assert out.all()
