"""``load_state_dict`` of modules: what does not fit is listed, and nothing is loaded then."""

import numpy as np
import pytest

from minigrad import nn
from minigrad.errors import StateError


class Model(nn.Module):
    """Two levels deep, for paths."""

    def __init__(self):
        self.encoder = nn.Module()
        self.encoder.hidden = nn.Linear(2, 64)
        self.output = nn.Linear(64, 3)


GOOD = {"encoder.hidden.weight": (64, 2), "encoder.hidden.bias": (64,), "output.weight": (3, 64), "output.bias": (3,)}


@pytest.mark.parametrize(
    ("change", "messages"),
    [
        ({"output.bias": None}, ["missing: output.bias (3,)"]),
        ({"output.bais": (3,)}, ["unexpected: output.bais", "output.bias"]),
        ({"qqqqqq": (3,)}, ["unexpected: qqqqqq"]),
        ({"output.weight": (64, 3)}, ["output.weight", "expected shape (3, 64), got (64, 3)"]),
        ({"output.bias": (1, 3)}, ["output.bias", "expected shape (3,), got (1, 3)"]),
        (
            {"encoder.hidden.bias": None, "output.weight": (3, 1), "extra": (1,)},
            ["missing: encoder.hidden.bias", "unexpected: extra", "output.weight: expected shape (3, 64)"],
        ),
    ],
)
def test_a_failing_load_lists_every_problem_and_changes_nothing(change, messages):
    """Missing, unexpected (with what may be meant) and misshapen entries, all in one message."""
    model = Model()
    before = model.state_dict()
    shapes = {name: shape for name, shape in {**GOOD, **change}.items() if shape is not None}
    with pytest.raises(StateError) as caught:
        model.load_state_dict({name: np.full(shape, 9.0) for name, shape in shapes.items()})
    assert isinstance(caught.value, ValueError)
    for message in (*messages, "nothing was loaded"):
        assert message in str(caught.value)
    for name, array in model.state_dict().items():
        np.testing.assert_array_equal(array, before[name])


@pytest.mark.parametrize("value", [np.array(["a", "b"]), np.array([None, 1]), np.array([1j, 2]), [[1.0], [2.0, 3.0]]])
def test_a_load_of_what_are_no_real_numbers_changes_nothing(value):
    """Text, objects, complex numbers and ragged lists."""
    model = nn.Linear(1, 2, init="he_normal")
    before = model.weight.data.copy()
    with pytest.raises(ValueError):  # noqa: PT011 - a StateError
        model.load_state_dict({"weight": np.zeros((2, 1)), "bias": value})
    np.testing.assert_array_equal(model.weight.data, before)


def test_a_load_into_read_only_memory_changes_nothing():
    """A parameter whose data cannot be written: either all is loaded or nothing."""
    model = nn.Linear(1, 2)
    before = model.weight.data.copy()
    model.bias.data = np.broadcast_to(np.float32(0), 2)
    state = {"weight": np.full((2, 1), 5.0), "bias": np.full(2, 6.0)}
    try:
        model.load_state_dict(state)
    except ValueError:
        np.testing.assert_array_equal(model.weight.data, before)
    else:
        np.testing.assert_array_equal(model.bias.data, state["bias"])


def test_strict_false_loads_what_fits_by_name():
    """Missing and unexpected names pass; a wrong shape still fails."""
    model = nn.Linear(1, 2)
    model.load_state_dict({"bias": [1.0, 2.0], "other": 3}, strict=False)
    assert model.bias.data.tolist() == [1.0, 2.0]
    with pytest.raises(StateError, match=r"bias: expected shape \(2,\), got \(3,\)"):
        model.load_state_dict({"bias": np.zeros(3)}, strict=False)
    wrapped = {f"module.{name}": value for name, value in model.state_dict().items()}
    with pytest.raises(StateError, match=r"none of its names fits: module.weight, module.bias, and here weight, bias"):
        model.load_state_dict(wrapped, strict=False)
    model.load_state_dict({}, strict=False)


@pytest.mark.parametrize("strict", [True, False])
def test_two_values_for_one_shared_tensor_are_refused(strict):
    """Whichever came last would win."""

    class Tied(nn.Module):
        def __init__(self):
            self.a, self.norm = nn.Linear(2, 2), nn.BatchNorm1d(2)
            self.b, self.again = [self.a], {"norm": self.norm}

    tied = Tied()
    before = tied.state_dict()
    for name, other in (("a.bias", "b.0.bias"), ("norm.running_mean", "again.norm.running_mean")):
        state = {**before, "a.weight": before["a.weight"] + 1, "b.0.weight": before["a.weight"] + 1}
        state[other] = state[other] + 1
        with pytest.raises(StateError, match=rf"{name} and {other} are one \w+ here, and have two values"):
            tied.load_state_dict(state, strict)
        assert all((array == before[key]).all() for key, array in tied.state_dict().items())
    state["again.norm.running_mean"] = state["norm.running_mean"]
    state["a.bias"] = state["b.0.bias"] = np.array([np.nan, 1])  # one value, of another dtype
    tied.load_state_dict(state, strict)
    assert tied.b[0].bias.data[1] == 1
    del state["b.0.bias"]
    tied.load_state_dict(state, strict=False)
