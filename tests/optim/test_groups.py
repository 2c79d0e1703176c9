"""Parameters in groups, by name."""

import numpy as np
import pytest

import minigrad as mg
from minigrad import nn, optim
from minigrad.errors import DTypeError, HyperparameterError
from tests.optim.formulas import (
    CASES,
    parameters,
)
from tests.optim.test_optimizer import RNG, P, case


@case
def test_groups_have_settings_of_their_own(case):
    """Each group equals an optimizer of its own with these settings."""
    make, _, _, settings = CASES[case]
    together, alone = parameters([(3,), (2, 2)]), parameters([(3,), (2, 2)])
    own = {"lr": 0.3, "decay": 0.5}
    one = make([{"params": together[:1]}, {"params": together[1:], **own}], lr=0.1, **settings)
    others = [make(alone[:1], lr=0.1, **settings), make(alone[1:], **own, **settings)]
    rng = RNG(0)
    for _ in range(3):
        for p, q in zip(together, alone, strict=True):
            p.grad = q.grad = rng.normal(size=p.shape)
        for optimizer in (one, *others):
            optimizer.step()
    for p, q in zip(together, alone, strict=True):
        np.testing.assert_allclose(p.data, q.data, rtol=1e-14)
    assert one.current_lr == others[0].current_lr


def computed():
    return mg.tensor([1.0], requires_grad=True) * 2


BAD_PARAMETERS = {
    "none": (list, HyperparameterError, "SGD got no parameters: pass model.parameters()"),
    "an empty group": (lambda: [{"params": []}], HyperparameterError, "SGD got no parameters"),
    "of a module without any": (lambda: nn.ReLU().parameters(), HyperparameterError, "SGD got no parameters"),
    "a module": (
        lambda: nn.Linear(1, 1),
        DTypeError,
        "takes a list of parameters, got one Linear: pass model.parameters()",
    ),
    "one parameter": (lambda: P, DTypeError, "got one Parameter: pass model.parameters()"),
    "a dict": (lambda: {"params": [P]}, DTypeError, "got one dict: pass model.parameters()"),
    "arrays": (lambda: [np.ones(2)], DTypeError, "got ndarray: pass model.parameters()"),
    "numbers": (lambda: [1.0], DTypeError, "got float"),
    "text": (lambda: "weights", DTypeError, "got str"),
    "None": (lambda: None, DTypeError, "NoneType"),
    "a number": (lambda: 3, DTypeError, "int"),
    "a triple": (lambda: [("a", P, 1)], DTypeError, "pass model.parameters()"),
    "a set": (lambda: {P}, DTypeError, "in an order, by which its state is saved and loaded, got a set"),
    "a set in a group": (lambda: [{"params": frozenset({P})}], DTypeError, "got a frozenset: pass model.parameters()"),
    "twice": (lambda: [P, P], HyperparameterError, "parameter '1' is given twice"),
    "twice in groups": (lambda: [{"params": [P]}, {"params": [P]}], HyperparameterError, "is given twice"),
    "two of one name": (lambda: [("a", P), ("a", nn.Parameter([2.0]))], HyperparameterError, "'a'"),
    "integers": (lambda: [mg.tensor(np.arange(3))], DTypeError, "dtype int64"),
    "computed": (lambda: [computed()], DTypeError, "the result of an operation"),
    "a group without params": (lambda: [{"lr": 0.1}], HyperparameterError, "has the key 'params'"),
    "an unknown setting": (lambda: [{"params": [P], "rho": 1}], HyperparameterError, "SGD has no hyperparameter 'rho'"),
}


@pytest.mark.parametrize("bad", BAD_PARAMETERS)
def test_parameters_that_cannot_be_optimized(bad):
    """The message says what was got and what to pass; the parameters are as before."""
    build, error, message = BAD_PARAMETERS[bad]
    data = P.data
    with pytest.raises(error) as caught:
        optim.SGD(build())
    assert message in str(caught.value)
    assert P.data is data
    assert P.data.tolist() == [1.0]


def test_the_parameters_of_a_group_stay():
    """Others are for another optimizer."""
    p = nn.Parameter([1.0])
    optimizer = optim.SGD([p])
    optimizer.param_groups[0]["params"] = (P,)
    with pytest.raises(HyperparameterError, match="set when SGD is made: make a new one for others"):
        optimizer.step()


def test_two_groups_with_parameters_of_one_name():
    """The second has the number of its group before it."""
    pairs = [[("w", nn.Parameter([1.0]))] for _ in range(3)]
    optimizer = optim.SGD([{"params": pair} for pair in pairs])
    assert [group["params"] for group in optimizer.state_dict()["param_groups"]] == [["w"], ["1.w"], ["2.w"]]
